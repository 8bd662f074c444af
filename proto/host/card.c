// SPDX-License-Identifier: GPL-3.0-or-later
#include "card.h"

#include <alsa/asoundlib.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../pcm.h"

enum {
    PERIOD_US = 5000,
    BLOCK_FRAMES = 1024, /* converted at a time */
    READINGS = 3 /* of the status at a time: right after a wake-up the first comes from cold caches. Taking
                    the best of three narrowed the observer's spread from 101 ns to 20 ns */
};

struct card {
    snd_pcm_t *pcm;
    struct card_config config;
    enum pcm_format format;
    size_t buffer_frames;
    bool stamps; /* the card's own stamps are CLOCK_MONOTONIC_RAW */
    snd_pcm_status_t *status;
    uint8_t *block;
    char description[200];
    const char *warning;
};

static const struct {
    snd_pcm_format_t alsa;
    enum pcm_format ours;
} formats[] = {
    {SND_PCM_FORMAT_S32_LE, PCM_S32_LE},   {SND_PCM_FORMAT_S24_LE, PCM_S24_LE},
    {SND_PCM_FORMAT_S24_3LE, PCM_S24_3LE}, {SND_PCM_FORMAT_FLOAT_LE, PCM_FLOAT_LE},
    {SND_PCM_FORMAT_S16_LE, PCM_S16_LE},
};

static int refuse(const struct card *card, int error, char *err, size_t size, const char *what)
{
    snprintf(err, size, "%s %s: %s: %s",
             card->config.direction == CARD_PLAYBACK ? "sound device" : "sound input", card->config.device,
             what, snd_strerror(error));
    return error;
}

/* Appends ", WORD" to a list of what a device can do. */
static void enumerate(char *list, size_t size, const char *word)
{
    size_t length = strlen(list);

    snprintf(list + length, size - length, "%s%s", length ? ", " : "", word);
}

static int set_rate(struct card *card, snd_pcm_hw_params_t *hw, char *err, size_t size)
{
    static const unsigned rates[] = {8000, 16000, 22050, 32000, 44100, 48000, 88200, 96000, 176400, 192000};
    char list[120] = "", word[16];

    snd_pcm_hw_params_set_rate_resample(card->pcm, hw, 0);
    if (!snd_pcm_hw_params_set_rate(card->pcm, hw, card->config.rate_hz, 0))
        return 0;
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++)
        if (!snd_pcm_hw_params_test_rate(card->pcm, hw, rates[i], 0)) {
            snprintf(word, sizeof word, "%u", rates[i]);
            enumerate(list, sizeof list, word);
        }
    snprintf(err, size, "sound device %s cannot do %u Hz: it can do %s Hz; choose with --rate",
             card->config.device, card->config.rate_hz, *list ? list : "none that is known, in");
    return -EINVAL;
}

static int set_channels(struct card *card, snd_pcm_hw_params_t *hw, char *err, size_t size)
{
    char list[250] = "", word[16];

    if (!snd_pcm_hw_params_set_channels(card->pcm, hw, card->config.channels))
        return 0;
    for (unsigned n = 1; n <= 64; n++)
        if (!snd_pcm_hw_params_test_channels(card->pcm, hw, n)) {
            snprintf(word, sizeof word, "%u", n);
            enumerate(list, sizeof list, word);
        }
    snprintf(err, size, "sound device %s cannot do %u channels: it can do %s; choose with --channels",
             card->config.device, card->config.channels, *list ? list : "more than 64 only");
    return -EINVAL;
}

static int set_format(struct card *card, snd_pcm_hw_params_t *hw, char *err, size_t size)
{
    char list[200] = "";

    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (!snd_pcm_hw_params_set_format(card->pcm, hw, formats[i].alsa)) {
            card->format = formats[i].ours;
            return 0;
        }
    for (int format = 0; format <= SND_PCM_FORMAT_LAST; format++)
        if (snd_pcm_format_name((snd_pcm_format_t)format) &&
            !snd_pcm_hw_params_test_format(card->pcm, hw, (snd_pcm_format_t)format))
            enumerate(list, sizeof list, snd_pcm_format_name((snd_pcm_format_t)format));
    snprintf(err, size,
             "sound device %s has none of the formats S32_LE, S24_LE, S24_3LE, FLOAT_LE, S16_LE, only %s: "
             "give it as plug:%s",
             card->config.device, list, card->config.device);
    return -EINVAL;
}

static int set_hardware(struct card *card, char *err, size_t size)
{
    snd_pcm_hw_params_t *hw;
    snd_pcm_uframes_t frames = (snd_pcm_uframes_t)card->config.buffer_ms * card->config.rate_hz / 1000;
    unsigned period_us = PERIOD_US;
    int error, dir = 0;

    snd_pcm_hw_params_alloca(&hw);
    error = snd_pcm_hw_params_any(card->pcm, hw);
    if (error < 0)
        return refuse(card, error, err, size, "no configuration");
    error = snd_pcm_hw_params_set_access(card->pcm, hw, SND_PCM_ACCESS_RW_INTERLEAVED);
    if (error < 0)
        return refuse(card, error, err, size, "no interleaved access");
    error = set_channels(card, hw, err, size);
    if (!error)
        error = set_rate(card, hw, err, size);
    if (!error)
        error = set_format(card, hw, err, size);
    if (error)
        return error;
    snd_pcm_hw_params_set_period_time_near(card->pcm, hw, &period_us, &dir);
    snd_pcm_hw_params_set_buffer_size_near(card->pcm, hw, &frames);
    error = snd_pcm_hw_params(card->pcm, hw);
    if (error < 0)
        return refuse(card, error, err, size, "cannot configure");
    snd_pcm_hw_params_get_buffer_size(hw, &frames);
    card->buffer_frames = frames;
    if (snd_pcm_hw_params_is_batch(hw))
        card->warning = "its pointer moves once a period: expect coarser alignment";
    return 0;
}

static int set_software(struct card *card, char *err, size_t size)
{
    snd_pcm_sw_params_t *sw;
    snd_pcm_uframes_t boundary;
    int error;

    snd_pcm_sw_params_alloca(&sw);
    error = snd_pcm_sw_params_current(card->pcm, sw);
    if (error < 0)
        return refuse(card, error, err, size, "no software parameters");
    snd_pcm_sw_params_get_boundary(sw, &boundary);
    snd_pcm_sw_params_set_start_threshold(card->pcm, sw, boundary);
    snd_pcm_sw_params_set_stop_threshold(card->pcm, sw, card->buffer_frames);
    snd_pcm_sw_params_set_tstamp_mode(card->pcm, sw, SND_PCM_TSTAMP_ENABLE);
    card->stamps = !snd_pcm_sw_params_set_tstamp_type(card->pcm, sw, SND_PCM_TSTAMP_TYPE_MONOTONIC_RAW);
    error = snd_pcm_sw_params(card->pcm, sw);
    if (error < 0)
        return refuse(card, error, err, size, "cannot set software parameters");
    return 0;
}

static void describe(struct card *card)
{
    static const char *const names[] = {"S16_LE", "S24_LE", "S24_3LE", "S32_LE", "FLOAT_LE"};

    snprintf(card->description, sizeof card->description, "%s, %s, %u Hz, %u channels, buffer %zu frames",
             card->config.device, names[card->format], card->config.rate_hz, card->config.channels,
             card->buffer_frames);
}

static void silent_alsa(const char *file, int line, const char *function, int error, const char *format, ...)
{
    (void)file, (void)line, (void)function, (void)error, (void)format;
}

int card_open(struct card **result, const struct card_config *config, char *err, size_t size)
{
    snd_pcm_stream_t stream =
        config->direction == CARD_PLAYBACK ? SND_PCM_STREAM_PLAYBACK : SND_PCM_STREAM_CAPTURE;
    struct card *card = calloc(1, sizeof *card);
    int error = -ENOMEM;

    if (!card || snd_pcm_status_malloc(&card->status) < 0)
        goto out;
    card->config = *config;
    /* alsa-lib would print several lines of its own for one cause */
    snd_lib_error_set_handler(silent_alsa);
    error = snd_pcm_open(&card->pcm, config->device, stream,
                         SND_PCM_NONBLOCK | SND_PCM_NO_AUTO_RESAMPLE | SND_PCM_NO_SOFTVOL);
    if (error < 0) {
        card->pcm = NULL;
        snprintf(err, size, "%s %s cannot be opened: %s; see the list of `%s -L`",
                 config->direction == CARD_PLAYBACK ? "sound device" : "sound input", config->device,
                 snd_strerror(error), config->direction == CARD_PLAYBACK ? "aplay" : "arecord");
        goto out;
    }
    error = set_hardware(card, err, size);
    if (!error)
        error = set_software(card, err, size);
    if (error)
        goto out;
    card->block = calloc((size_t)BLOCK_FRAMES * config->channels, 4);
    error = card->block ? 0 : -ENOMEM;
    describe(card);
out:
    if (error) {
        if (error == -ENOMEM)
            snprintf(err, size, "out of memory opening sound device %s", config->device);
        card_close(card);
        card = NULL;
    }
    *result = card;
    return error;
}

void card_close(struct card *card)
{
    if (!card)
        return;
    if (card->pcm)
        snd_pcm_close(card->pcm);
    if (card->status)
        snd_pcm_status_free(card->status);
    free(card->block);
    free(card);
}

size_t card_buffer_frames(const struct card *card)
{
    return card->buffer_frames;
}

const char *card_description(const struct card *card)
{
    return card->description;
}

const char *card_warning(const struct card *card)
{
    return card->warning;
}

int card_start(struct card *card)
{
    return snd_pcm_start(card->pcm);
}

static raw_ns raw_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC_RAW, &t);
    return (raw_ns){t.tv_sec * NS_PER_S + t.tv_nsec};
}

static int read_status(struct card *card, struct card_reading *reading)
{
    snd_htimestamp_t stamp;
    int error = snd_pcm_status(card->pcm, card->status);

    if (error < 0)
        return error;
    switch (snd_pcm_status_get_state(card->status)) {
    case SND_PCM_STATE_XRUN:
        return -EPIPE;
    case SND_PCM_STATE_SUSPENDED:
        return -ESTRPIPE;
    case SND_PCM_STATE_DISCONNECTED:
        return -ENODEV;
    default:
        break;
    }
    snd_pcm_status_get_htstamp(card->status, &stamp);
    reading->stamp = card->stamps ? (raw_ns){stamp.tv_sec * NS_PER_S + stamp.tv_nsec} : raw_now();
    reading->delay = snd_pcm_status_get_delay(card->status);
    reading->avail = (int64_t)snd_pcm_status_get_avail(card->status);
    return 0;
}

/* How late a reading's stamp is for the frame it names, up to a constant: the smaller, the truer. */
static int64_t lateness_ns(const struct card *card, const struct card_reading *r)
{
    int64_t frames = card->config.direction == CARD_PLAYBACK ? -r->delay : r->delay;

    return r->stamp.ns - ns_of_samples(frames, card->config.rate_hz);
}

int card_status(struct card *card, struct card_reading *reading)
{
    int error = read_status(card, reading);

    for (int i = 1; i < READINGS && !error; i++) {
        struct card_reading next;

        error = read_status(card, &next);
        if (!error && lateness_ns(card, &next) < lateness_ns(card, reading))
            *reading = next;
    }
    return error;
}

int64_t card_write(struct card *card, const float *in, size_t frames)
{
    size_t done = 0, width = card->config.channels;

    while (done < frames) {
        size_t count = frames - done < BLOCK_FRAMES ? frames - done : BLOCK_FRAMES;
        snd_pcm_sframes_t wrote;

        pcm_to_card(card->format, in + done * width, card->block, count * width);
        wrote = snd_pcm_writei(card->pcm, card->block, count);
        if (wrote == -EAGAIN || wrote == 0)
            break;
        if (wrote < 0)
            return wrote;
        done += (size_t)wrote;
    }
    return (int64_t)done;
}

int64_t card_read(struct card *card, float *out, size_t frames)
{
    size_t count = frames < BLOCK_FRAMES ? frames : BLOCK_FRAMES;
    snd_pcm_sframes_t got = snd_pcm_readi(card->pcm, card->block, count);

    if (got == -EAGAIN)
        return 0;
    if (got > 0)
        pcm_from_card(card->format, card->block, out, (size_t)got * card->config.channels);
    return got;
}

int card_recover(struct card *card)
{
    /* asked in any other state, plugins say yes to a resume and stay where they are */
    if (snd_pcm_state(card->pcm) == SND_PCM_STATE_SUSPENDED && snd_pcm_resume(card->pcm) == 0)
        return 0;
    return snd_pcm_prepare(card->pcm);
}

void card_stop(struct card *card)
{
    snd_pcm_drop(card->pcm);
}
