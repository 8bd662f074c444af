// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The checks, in the order in which they are told. Each looks at one thing, by the probe alone, and says what
 * it found; what each result means is in unisono-doctor(1). Those of one file belong together:
 *
 *     check_ptp.c  check_network.c  check_machine.c  check_sound.c
 */
#ifndef UNISONO_CHECKS_H
#define UNISONO_CHECKS_H

#include "finding.h"
#include "probe.h"

typedef struct finding check_function(const struct probe *probe);

check_function check_ptp4l, check_ptp4l_single, check_timestamping, check_phc, check_ptp_ports, check_phc2sys,
    check_clock_daemons, check_tai, check_leap;
check_function check_interface, check_link, check_eee, check_coalescing, check_mtu, check_route, check_igmp,
    check_rp_filter, check_querier, check_receive_buffer;
check_function check_realtime, check_memlock, check_throttling, check_kernel, check_governor, check_idle,
    check_cpus, check_virtual;
check_function check_cards, check_device, check_format, check_rates;

extern check_function *const all_checks[];
extern const size_t all_checks_count;

/* What the interface can stamp, by ETHTOOL_GET_TS_INFO. */
struct stamping {
    int error; /* 0, or why it is not known */
    bool hardware, software;
    int phc; /* /dev/ptpN; -1: none */
};

struct stamping stamping_of(const struct probe *probe);

#endif
