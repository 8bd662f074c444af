// SPDX-License-Identifier: GPL-3.0-or-later
#include "sap.h"

#include <errno.h>
#include <string.h>

#include "slice.h"

#define SAP_VERSION  1
#define HEADER_BYTES 8 /* with an origin of IPv4 */

enum {
    FLAG_IPV6 = 0x10,
    FLAG_DELETION = 0x04,
    FLAG_ENCRYPTED = 0x02,
    FLAG_COMPRESSED = 0x01,
};

static const char sdp_type[] = "application/sdp";

_Static_assert(SAP_OVERHEAD == HEADER_BYTES + sizeof sdp_type, "what sap_build() puts in front");

/* Media types are compared without regard to case (RFC 2045 section 5.1). */
static bool is_sdp_type(const uint8_t *type, size_t len)
{
    if (len != sizeof sdp_type - 1)
        return false;
    for (size_t i = 0; i < len; i++)
        if (type[i] != sdp_type[i] && (type[i] < 'A' || type[i] > 'Z' || type[i] + 0x20 != sdp_type[i]))
            return false;
    return true;
}

/* RFC 2974 section 6: without a payload type the payload is a description, and begins as one. */
static bool begins_as_description(const uint8_t *payload, size_t len, bool deletion)
{
    return len == 0 || (len >= 3 && memcmp(payload, "v=0", 3) == 0) ||
           (deletion && len >= 2 && memcmp(payload, "o=", 2) == 0);
}

int sap_parse(const uint8_t *datagram, size_t len, struct sap_packet *packet)
{
    size_t at;

    if (len < 1)
        return -EBADMSG;
    if (datagram[0] >> 5 != SAP_VERSION)
        return -EPROTO;
    if (len < HEADER_BYTES)
        return -EBADMSG;
    if (datagram[0] & (FLAG_IPV6 | FLAG_ENCRYPTED | FLAG_COMPRESSED))
        return -EPROTONOSUPPORT;
    packet->deletion = datagram[0] & FLAG_DELETION;
    packet->hash = (uint16_t)(datagram[2] << 8 | datagram[3]);
    memcpy(&packet->origin, datagram + 4, sizeof packet->origin);

    at = HEADER_BYTES + (size_t)datagram[1] * 4;
    if (at > len)
        return -EBADMSG;
    if (!begins_as_description(datagram + at, len - at, packet->deletion)) {
        size_t end = at;

        while (end < len && datagram[end] != '\0')
            end++;
        if (end == len)
            return -EBADMSG;
        if (!is_sdp_type(datagram + at, end - at))
            return -EPROTONOSUPPORT;
        at = end + 1;
    }
    if (at < len && datagram[len - 1] == '\0')
        len--;
    if (at == len && !packet->deletion)
        return -EBADMSG;
    packet->sdp = (const char *)datagram + at;
    packet->sdp_len = len - at;
    return 0;
}

/* ---- building --------------------------------------------------------------------------------------- */

/* Nothing when there is none. */
static struct slice origin_line(const char *sdp, size_t sdp_len)
{
    struct slice rest = {sdp, sdp_len};

    while (rest.len > 0) {
        bool ended;
        struct slice text = slice_cut(&rest, '\n', &ended), line = text;

        if (slice_skip(&text, SLICE("o=")))
            return (struct slice){line.at, line.len + ended};
    }
    return rest;
}

size_t sap_build(uint8_t *to, const struct sap_packet *packet)
{
    struct slice payload = {packet->sdp, packet->sdp_len};

    if (packet->deletion)
        payload = origin_line(packet->sdp, packet->sdp_len);
    to[0] = (uint8_t)(SAP_VERSION << 5 | (packet->deletion ? FLAG_DELETION : 0));
    to[1] = 0;
    to[2] = (uint8_t)(packet->hash >> 8);
    to[3] = (uint8_t)packet->hash;
    memcpy(to + 4, &packet->origin, sizeof packet->origin);
    memcpy(to + HEADER_BYTES, sdp_type, sizeof sdp_type);
    if (payload.len > 0)
        memcpy(to + SAP_OVERHEAD, payload.at, payload.len);
    return SAP_OVERHEAD + payload.len;
}

/* FNV-1a, folded */
uint16_t sap_hash(const char *sdp, size_t sdp_len, uint16_t before)
{
    uint32_t sum = 0x811c9dc5;
    uint16_t hash;

    for (size_t i = 0; i < sdp_len; i++)
        sum = (sum ^ (uint8_t)sdp[i]) * 0x01000193;
    hash = (uint16_t)(sum >> 16 ^ sum);
    while (hash == 0 || hash == before)
        hash++;
    return hash;
}
