// SPDX-License-Identifier: GPL-3.0-or-later
#include "view.h"

const char *view_alarm_word(enum view_alarm_kind kind)
{
    static const char *const word[VIEW_ALARM_KINDS] = {[VIEW_ALARM_MISSING] = "missing",
                                                       [VIEW_ALARM_ALIGNMENT] = "alignment",
                                                       [VIEW_ALARM_HEADROOM] = "headroom",
                                                       [VIEW_ALARM_PTP] = "ptp",
                                                       [VIEW_ALARM_GRANDMASTERS] = "grandmasters",
                                                       [VIEW_ALARM_LOSS] = "loss",
                                                       [VIEW_ALARM_XRUN] = "xrun",
                                                       [VIEW_ALARM_DEVICE] = "device",
                                                       [VIEW_ALARM_STREAM] = "stream"};

    return word[kind];
}
