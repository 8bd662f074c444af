// SPDX-License-Identifier: GPL-3.0-or-later
#include "sap.h"

#include <errno.h>
#include <string.h>

#define SAP_VERSION  1
#define HEADER_BYTES 8 /* with an origin of IPv4 */

enum {
    FLAG_IPV6 = 0x10,
    FLAG_DELETION = 0x04,
    FLAG_ENCRYPTED = 0x02,
    FLAG_COMPRESSED = 0x01,
};

static const char sdp_type[] = "application/sdp";

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
