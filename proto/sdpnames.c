// SPDX-License-Identifier: GPL-3.0-or-later
#include "sdpnames.h"

#include <string.h>

#include "printable.h"

static struct slice trim(struct slice text)
{
    while (text.len > 0 && text.at[0] == ' ')
        text = (struct slice){text.at + 1, text.len - 1};
    while (text.len > 0 && text.at[text.len - 1] == ' ')
        text.len--;
    return text;
}

/* Adds a name to a line of `used` bytes. Its new length; 0 when it does not fit. */
static size_t add(char *line, size_t used, struct slice name)
{
    size_t comma = used > 0 ? 2 : 0;

    if (name.len == 0 || used + comma + name.len >= SDP_NAMES_SIZE)
        return 0;
    memcpy(line + used, ", ", comma);
    used += comma;
    return used + printable_copy(line + used, SDP_NAMES_SIZE - used, name.at, name.len);
}

unsigned sdp_names_copy(char *to, struct slice text)
{
    char line[SDP_NAMES_SIZE] = "";
    bool more = text.len > 0;
    unsigned count = 0;
    size_t used = 0;

    *to = '\0';
    while (more) {
        used = add(line, used, trim(slice_cut(&text, ',', &more)));
        if (used == 0 || ++count > RTP_CHANNELS_MAX)
            return 0;
    }
    memcpy(to, line, used + 1);
    return count;
}

unsigned sdp_names_count(const char *text)
{
    char line[SDP_NAMES_SIZE];

    return sdp_names_copy(line, (struct slice){text, strlen(text)});
}

unsigned sdp_names_of_info(char *to, struct slice info)
{
    struct slice number = slice_word(&info), word = slice_word(&info);
    uint64_t said;
    unsigned count;

    *to = '\0';
    if (!slice_number(number, RTP_CHANNELS_MAX, &said) ||
        (!slice_equals_nocase(word, SLICE("channels:")) && !slice_equals_nocase(word, SLICE("channel:"))))
        return 0;
    count = sdp_names_copy(to, info);
    if (count == said)
        return count;
    *to = '\0';
    return 0;
}

/* ST 2110-30:2017 table 1 */
static const struct {
    struct slice group, names;
} groups[] = {
    {{"M", 1}, {"M", 1}},
    {{"DM", 2}, {"M1, M2", 6}},
    {{"ST", 2}, {"L, R", 4}},
    {{"LtRt", 4}, {"Lt, Rt", 6}},
    {{"51", 2}, {"L, R, C, LFE, Ls, Rs", 20}},
    {{"71", 2}, {"L, R, C, LFE, Lss, Rss, Lrs, Rrs", 32}},
    {{"SGRP", 4}, {"SDI 1, SDI 2, SDI 3, SDI 4", 26}},
};

/* "U07": so many channels of which nothing is known; 0: not of that form. */
static uint64_t undefined_channels(struct slice group)
{
    uint64_t count;

    return slice_skip(&group, SLICE("U")) && slice_number(group, RTP_CHANNELS_MAX, &count) ? count : 0;
}

static size_t add_group(char *line, size_t used, struct slice group)
{
    uint64_t unknown = undefined_channels(group);

    for (size_t i = 0; i < sizeof groups / sizeof *groups; i++)
        if (slice_equals(group, groups[i].group))
            return add(line, used, groups[i].names);
    if (unknown == 0)
        return 0;
    for (used = add(line, used, SLICE("?")); used > 0 && unknown > 1; unknown--)
        used = add(line, used, SLICE("?"));
    return used;
}

unsigned sdp_names_of_order(char *to, struct slice order)
{
    char line[SDP_NAMES_SIZE] = "";
    size_t used = 0;
    bool more = true;

    *to = '\0';
    if (!slice_skip(&order, SLICE("SMPTE2110.(")) || order.len == 0 || order.at[order.len - 1] != ')')
        return 0;
    order.len--;
    while (more) {
        used = add_group(line, used, trim(slice_cut(&order, ',', &more)));
        if (used == 0)
            return 0;
    }
    return sdp_names_copy(to, (struct slice){line, used});
}

void sdp_names_list(const char *line, struct sdp_names *list)
{
    char *at = list->text;

    sdp_names_copy(list->text, (struct slice){line, strlen(line)});
    for (list->count = 0; *at != '\0' && list->count < RTP_CHANNELS_MAX;) {
        char *comma = strstr(at, ", ");

        list->names[list->count++] = at;
        if (!comma)
            break;
        *comma = '\0';
        at = comma + 2;
    }
}
