// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * bench-gstreamer: plays one GStreamer pipeline on a PTP clock.
 *
 * gst-launch-1.0 cannot choose the PTP clock, wait until it is synchronised, which a sender or
 * receiver that follows RFC 7273 needs, nor make RTP timestamps
 * count from the PTP epoch (it does so for a payloader named `pay`).
 */
#include <glib-unix.h>
#include <gst/gst.h>
#include <gst/net/net.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#define SYNC_WAIT (30 * GST_SECOND)
#define SETTLE_US (10 * G_USEC_PER_SEC) /* the first estimates of the path delay are poor */
#define RATE_HZ   48000

struct peer {
    GMainLoop *loop;
    GstElement *pipeline;
    bool failed, told;
};

static gboolean end_loop(gpointer data)
{
    struct peer *p = data;

    g_main_loop_quit(p->loop);
    return G_SOURCE_REMOVE;
}

/* What the pipeline promises from its source's time stamps to its sink, which for live sources is constant.
 */
static void tell_latency(struct peer *p)
{
    GstQuery *query = gst_query_new_latency();
    GstClockTime least = 0;

    if (!p->told && gst_element_query(p->pipeline, query)) {
        gst_query_parse_latency(query, NULL, &least, NULL);
        printf("playing, latency %.3f ms\n", (double)least / GST_MSECOND);
        fflush(stdout);
        p->told = true;
    }
    gst_query_unref(query);
}

static gboolean on_message(GstBus *bus, GstMessage *message, gpointer data)
{
    struct peer *p = data;
    GError *error = NULL;

    (void)bus;
    switch (GST_MESSAGE_TYPE(message)) {
    case GST_MESSAGE_ERROR:
        gst_message_parse_error(message, &error, NULL);
        fprintf(stderr, "bench-gstreamer: %s: %s\n", GST_OBJECT_NAME(message->src), error->message);
        g_error_free(error);
        p->failed = true;
        g_main_loop_quit(p->loop);
        break;
    case GST_MESSAGE_LATENCY:
        gst_bin_recalculate_latency(GST_BIN(p->pipeline));
        break;
    case GST_MESSAGE_STATE_CHANGED: {
        GstState now = GST_STATE_NULL;

        gst_message_parse_state_changed(message, NULL, &now, NULL);
        if (message->src == GST_OBJECT(p->pipeline) && now == GST_STATE_PLAYING)
            tell_latency(p);
        break;
    }
    default:
        break;
    }
    return G_SOURCE_CONTINUE;
}

/* The PTP clock of a domain once it is synchronised, or NULL, having said why. The caller unrefs. */
static GstClock *synchronised_clock(guint domain, const char *interface)
{
    gchar *interfaces[] = {g_strdup(interface), NULL};
    GstClock *clock = NULL;
    bool ready = gst_ptp_init(GST_PTP_CLOCK_ID_NONE, interfaces);

    g_free(interfaces[0]);
    if (!ready) {
        fprintf(stderr, "bench-gstreamer: cannot start PTP on '%s': run as root\n", interface);
        return NULL;
    }
    clock = gst_ptp_clock_new("ptp", domain);
    if (clock && gst_clock_wait_for_sync(clock, SYNC_WAIT)) {
        g_usleep(SETTLE_US);
    } else {
        fprintf(stderr,
                "bench-gstreamer: no synchronisation on '%s', PTP domain %u: is there a grandmaster?\n",
                interface, domain);
        gst_clear_object(&clock);
    }
    return clock;
}

/*
 * RTP timestamps count from the pipeline's base time plus the payloader's offset; make that the PTP epoch.
 * (With the base time itself at the epoch, alsasrc overflows its segment counter.) A whole second is a whole
 * number of frames.
 */
static void stamp_from_epoch(struct peer *p, GstClockTime base)
{
    GstElement *pay = gst_bin_get_by_name(GST_BIN(p->pipeline), "pay");

    if (!pay)
        return;
    g_object_set(pay, "timestamp-offset", (guint)(base / GST_SECOND * RATE_HZ), NULL);
    gst_object_unref(pay);
}

static bool play(struct peer *p, GstClock *clock)
{
    GstBus *bus = gst_element_get_bus(p->pipeline);
    GstClockTime now = gst_clock_get_time(clock), base = now - now % GST_SECOND;

    gst_bus_add_watch(bus, on_message, p);
    gst_object_unref(bus);
    gst_pipeline_use_clock(GST_PIPELINE(p->pipeline), clock);
    gst_element_set_start_time(p->pipeline, GST_CLOCK_TIME_NONE);
    gst_element_set_base_time(p->pipeline, base);
    stamp_from_epoch(p, base);
    g_unix_signal_add(SIGINT, end_loop, p);
    g_unix_signal_add(SIGTERM, end_loop, p);
    if (gst_element_set_state(p->pipeline, GST_STATE_PLAYING) == GST_STATE_CHANGE_FAILURE)
        p->failed = true;
    else
        g_main_loop_run(p->loop);
    gst_element_set_state(p->pipeline, GST_STATE_NULL);
    return !p->failed;
}

int main(int argc, char **argv)
{
    struct peer p = {0};
    GstClock *clock = NULL;
    GError *error = NULL;
    int code = 1;

    if (argc != 4) {
        fprintf(stderr, "usage: bench-gstreamer PTP-DOMAIN INTERFACE PIPELINE\n");
        return 2;
    }
    gst_init(NULL, NULL);
    p.loop = g_main_loop_new(NULL, FALSE);
    p.pipeline = gst_parse_launch(argv[3], &error);
    if (!p.pipeline || error) {
        fprintf(stderr, "bench-gstreamer: bad pipeline: %s\n", error->message);
        goto out;
    }
    clock = synchronised_clock((guint)strtoul(argv[1], NULL, 10), argv[2]);
    if (clock && play(&p, clock))
        code = 0;
out:
    g_clear_error(&error);
    gst_clear_object(&clock);
    gst_clear_object(&p.pipeline);
    g_main_loop_unref(p.loop);
    return code;
}
