// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Booth: what a sender that runs is told at its control socket (proto/host/remote.h).
 *
 *     status                   how it stands
 *     mute [yes|no]            silence is sent instead of the sound
 *     talk [on|off|toggle]     where a gate keeps sound back; the answer says how it then is
 *
 * Control thread only.
 */
#ifndef UNISONO_BOOTH_H
#define UNISONO_BOOTH_H

#include <stdbool.h>

#include "audience.h"
#include "proto/host/remote.h"
#include "send_options.h"
#include "transmit.h"

struct booth {
    struct remote *remote; /* NULL: none */
    const char *name;
    bool gated;
    struct transmit *transmit;
    const struct audience *audience; /* NULL: nobody can be heard */
};

/*
 * Of a transmission that has been started; that, the audience and the name outlive the booth. Where no socket
 * can be had, the log says so, and the sender goes on without.
 */
void booth_open(struct booth *booth, const struct send_options *options, const char *name,
                struct transmit *transmit, const struct audience *audience);
void booth_close(struct booth *booth);

#endif
