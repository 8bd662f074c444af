// SPDX-License-Identifier: GPL-3.0-or-later
#include "doctor_options.h"

#define MEMBER(member) OPTION_MEMBER(struct doctor_options, member)

static const struct option_spec specs[] = {
    {.group = "What will be used",
     .name = "interface",
     .kind = OPTION_TEXT,
     MEMBER(interface),
     .argument = "IF",
     .help = "network interface, its name or IPv4 address; without it the one the routing table picks"},
    {.group = "What will be used",
     .name = "group",
     .kind = OPTION_TEXT,
     MEMBER(group),
     .standard = "239.69.83.1:5004",
     .argument = "ADDR[:PORT]",
     .help = "IPv4 multicast address of the stream",
     .check = option_check_group},
    {.group = "What will be used",
     .name = "device",
     .kind = OPTION_TEXT,
     MEMBER(device),
     .argument = "ALSA_PCM",
     .help = "sound card to be used, such as hw:0; it is opened for a moment, and nothing is played. Without "
             "it the cards are listed"},
    {.group = "What will be used",
     .name = "clock",
     .kind = OPTION_TEXT,
     MEMBER(clock),
     .standard = "auto",
     .argument = "CLOCK",
     .help = "as for unisono-send and unisono-recv: auto, system, ptp4l, ptp4l:SOCKET, phc:DEVICE or "
             "phc:INTERFACE",
     .check = option_check_clock},
    {.group = "What will be used",
     .name = "ptp-domain",
     .kind = OPTION_INTEGER,
     MEMBER(ptp_domain),
     .standard = "0",
     .min = 0,
     .max = 127,
     .argument = "N",
     .help = "PTP domain that ptp4l must be in"},
    {.group = "Running",
     .name = "listen",
     .kind = OPTION_INTEGER,
     MEMBER(listen_s),
     .standard = "0",
     .min = 0,
     .max = 600,
     .unit = "s",
     .argument = "SECONDS",
     .help = "wait for an IGMP query so long at most; 130 are enough for certain. Needs root"},
    {.group = "Running",
     .name = "json",
     .kind = OPTION_FLAG,
     MEMBER(json),
     .help = "print one JSON object instead of lines"},
};

const struct options_program doctor_options_program = {
    .name = "unisono-doctor",
    .usage = "[--OPTION VALUE]...",
    .summary =
        "Checks whether this machine is ready to send or play in step: PTP, network, real-time limits, "
        "sound card. Prints PASS, WARN, FAIL or SKIP for each check, and the remedy. Changes nothing. "
        "Ends with status 0 when all is well, 1 when the worst is a WARN, 2 when it is a FAIL, 64 when "
        "the command line is wrong, 74 when the output cannot be written.",
    .examples = "  unisono-doctor\n"
                "  unisono-doctor --interface eth0 --device hw:0 --clock ptp4l\n"
                "  sudo unisono-doctor --interface eth0 --listen 130\n"
                "\nMore in unisono-doctor(1).\n",
    .specs = specs,
    .count = sizeof specs / sizeof *specs,
};
