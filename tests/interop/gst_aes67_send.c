// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * gst-aes67-send: GStreamer as an AES67 sender, with a tone whose phase is known.
 *
 *   gst-aes67-send ptp:DOMAIN|system ADDR:PORT INTERFACE HZ [opus]
 *
 * L24 in packets of 1 ms, or Opus in packets of 20 ms.
 *
 * RTP timestamps that are the PTP time of the sound, floor(t * rate) mod 2^32 with offset 0, come from
 * GStreamer when three things meet: the pipeline runs on the PTP clock; its base time is 0, so that running
 * time, of which the payloader makes its timestamps, is that clock's time itself; and the payloader's own
 * offset is 0. gst-launch-1.0 can set the last alone.
 *
 * The tone begins at a whole second of the clock, and HZ is an integer: it is sin(2 pi HZ t) in PTP time t,
 * which is what `unisono-truth latency` compares with; but one sample early, since audiotestsrc begins with
 * sin(2 pi HZ / rate), not with 0. A live source would begin whenever it is started, so it is not live, and
 * paced by the sink, which sends a packet at the instant of its last sample.
 *
 * Runs until SIGINT or SIGTERM. Prints the instant of the tone's first frame, and how far the clock is from
 * CLOCK_REALTIME (which software grandmasters serve).
 */
#include <glib-unix.h>
#include <gst/gst.h>
#include <gst/net/net.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SYNC_WAIT (20 * GST_SECOND)

struct sender {
    GMainLoop *loop;
    GstElement *pipeline;
    bool failed;
};

static gboolean on_signal(gpointer data)
{
    struct sender *s = data;

    g_main_loop_quit(s->loop);
    return G_SOURCE_CONTINUE;
}

static gboolean on_message(GstBus *bus, GstMessage *message, gpointer data)
{
    struct sender *s = data;
    GError *error = NULL;

    (void)bus;
    if (GST_MESSAGE_TYPE(message) == GST_MESSAGE_ERROR) {
        gst_message_parse_error(message, &error, NULL);
        fprintf(stderr, "gst-aes67-send: %s\n", error->message);
        g_error_free(error);
        s->failed = true;
        g_main_loop_quit(s->loop);
    }
    return G_SOURCE_CONTINUE;
}

/* The host's clock, or that of a PTP domain once it is synchronised; NULL: said why. The caller unrefs. */
static GstClock *open_clock(const char *name, const char *interface)
{
    gchar *own = g_strdup(interface);
    gchar *interfaces[] = {own, NULL};
    GstClock *clock = NULL;

    if (strcmp(name, "system") == 0) {
        clock = g_object_new(GST_TYPE_SYSTEM_CLOCK, "clock-type", GST_CLOCK_TYPE_REALTIME, NULL);
    } else if (g_str_has_prefix(name, "ptp:") && gst_ptp_init(GST_PTP_CLOCK_ID_NONE, interfaces)) {
        clock = gst_ptp_clock_new("ptp", (guint)strtoul(name + strlen("ptp:"), NULL, 10));
        if (clock && !gst_clock_wait_for_sync(clock, SYNC_WAIT))
            gst_clear_object(&clock);
    }
    if (!clock)
        fprintf(stderr, "gst-aes67-send: clock %s: none, or not synchronised, on %s\n", name, interface);
    g_free(own);
    return clock;
}

static void say_start(GstClock *clock, GstClockTime start)
{
    struct timespec host = {0};
    GstClockTime now;

    clock_gettime(CLOCK_REALTIME, &host);
    now = gst_clock_get_time(clock);
    printf("first frame at %" G_GUINT64_FORMAT ", clock against CLOCK_REALTIME %.3f us\n", start,
           (double)GST_CLOCK_DIFF(GST_TIMESPEC_TO_TIME(host), now) / 1e3);
    fflush(stdout);
}

#define AS_L24                                                                                               \
    "rtpL24pay pt=98 min-ptime=1000000 max-ptime=1000000 timestamp-offset=0 ! udpsink ts-offset=1000000"
#define AS_OPUS                                                                                              \
    "opusenc bitrate=128000 frame-size=20 ! rtpopuspay pt=101 timestamp-offset=0 ! udpsink "                 \
    "ts-offset=20000000"

static GstElement *build(const char *group, const char *interface, const char *hz, GstClockTime start,
                         bool opus)
{
    const char *colon = strchr(group, ':');
    GError *error = NULL;
    GstElement *pipeline = NULL;
    gchar *text = g_strdup_printf(
        "audiotestsrc freq=%s volume=0.25 samplesperbuffer=48 timestamp-offset=%" G_GUINT64_FORMAT
        " ! audio/x-raw,rate=48000,channels=2 ! audioconvert"
        " ! %s host=%.*s port=%s multicast-iface=%s",
        hz, start, opus ? AS_OPUS : AS_L24, colon ? (int)(colon - group) : 0, group, colon ? colon + 1 : "",
        interface);

    pipeline = gst_parse_launch(text, &error);
    if (error)
        fprintf(stderr, "gst-aes67-send: %s: %s\n", text, error->message);
    g_clear_error(&error);
    g_free(text);
    return pipeline;
}

static void play(struct sender *s, GstClock *clock)
{
    GstBus *bus = gst_element_get_bus(s->pipeline);

    gst_bus_add_watch(bus, on_message, s);
    gst_object_unref(bus);
    g_unix_signal_add(SIGINT, on_signal, s);
    g_unix_signal_add(SIGTERM, on_signal, s);
    gst_pipeline_use_clock(GST_PIPELINE(s->pipeline), clock);
    gst_element_set_start_time(s->pipeline, GST_CLOCK_TIME_NONE);
    gst_element_set_base_time(s->pipeline, 0);
    if (gst_element_set_state(s->pipeline, GST_STATE_PLAYING) == GST_STATE_CHANGE_FAILURE)
        s->failed = true;
    else
        g_main_loop_run(s->loop);
    gst_element_set_state(s->pipeline, GST_STATE_NULL);
}

int main(int argc, char **argv)
{
    struct sender s = {.failed = true};
    GstClock *clock = NULL;

    gst_init(&argc, &argv);
    if (argc != 5 && !(argc == 6 && strcmp(argv[5], "opus") == 0)) {
        fprintf(stderr, "usage: gst-aes67-send ptp:DOMAIN|system ADDR:PORT INTERFACE HZ [opus]\n");
        return 2;
    }
    s.loop = g_main_loop_new(NULL, FALSE);
    clock = open_clock(argv[1], argv[3]);
    if (clock) {
        GstClockTime now = gst_clock_get_time(clock), start = now - now % GST_SECOND + 2 * GST_SECOND;

        s.pipeline = build(argv[2], argv[3], argv[4], start, argc == 6);
        s.failed = !s.pipeline;
        say_start(clock, start);
    }
    if (s.pipeline)
        play(&s, clock);
    gst_clear_object(&s.pipeline);
    gst_clear_object(&clock);
    g_main_loop_unref(s.loop);
    return s.failed;
}
