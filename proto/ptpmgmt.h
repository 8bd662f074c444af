// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * PTP management messages (IEEE 1588-2008 clause 15), the part a client of a local ptp4l needs: build a GET,
 * read the RESPONSE. Bytes in, structs out; no I/O, no clock, no allocation.
 *
 *   0      34                 44                   48        52       54
 *   +------+------------------+--------------------+---------+--------+---------------+
 *   | PTP  | target port      | hops, hops, action | TLV     | mgmt   | data of the   |
 *   | hdr  | identity         | , reserved         | type len| id     | data set      |
 *   +------+------------------+--------------------+---------+--------+---------------+
 *
 * The client names itself by a source port identity: clock identity zero and a port number of its choice. The
 * answer carries the same identity as its target. Beware: a clock of another domain does not answer at all.
 */
#ifndef UNISONO_PTPMGMT_H
#define UNISONO_PTPMGMT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PTPMGMT_GET_LEN       54
#define PTPMGMT_SUBSCRIBE_LEN 120

/* Longest answer that is worth receiving; every data set below is shorter. */
#define PTPMGMT_MAX_LEN 256

/* "AA-BB-CC-DD-EE-FF-00-11" and the closing zero: the form of SDP (RFC 7273). */
#define PTP_CLOCK_ID_TEXT 24

/* managementId. Those above 0xC000 are extensions of linuxptp. */
enum ptpmgmt_id {
    PTPMGMT_DEFAULT_DATA_SET = 0x2000,
    PTPMGMT_CURRENT_DATA_SET = 0x2001,
    PTPMGMT_PARENT_DATA_SET = 0x2002,
    PTPMGMT_TIME_PROPERTIES_DATA_SET = 0x2003,
    PTPMGMT_PORT_DATA_SET = 0x2004,
    PTPMGMT_TIME_STATUS_NP = 0xC000,
    PTPMGMT_GRANDMASTER_SETTINGS_NP = 0xC001,
    PTPMGMT_SUBSCRIBE_EVENTS_NP = 0xC003, /* no data in the answer that are of use */
};

/* What linuxptp tells unasked, as data sets to whoever subscribed. Those that a version does not know it
 * ignores. */
enum ptpmgmt_event {
    PTPMGMT_EVENT_PORT_STATE = 1, /* PORT_DATA_SET */
    PTPMGMT_EVENT_TIME_SYNC = 2,  /* TIME_STATUS_NP, at each Sync; since 4.0 */
    PTPMGMT_EVENT_PARENT = 4,     /* PARENT_DATA_SET; since 4.2 */
};

/* portState, IEEE 1588-2008 table 8; GRAND_MASTER is linuxptp's own. */
enum ptp_port_state {
    PTP_PORT_INITIALIZING = 1,
    PTP_PORT_FAULTY,
    PTP_PORT_DISABLED,
    PTP_PORT_LISTENING,
    PTP_PORT_PRE_MASTER,
    PTP_PORT_MASTER,
    PTP_PORT_PASSIVE,
    PTP_PORT_UNCALIBRATED,
    PTP_PORT_SLAVE,
    PTP_PORT_GRAND_MASTER,
};

struct ptp_clock_id {
    uint8_t byte[8];
};

struct ptp_default_data_set {
    bool slave_only;
    uint16_t ports;
    uint8_t priority1, priority2;
    uint8_t clock_class;
    struct ptp_clock_id clock_id;
    uint8_t domain;
};

struct ptp_current_data_set {
    uint16_t steps_removed;
    int64_t offset_ns;          /* this clock minus the master */
    int64_t mean_path_delay_ns; /* 0: not measured yet */
};

struct ptp_parent_data_set {
    struct ptp_clock_id parent_id;
    uint16_t parent_port;
    uint8_t gm_priority1, gm_priority2;
    uint8_t gm_class;
    struct ptp_clock_id gm_id;
};

struct ptp_time_properties {
    int16_t utc_offset_s; /* TAI - UTC */
    bool utc_offset_valid;
    bool ptp_timescale; /* false: an arbitrary timescale; a software grandmaster of linuxptp sends UTC */
    bool time_traceable;
    bool frequency_traceable;
    uint8_t time_source;
};

struct ptp_port_data_set {
    struct ptp_clock_id clock_id;
    uint16_t port; /* from 1 */
    uint8_t state; /* enum ptp_port_state, but as received: may be outside it */
    int8_t log_announce_interval, log_sync_interval, log_min_delay_req_interval;
};

/*
 * The newest Sync a clock has taken in: its arrival time by the local clock and the offset (local minus
 * master, path delay removed) computed from it. Neither gm_present nor gm_id tells that the master still
 * lives: both stay when it dies.
 */
struct ptp_time_status {
    int64_t master_offset_ns;
    int64_t ingress_time_ns; /* 0: none yet */
    bool gm_present;         /* false: this clock is itself the grandmaster */
    struct ptp_clock_id gm_id;
};

/* What the clock would announce as grandmaster, whoever is grandmaster now. */
struct ptp_gm_settings {
    int16_t utc_offset_s; /* also what linuxptp takes TAI - UTC to be */
};

struct ptpmgmt_reply {
    enum ptpmgmt_id id;
    uint16_t error; /* managementErrorId; not 0: the GET of `id` was refused, no data follow */
    uint8_t domain;
    uint16_t sequence;
    union {
        struct ptp_default_data_set default_ds;
        struct ptp_current_data_set current;
        struct ptp_parent_data_set parent;
        struct ptp_time_properties time_properties;
        struct ptp_port_data_set port;
        struct ptp_time_status time_status;
        struct ptp_gm_settings gm_settings;
    };
};

/*
 * Writes a GET of `id` to any clock of `domain` that listens on the socket it is sent to (no boundary hops:
 * it never leaves the machine). `client` is the port number the answer must come back to.
 */
void ptpmgmt_build_get(uint8_t out[PTPMGMT_GET_LEN], enum ptpmgmt_id id, uint8_t domain, uint16_t client,
                       uint16_t sequence);

/*
 * Writes a SET of SUBSCRIBE_EVENTS_NP: for the next `seconds` the `events` (enum ptpmgmt_event, or-ed) are to
 * be told to `client`. To be renewed before it ends. A read-only socket refuses it, and needs the privilege
 * of a writing one.
 */
void ptpmgmt_build_subscribe(uint8_t out[PTPMGMT_SUBSCRIBE_LEN], unsigned events, uint16_t seconds,
                             uint8_t domain, uint16_t client, uint16_t sequence);

/*
 * Reads an answer to `client`. Returns 0 with *reply filled, or with reply->error set when the clock refused;
 * -EBADMSG: malformed; -EPROTO: sound, but not an answer to this client or of a data set unknown here. *reply
 * is undefined after an error. Domain and sequence are left to the caller to judge.
 */
int ptpmgmt_parse(const uint8_t *msg, size_t len, uint16_t client, struct ptpmgmt_reply *reply);

bool ptp_clock_id_equal(const struct ptp_clock_id *a, const struct ptp_clock_id *b);

/* As one number, the first octet the highest; and back. */
uint64_t ptp_clock_id_number(const struct ptp_clock_id *id);
struct ptp_clock_id ptp_clock_id_of_number(uint64_t number);

void ptp_clock_id_text(const struct ptp_clock_id *id, char out[PTP_CLOCK_ID_TEXT]);

/* "SLAVE" and so on, as in the logs of ptp4l; "unknown" for a number that means nothing. */
const char *ptp_port_state_name(uint8_t state);

#endif
