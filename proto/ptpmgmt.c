// SPDX-License-Identifier: GPL-3.0-or-later
#include "ptpmgmt.h"

#include <errno.h>
#include <string.h>

#define VERSION_PTP      2
#define TYPE_MANAGEMENT  0x0d
#define CONTROL_MGMT     4
#define ACTION_GET       0
#define ACTION_SET       1
#define ACTION_RESPONSE  2
#define TLV_MANAGEMENT   1
#define TLV_ERROR_STATUS 2

/* Offsets in the message. */
#define AT_LENGTH      2
#define AT_DOMAIN      4
#define AT_SOURCE_PORT 28
#define AT_SEQUENCE    30
#define AT_CONTROL     32
#define AT_INTERVAL    33
#define AT_TARGET      34
#define AT_TARGET_PORT 42
#define AT_ACTION      46
#define AT_TLV_TYPE    48
#define AT_TLV_LEN     50
#define AT_TLV_BODY    52
#define AT_DATA        54

static uint16_t get16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static uint64_t get64(const uint8_t *p)
{
    uint64_t v = 0;

    for (int i = 0; i < 8; i++)
        v = v << 8 | p[i];
    return v;
}

static void put16(uint8_t *p, unsigned v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static struct ptp_clock_id get_clock_id(const uint8_t *p)
{
    struct ptp_clock_id id;

    memcpy(id.byte, p, sizeof(id.byte));
    return id;
}

/* Everything but the data, of which there are `n` octets. */
static void build_head(uint8_t *out, unsigned action, enum ptpmgmt_id id, size_t n, uint8_t domain,
                       uint16_t client, uint16_t sequence)
{
    memset(out, 0, AT_DATA + n);
    out[0] = TYPE_MANAGEMENT;
    out[1] = VERSION_PTP;
    put16(out + AT_LENGTH, (unsigned)(AT_DATA + n));
    out[AT_DOMAIN] = domain;
    put16(out + AT_SOURCE_PORT, client);
    put16(out + AT_SEQUENCE, sequence);
    out[AT_CONTROL] = CONTROL_MGMT;
    out[AT_INTERVAL] = 0x7f;
    memset(out + AT_TARGET, 0xff, 10);
    out[AT_ACTION] = (uint8_t)action;
    put16(out + AT_TLV_TYPE, TLV_MANAGEMENT);
    put16(out + AT_TLV_LEN, (unsigned)(2 + n));
    put16(out + AT_TLV_BODY, (unsigned)id);
}

void ptpmgmt_build_get(uint8_t out[PTPMGMT_GET_LEN], enum ptpmgmt_id id, uint8_t domain, uint16_t client,
                       uint16_t sequence)
{
    build_head(out, ACTION_GET, id, 0, domain, client, sequence);
}

void ptpmgmt_build_subscribe(uint8_t out[PTPMGMT_SUBSCRIBE_LEN], unsigned events, uint16_t seconds,
                             uint8_t domain, uint16_t client, uint16_t sequence)
{
    build_head(out, ACTION_SET, PTPMGMT_SUBSCRIBE_EVENTS_NP, PTPMGMT_SUBSCRIBE_LEN - AT_DATA, domain, client,
               sequence);
    put16(out + AT_DATA, seconds);
    out[AT_DATA + 2] = (uint8_t)events; /* the first octet of a field of 512 bits */
}

static void read_default(const uint8_t *d, struct ptp_default_data_set *out)
{
    out->slave_only = d[0] & 2;
    out->ports = get16(d + 2);
    out->priority1 = d[4];
    out->clock_class = d[5];
    out->priority2 = d[9];
    out->clock_id = get_clock_id(d + 10);
    out->domain = d[18];
}

static void read_current(const uint8_t *d, struct ptp_current_data_set *out)
{
    /* TimeInterval: nanoseconds times 2^16. */
    out->steps_removed = get16(d);
    out->offset_ns = (int64_t)get64(d + 2) / 65536;
    out->mean_path_delay_ns = (int64_t)get64(d + 10) / 65536;
}

static void read_parent(const uint8_t *d, struct ptp_parent_data_set *out)
{
    out->parent_id = get_clock_id(d);
    out->parent_port = get16(d + 8);
    out->gm_priority1 = d[18];
    out->gm_class = d[19];
    out->gm_priority2 = d[23];
    out->gm_id = get_clock_id(d + 24);
}

static void read_time_properties(const uint8_t *d, struct ptp_time_properties *out)
{
    out->utc_offset_s = (int16_t)get16(d);
    out->utc_offset_valid = d[2] & 0x04;
    out->ptp_timescale = d[2] & 0x08;
    out->time_traceable = d[2] & 0x10;
    out->frequency_traceable = d[2] & 0x20;
    out->time_source = d[3];
}

static void read_port(const uint8_t *d, struct ptp_port_data_set *out)
{
    out->clock_id = get_clock_id(d);
    out->port = get16(d + 8);
    out->state = d[10];
    out->log_min_delay_req_interval = (int8_t)d[11];
    out->log_announce_interval = (int8_t)d[20];
    out->log_sync_interval = (int8_t)d[22];
}

static void read_time_status(const uint8_t *d, struct ptp_time_status *out)
{
    out->master_offset_ns = (int64_t)get64(d);
    out->ingress_time_ns = (int64_t)get64(d + 8);
    out->gm_present = get16(d + 38) | get16(d + 40);
    out->gm_id = get_clock_id(d + 42);
}

/* `n`: octets of data that the TLV holds. Every data set has one size; another size is another format. */
static int read_data(const uint8_t *d, size_t n, struct ptpmgmt_reply *reply)
{
    switch (reply->id) {
    case PTPMGMT_DEFAULT_DATA_SET:
        if (n != 20)
            return -EBADMSG;
        read_default(d, &reply->default_ds);
        return 0;
    case PTPMGMT_CURRENT_DATA_SET:
        if (n != 18)
            return -EBADMSG;
        read_current(d, &reply->current);
        return 0;
    case PTPMGMT_PARENT_DATA_SET:
        if (n != 32)
            return -EBADMSG;
        read_parent(d, &reply->parent);
        return 0;
    case PTPMGMT_TIME_PROPERTIES_DATA_SET:
        if (n != 4)
            return -EBADMSG;
        read_time_properties(d, &reply->time_properties);
        return 0;
    case PTPMGMT_PORT_DATA_SET:
        if (n != 26)
            return -EBADMSG;
        read_port(d, &reply->port);
        return 0;
    case PTPMGMT_TIME_STATUS_NP:
        if (n != 50)
            return -EBADMSG;
        read_time_status(d, &reply->time_status);
        return 0;
    case PTPMGMT_GRANDMASTER_SETTINGS_NP:
        if (n != 8)
            return -EBADMSG;
        reply->gm_settings.utc_offset_s = (int16_t)get16(d + 4);
        return 0;
    case PTPMGMT_SUBSCRIBE_EVENTS_NP:
        return n == PTPMGMT_SUBSCRIBE_LEN - AT_DATA ? 0 : -EBADMSG;
    }
    return -EPROTO;
}

/* managementErrorId, managementId, 4 octets reserved, text (IEEE 1588-2008 15.5.4). */
static int read_error(const uint8_t *body, size_t n, struct ptpmgmt_reply *reply)
{
    if (n < 8)
        return -EBADMSG;
    reply->error = get16(body);
    reply->id = (enum ptpmgmt_id)get16(body + 2);
    return reply->error ? 0 : -EBADMSG;
}

int ptpmgmt_parse(const uint8_t *msg, size_t len, uint16_t client, struct ptpmgmt_reply *reply)
{
    static const uint8_t no_clock[8];
    size_t said, tlv_len;

    if (len < AT_DATA)
        return -EBADMSG;
    /* The high nibbles are transportSpecific and, since 2019, minorVersionPTP: both vary. */
    if ((msg[0] & 0x0f) != TYPE_MANAGEMENT || (msg[1] & 0x0f) != VERSION_PTP)
        return -EPROTO;
    said = get16(msg + AT_LENGTH);
    if (said < AT_DATA || said > len)
        return -EBADMSG;
    tlv_len = get16(msg + AT_TLV_LEN);
    if (tlv_len < 2 || tlv_len > said - AT_TLV_BODY)
        return -EBADMSG;
    if ((msg[AT_ACTION] & 0x0f) != ACTION_RESPONSE ||
        memcmp(msg + AT_TARGET, no_clock, sizeof(no_clock)) != 0 || get16(msg + AT_TARGET_PORT) != client)
        return -EPROTO;

    memset(reply, 0, sizeof(*reply));
    reply->domain = msg[AT_DOMAIN];
    reply->sequence = get16(msg + AT_SEQUENCE);
    switch (get16(msg + AT_TLV_TYPE)) {
    case TLV_MANAGEMENT:
        reply->id = (enum ptpmgmt_id)get16(msg + AT_TLV_BODY);
        return read_data(msg + AT_DATA, tlv_len - 2, reply);
    case TLV_ERROR_STATUS:
        return read_error(msg + AT_TLV_BODY, tlv_len, reply);
    default:
        return -EPROTO;
    }
}

bool ptp_clock_id_equal(const struct ptp_clock_id *a, const struct ptp_clock_id *b)
{
    return memcmp(a->byte, b->byte, sizeof(a->byte)) == 0;
}

uint64_t ptp_clock_id_number(const struct ptp_clock_id *id)
{
    return get64(id->byte);
}

struct ptp_clock_id ptp_clock_id_of_number(uint64_t number)
{
    struct ptp_clock_id id;

    for (int i = 0; i < 8; i++)
        id.byte[i] = (uint8_t)(number >> (56 - 8 * i));
    return id;
}

void ptp_clock_id_text(const struct ptp_clock_id *id, char out[PTP_CLOCK_ID_TEXT])
{
    static const char digit[] = "0123456789ABCDEF";

    for (int i = 0; i < 8; i++) {
        out[3 * i] = digit[id->byte[i] >> 4];
        out[3 * i + 1] = digit[id->byte[i] & 15];
        out[3 * i + 2] = i < 7 ? '-' : '\0';
    }
}

const char *ptp_port_state_name(uint8_t state)
{
    static const char *const name[] = {"unknown",      "INITIALIZING", "FAULTY",      "DISABLED",
                                       "LISTENING",    "PRE_MASTER",   "MASTER",      "PASSIVE",
                                       "UNCALIBRATED", "SLAVE",        "GRAND_MASTER"};

    return name[state < sizeof(name) / sizeof(name[0]) ? state : 0];
}
