// SPDX-License-Identifier: GPL-3.0-or-later
#include "playout.h"

#include <math.h>

struct media_pos playout_wanted(const struct playout *p, frame_t n)
{
    ptp_ns due = clock_map_ptp(&p->map, card_line_raw(&p->line, n));

    return media_pos_at_ptp((ptp_ns){due.ns - p->link_ns}, p->rate_hz);
}

double playout_step(const struct playout *p)
{
    return p->line.period_ns * (1 + p->map.rate_dev) * p->rate_hz / 1e9;
}

frame_t playout_frame_due(const struct playout *p, media_t m)
{
    ptp_ns due = {ptp_at_media(m, p->rate_hz).ns + p->link_ns};
    double frames = card_line_frames_since(&p->line, clock_map_raw(&p->map, due));

    return (frame_t){p->line.frame0.n + (int64_t)floor(frames)};
}
