// SPDX-License-Identifier: GPL-3.0-or-later
#include "checks.h"

check_function *const all_checks[] = {
    check_ptp4l,     check_ptp4l_single,  check_timestamping, check_phc,        check_ptp_ports,
    check_phc2sys,   check_clock_daemons, check_tai,          check_leap,

    check_interface, check_link,          check_eee,          check_coalescing, check_mtu,
    check_route,     check_igmp,          check_rp_filter,    check_querier,    check_receive_buffer,

    check_realtime,  check_memlock,       check_throttling,   check_kernel,     check_governor,
    check_idle,      check_cpus,          check_virtual,

    check_cards,     check_device,        check_format,       check_rates,
};

const size_t all_checks_count = sizeof all_checks / sizeof *all_checks;
