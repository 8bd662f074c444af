// SPDX-License-Identifier: GPL-3.0-or-later
#include "endpoint.h"

#include <errno.h>
#include <sys/socket.h>

/*
 * What oRTP calls instead of its sockets. A failure is reported as 0 bytes sent: on a negative result the
 * library logs, to an address that a transport of one's own does not have, and crashes.
 */
static int send_message(RtpTransport *transport, mblk_t *message, int flags, const struct sockaddr *to,
                        socklen_t to_len)
{
    struct endpoint *endpoint = transport->data;
    struct iovec part = {message->b_rptr, (size_t)(message->b_wptr - message->b_rptr)};
    struct msghdr datagram = {.msg_iov = &part, .msg_iovlen = 1};
    ssize_t sent = sendmsg(endpoint->fd, &datagram, flags | MSG_DONTWAIT | MSG_NOSIGNAL);

    (void)to;
    (void)to_len;
    endpoint->result = sent < 0 ? -errno : 0;
    return sent < 0 ? 0 : (int)sent;
}

static int receive_message(RtpTransport *transport, mblk_t *message, int flags, struct sockaddr *from,
                           socklen_t *from_len)
{
    (void)transport;
    (void)message;
    (void)flags;
    (void)from;
    (void)from_len;
    return 0;
}

static ortp_socket_t get_socket(RtpTransport *transport)
{
    return ((struct endpoint *)transport->data)->fd;
}

/* oRTP closes and destroys transports with the session; ours belong to the caller. */
static void keep(RtpTransport *transport)
{
    (void)transport;
}

void endpoint_init(struct endpoint *endpoint)
{
    *endpoint = (struct endpoint){
        .transport = {.data = endpoint,
                      .t_getsocket = get_socket,
                      .t_sendto = send_message,
                      .t_recvfrom = receive_message,
                      .t_close = keep,
                      .t_destroy = keep},
        .fd = -1,
    };
}

RtpSession *endpoint_session(uint32_t ssrc, struct endpoint *rtp_by, struct endpoint *rtcp_by)
{
    /* SENDONLY would poll for RTCP in every send; without bandwidth no report is ever scheduled */
    RtpSession *session = rtp_session_new(RTP_SESSION_SENDRECV);
    RtpTransport *rtp = NULL, *rtcp = NULL;

    if (!session)
        return NULL;
    rtp_session_set_ssrc(session, ssrc);
    rtp_session_set_target_upload_bandwidth(session, 0);
    rtp_session_get_transports(session, &rtp, &rtcp);
    if (rtp_by)
        meta_rtp_transport_set_endpoint(rtp, &rtp_by->transport);
    if (rtcp_by)
        meta_rtp_transport_set_endpoint(rtcp, &rtcp_by->transport);
    return session;
}

mblk_t *endpoint_wrap(uint8_t *bytes, size_t len)
{
    mblk_t *message = esballoc(bytes, len, 0, NULL);

    message->b_wptr = message->b_rptr + len;
    return message;
}

int endpoint_say(RtpSession *session, struct endpoint *rtcp, uint8_t *compound, size_t len)
{
    rtp_session_rtcp_sendm_raw(session, endpoint_wrap(compound, len));
    return rtcp->result;
}
