// SPDX-License-Identifier: GPL-3.0-or-later
/* Session announcements: the input is a datagram of SAP. What is found is built again and found again. */
#include <errno.h>
#include <string.h>

#include "demand.h"
#include "proto/sap.h"

static void demand_built(const struct sap_packet *packet)
{
    uint8_t *datagram = malloc(SAP_OVERHEAD + packet->sdp_len);
    struct sap_packet again;
    size_t len, lost;

    DEMAND(datagram);
    len = sap_build(datagram, packet);
    DEMAND(len <= SAP_OVERHEAD + packet->sdp_len);
    DEMAND(sap_parse(datagram, len, &again) == 0);
    DEMAND(again.deletion == packet->deletion && again.hash == packet->hash);
    DEMAND(again.origin.s_addr == packet->origin.s_addr);
    lost = len > SAP_OVERHEAD && datagram[len - 1] == '\0'; /* a second closing zero */
    DEMAND(again.sdp_len + lost == len - SAP_OVERHEAD);
    if (!packet->deletion)
        DEMAND(len == SAP_OVERHEAD + packet->sdp_len && memcmp(again.sdp, packet->sdp, again.sdp_len) == 0);
    else if (again.sdp_len > 0)
        DEMAND(memcmp(again.sdp, "o=", 2) == 0);
    DEMAND(sap_hash(packet->sdp, packet->sdp_len, packet->hash) != packet->hash);
    DEMAND(sap_hash(packet->sdp, packet->sdp_len, packet->hash) != 0);
    free(datagram);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sap_packet packet, again;
    int result;

    memset(&packet, 0xa5, sizeof packet);
    memset(&again, 0x5a, sizeof again);
    result = sap_parse(data, size, &packet);
    DEMAND(result == sap_parse(data, size, &again));
    DEMAND(result == 0 || result == -EBADMSG || result == -EPROTO || result == -EPROTONOSUPPORT);
    if (result < 0)
        return 0;
    DEMAND(packet.deletion == again.deletion && packet.hash == again.hash && packet.sdp == again.sdp);
    DEMAND(packet.origin.s_addr == again.origin.s_addr && packet.sdp_len == again.sdp_len);

    /* 1 of version, 0 of IPv6, encrypted and compressed; behind the authentication; to the end or nearly */
    DEMAND((data[0] & 0xf3) == 0x20 && packet.deletion == ((data[0] & 4) != 0));
    DEMAND(packet.hash == (data[2] << 8 | data[3]) && memcmp(&packet.origin, data + 4, 4) == 0);
    DEMAND(packet.sdp >= (const char *)data + 8 + 4 * data[1]);
    DEMAND(packet.sdp + packet.sdp_len <= (const char *)data + size);
    DEMAND((const char *)data + size - (packet.sdp + packet.sdp_len) <= 1);
    DEMAND(packet.sdp_len > 0 || packet.deletion);
    if (packet.sdp_len != 1 || packet.sdp[0] != '\0') /* which would be taken for a closing zero */
        demand_built(&packet);
    return 0;
}
