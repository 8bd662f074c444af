// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * The parser of PTP management messages. The first two bytes are the client's port, the rest is the message.
 *
 * What is accepted is an answer to this client and no other, and to no question; its fields written anew to
 * where IEEE 1588 has them read the same; what is behind the message does not matter, what is missing does.
 */
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "demand.h"
#include "proto/ptpmgmt.h"

enum { AT_LENGTH = 2, AT_TARGET_PORT = 42, AT_ACTION = 46, AT_TLV_LEN = 50, AT_DATA = 54, BYTES_MAX = 4096 };

static void put(uint8_t *to, uint64_t value, unsigned octets)
{
    while (octets-- > 0)
        *to++ = (uint8_t)(value >> 8 * octets);
}

static void put_id(uint8_t *to, const struct ptp_clock_id *id)
{
    put(to, ptp_clock_id_number(id), 8);
}

static size_t write_clocks(uint8_t *d, const struct ptpmgmt_reply *r)
{
    switch (r->id) {
    case PTPMGMT_DEFAULT_DATA_SET:
        d[0] = r->default_ds.slave_only ? 2 : 0;
        put(d + 2, r->default_ds.ports, 2);
        d[4] = r->default_ds.priority1;
        d[5] = r->default_ds.clock_class;
        d[9] = r->default_ds.priority2;
        put_id(d + 10, &r->default_ds.clock_id);
        d[18] = r->default_ds.domain;
        return 20;
    case PTPMGMT_PARENT_DATA_SET:
        put_id(d, &r->parent.parent_id);
        put(d + 8, r->parent.parent_port, 2);
        d[18] = r->parent.gm_priority1;
        d[19] = r->parent.gm_class;
        d[23] = r->parent.gm_priority2;
        put_id(d + 24, &r->parent.gm_id);
        return 32;
    case PTPMGMT_PORT_DATA_SET:
        put_id(d, &r->port.clock_id);
        put(d + 8, r->port.port, 2);
        d[10] = r->port.state;
        d[11] = (uint8_t)r->port.log_min_delay_req_interval;
        d[20] = (uint8_t)r->port.log_announce_interval;
        d[22] = (uint8_t)r->port.log_sync_interval;
        return 26;
    default:
        return 0;
    }
}

static size_t write_times(uint8_t *d, const struct ptpmgmt_reply *r)
{
    const struct ptp_time_properties *t = &r->time_properties;

    switch (r->id) {
    case PTPMGMT_CURRENT_DATA_SET:
        put(d, r->current.steps_removed, 2);
        put(d + 2, (uint64_t)r->current.offset_ns << 16, 8);
        put(d + 10, (uint64_t)r->current.mean_path_delay_ns << 16, 8);
        return 18;
    case PTPMGMT_TIME_PROPERTIES_DATA_SET:
        put(d, (uint16_t)t->utc_offset_s, 2);
        d[2] = (uint8_t)(t->utc_offset_valid << 2 | t->ptp_timescale << 3 | t->time_traceable << 4 |
                         t->frequency_traceable << 5);
        d[3] = t->time_source;
        return 4;
    case PTPMGMT_TIME_STATUS_NP:
        put(d, (uint64_t)r->time_status.master_offset_ns, 8);
        put(d + 8, (uint64_t)r->time_status.ingress_time_ns, 8);
        put(d + 38, r->time_status.gm_present, 4);
        put_id(d + 42, &r->time_status.gm_id);
        return 50;
    case PTPMGMT_GRANDMASTER_SETTINGS_NP:
        put(d + 4, (uint16_t)r->gm_settings.utc_offset_s, 2);
        return 8;
    case PTPMGMT_SUBSCRIBE_EVENTS_NP:
        return PTPMGMT_SUBSCRIBE_LEN - AT_DATA;
    default:
        return 0;
    }
}

/* An answer made of nothing but what was read. */
static void check_rewritten(const uint8_t *head, const struct ptpmgmt_reply *reply, uint16_t client)
{
    uint8_t msg[PTPMGMT_MAX_LEN] = {0};
    struct ptpmgmt_reply again;
    size_t n = write_clocks(msg + AT_DATA, reply);

    n += write_times(msg + AT_DATA, reply);
    DEMAND(n > 0);
    memcpy(msg, head, AT_DATA);
    put(msg + AT_LENGTH, AT_DATA + n, 2);
    put(msg + AT_TLV_LEN, 2 + n, 2);
    DEMAND(ptpmgmt_parse(msg, AT_DATA + n, client, &again) == 0);
    DEMAND(memcmp(reply, &again, sizeof again) == 0);
}

static void check_edges(const uint8_t *msg, size_t len, uint16_t client, const struct ptpmgmt_reply *reply)
{
    size_t said = (size_t)(msg[AT_LENGTH] << 8 | msg[AT_LENGTH + 1]);
    uint8_t *exact = malloc(len);
    struct ptpmgmt_reply again;

    memcpy(exact, msg, len);
    DEMAND(said <= len);
    DEMAND(ptpmgmt_parse(exact, said, client, &again) == 0 && memcmp(reply, &again, sizeof again) == 0);
    DEMAND(ptpmgmt_parse(exact, said - 1, client, &again) == -EBADMSG);
    DEMAND(ptpmgmt_parse(exact, len, (uint16_t)(client + 1), &again) == -EPROTO);
    exact[AT_ACTION] ^= 2;
    DEMAND(ptpmgmt_parse(exact, len, client, &again) == -EPROTO);
    free(exact);
}

/* What a client says is an answer to nobody, whatever its fields. */
static void check_questions(const uint8_t *data, uint16_t client)
{
    uint8_t get[PTPMGMT_GET_LEN], subscribe[PTPMGMT_SUBSCRIBE_LEN];
    struct ptpmgmt_reply reply;

    ptpmgmt_build_get(get, (enum ptpmgmt_id)(data[2] << 8 | data[3]), data[4], client, data[5]);
    ptpmgmt_build_subscribe(subscribe, data[2], data[3], data[4], client, data[5]);
    DEMAND(ptpmgmt_parse(get, sizeof get, client, &reply) == -EPROTO);
    DEMAND(ptpmgmt_parse(subscribe, sizeof subscribe, client, &reply) == -EPROTO);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *msg = data + 2;
    struct ptpmgmt_reply reply;
    uint16_t client;
    int result;

    if (size < 6 || size > BYTES_MAX)
        return 0;
    client = (uint16_t)(data[0] << 8 | data[1]);
    check_questions(data, client);
    result = ptpmgmt_parse(msg, size - 2, client, &reply);
    DEMAND(result == 0 || result == -EBADMSG || result == -EPROTO);
    if (result != 0)
        return 0;
    DEMAND(client == (msg[AT_TARGET_PORT] << 8 | msg[AT_TARGET_PORT + 1]));
    if (!reply.error)
        check_rewritten(msg, &reply, client);
    check_edges(msg, size - 2, client, &reply);
    return 0;
}
