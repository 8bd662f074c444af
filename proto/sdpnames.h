// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Names of channels, as one line of text: "Left, Right". In a description they stand in the i= of the media
 * section, behind how many they are, as AES67 devices write it:
 *
 *     i=2 channels: Left, Right
 *
 * or as SMPTE ST 2110-30 has it, in groups: a=fmtp:97 channel-order=SMPTE2110.(51,ST). Pure.
 */
#ifndef UNISONO_SDPNAMES_H
#define UNISONO_SDPNAMES_H

#include <stddef.h>

#include "rtp.h"
#include "slice.h"

#define SDP_NAMES_SIZE 256 /* of the line, with the closing zero */

/*
 * Writes the names of `text`, which stand between commas, to the SDP_NAMES_SIZE bytes at `to`: without blanks
 * around them, ", " between, what is not printable replaced by '?'. Returns how many; 0, and nothing is
 * there, when one is empty, or they are more than RTP_CHANNELS_MAX or too long.
 */
unsigned sdp_names_copy(char *to, struct slice text);

/* How many names the text has; 0 as above. */
unsigned sdp_names_count(const char *text);

/* "2 channels: Left, Right" likewise; 0 when it is not so, or not so many. */
unsigned sdp_names_of_info(char *to, struct slice info);

/* "SMPTE2110.(51,ST)" likewise; 0 when it is not so. Channels of groups that are not known are "?". */
unsigned sdp_names_of_order(char *to, struct slice order);

/* The names of a line that sdp_names_copy() made, one by one. */
struct sdp_names {
    unsigned count;
    const char *names[RTP_CHANNELS_MAX]; /* in `text` */
    char text[SDP_NAMES_SIZE];
};

void sdp_names_list(const char *line, struct sdp_names *list);

#endif
