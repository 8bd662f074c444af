// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Capture: the sound card at the sender's end, read into retime.
 */
#ifndef UNISONO_CAPTURE_H
#define UNISONO_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/host/card.h"
#include "retime.h"

struct capture;

/* Opens the card, not yet started. 0, or -errno and one line in `err`. `retime` is borrowed. */
int capture_open(struct capture **capture, const struct card_config *config, struct retime *retime, char *err,
                 size_t err_size);
void capture_close(struct capture *capture);

/*
 * Real-time: asks the card where it stands, and hands what it has to retime. A card that ran over is started
 * again; one that is gone is opened again by later calls, twice a second.
 */
void capture_cycle(struct capture *capture, raw_ns now);

bool capture_present(const struct capture *capture);
uint64_t capture_overruns(const struct capture *capture);
const char *capture_device(const struct capture *capture);
const char *capture_device_warning(const struct capture *capture);

#endif
