// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * A view as metrics for Prometheus: text exposition format 0.0.4, by the rules of its names (base units, one
 * unit a metric, _total for counters). Numbers that are not known are left out.
 *
 * Labels: `stream` and `receiver` are names; where two are the same, or one is empty, " #SSRC" is added, so
 * that each series stands once. Host, device and so on stand in the _info metrics, to be joined.
 */
#ifndef UNISONO_MONITOR_PROMETHEUS_H
#define UNISONO_MONITOR_PROMETHEUS_H

#include <stddef.h>
#include <stdio.h>

#include "view.h"

struct prometheus;

/*
 * Serves GET and HEAD of / and /metrics by HTTP 1.1 at `address`: "ADDR:PORT" or ":PORT" (then 127.0.0.1);
 * port 0 takes a free one. The log says where. Anybody who reaches the address can read. A thread of its own;
 * at most 64 connections, further ones wait; and at most 8 texts: whoever is still at one when the eighth
 * after it is published is cut off, as is who does nothing for 10 s. 0, or -errno and one line in `err`.
 */
int prometheus_start(struct prometheus **p, const char *address, char *err, size_t err_size);

/*
 * Makes this view what is served from now on; until the first, /metrics is 503. Takes as long as the text,
 * some 50 ms for a thousand receivers; no client can make it wait. 0 or -ENOMEM: the old one stays.
 */
int prometheus_publish(struct prometheus *p, const struct view *view);

/* Ends the thread and what it was sending. Takes NULL. */
void prometheus_stop(struct prometheus *p);

/* Writes the text to `out`. 0 or -ENOMEM; errors of `out` are for the caller to see. */
int prometheus_text(FILE *out, const struct view *view);

#endif
