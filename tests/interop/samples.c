// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * samples: did every sample of a sound file come out at the other end, and nothing else?
 *
 *   samples make FILE RATE CHANNELS FRAMES    writes noise: WAV of 24 bits, or FLAC of 16 if FILE ends in
 * .flac samples compare FILE RAW                  RAW is what a depayloader of L24 or L16 (as FILE has 24 or
 * 16 bits) put out
 *
 * Noise, because no piece of it occurs twice: the place of a few frames in the file is certain, and whatever
 * is lost, repeated, added, swapped between channels or rounded shows. It holds the largest and the smallest
 * sample too.
 *
 * compare finds the first frame of RAW in the file and from there on wants the two to be the same, byte by
 * byte, up to the end of the file; RAW may go on with less than PACKET_FRAMES_MAX frames of silence, since
 * packets are whole. It prints the first and the number of the frames that were found. Exit: 0 the same, 1
 * not, 2 wrong usage.
 */
#include <errno.h>
#include <sndfile.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    PACKET_FRAMES_MAX = 1920, /* 20 ms at 96 kHz */
    KEY_FRAMES = 8,           /* enough of noise to know it again */
    CHANNELS_MAX = 64,
};

struct bytes {
    unsigned char *at;
    size_t count;
};

/* SplitMix64, of Steele, Lea and Flood: the same noise on every machine. */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* libsndfile takes the upper bits of an int. */
static bool write_noise(SNDFILE *file, size_t frames, int channels, unsigned bits)
{
    uint64_t state = 67;
    int frame[CHANNELS_MAX];

    for (size_t n = 0; n < frames; n++) {
        for (int c = 0; c < channels; c++) {
            frame[c] = (int)(uint32_t)(next_random(&state) >> 32);
            if (n == frames / 2)
                frame[c] = c % 2 ? INT32_MIN : INT32_MAX;
            frame[c] &= -(1 << (32 - bits));
        }
        if (sf_writef_int(file, frame, 1) != 1)
            return false;
    }
    return true;
}

static int make(const char *path, int rate, int channels, size_t frames)
{
    const char *dot = strrchr(path, '.');
    bool flac = dot && strcmp(dot, ".flac") == 0;
    SF_INFO info = {
        .samplerate = rate,
        .channels = channels,
        .format = flac ? SF_FORMAT_FLAC | SF_FORMAT_PCM_16 : SF_FORMAT_WAV | SF_FORMAT_PCM_24,
    };
    SNDFILE *file = channels <= CHANNELS_MAX ? sf_open(path, SFM_WRITE, &info) : NULL;
    bool ok = file && write_noise(file, frames, channels, flac ? 16 : 24);

    if (!ok)
        fprintf(stderr, "samples: %s: %s\n", path, sf_strerror(file));
    if (file && sf_close(file) != 0)
        ok = false;
    return ok ? 0 : 1;
}

/* The sound of a file as the payload of packets has it: big-endian, the file's own width. The caller frees.
 */
static bool read_file(const char *path, struct bytes *sound, size_t *frame_bytes)
{
    SF_INFO info = {0};
    SNDFILE *file = sf_open(path, SFM_READ, &info);
    size_t width = (info.format & SF_FORMAT_SUBMASK) == SF_FORMAT_PCM_24 ? 3 : 2;
    unsigned char *to;
    int frame[CHANNELS_MAX];

    if (!file || info.channels > CHANNELS_MAX) {
        fprintf(stderr, "samples: %s: %s\n", path, sf_strerror(file));
        sf_close(file);
        return false;
    }
    *frame_bytes = width * (size_t)info.channels;
    sound->count = (size_t)info.frames * *frame_bytes;
    sound->at = to = malloc(sound->count + 1);
    while (to && (size_t)(to - sound->at) < sound->count && sf_readf_int(file, frame, 1) == 1) {
        for (size_t i = 0; i < *frame_bytes; i++)
            *to++ = (unsigned char)((uint32_t)frame[i / width] >> (24 - 8 * (i % width)));
    }
    sf_close(file);
    return to && (size_t)(to - sound->at) == sound->count;
}

static bool read_raw(const char *path, struct bytes *raw)
{
    FILE *file = fopen(path, "rb");
    long size = -1;

    if (file && fseek(file, 0, SEEK_END) == 0)
        size = ftell(file);
    if (size >= 0) {
        rewind(file);
        raw->at = malloc((size_t)size + 1);
        raw->count = raw->at ? fread(raw->at, 1, (size_t)size, file) : 0;
    }
    if (file)
        fclose(file);
    if (size < 0 || raw->count != (size_t)size) {
        fprintf(stderr, "samples: %s: %s\n", path, strerror(errno));
        return false;
    }
    return true;
}

/* The frame of `sound` that begins as `raw` does, or -1. */
static long find_start(const struct bytes *sound, const struct bytes *raw, size_t frame_bytes)
{
    size_t key = KEY_FRAMES * frame_bytes;

    if (raw->count < key)
        return -1;
    for (size_t at = 0; at + key <= sound->count; at += frame_bytes) {
        if (memcmp(sound->at + at, raw->at, key) == 0)
            return (long)(at / frame_bytes);
    }
    return -1;
}

static bool is_silence(const unsigned char *at, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (at[i] != 0)
            return false;
    }
    return true;
}

/* Says what is the matter after `differ` frames that are the same; NULL: nothing. */
static const char *judge(const struct bytes *sound, const struct bytes *raw, size_t frame_bytes, size_t from,
                         size_t *differ)
{
    size_t wanted = sound->count - from * frame_bytes, same = 0;
    size_t common = raw->count < wanted ? raw->count : wanted;

    while (same < common && sound->at[from * frame_bytes + same] == raw->at[same])
        same++;
    *differ = same / frame_bytes;
    if (same < common)
        return "differs from the file";
    if (raw->count < wanted)
        return "ends before the file does";
    if (raw->count % frame_bytes != 0)
        return "ends within a frame";
    if (raw->count - wanted >= PACKET_FRAMES_MAX * frame_bytes)
        return "goes on after the end of the file by more than a packet";
    if (!is_silence(raw->at + wanted, raw->count - wanted))
        return "goes on after the end of the file with something other than silence";
    return NULL;
}

static int compare(const char *path, const char *raw_path)
{
    struct bytes sound = {0}, raw = {0};
    size_t frame_bytes = 1, differ = 0;
    const char *why = "cannot be compared";
    long from = -1;

    if (!read_file(path, &sound, &frame_bytes) || !read_raw(raw_path, &raw))
        goto out;
    from = find_start(&sound, &raw, frame_bytes);
    if (from < 0)
        why = "begins with something that is nowhere in the file";
    else
        why = judge(&sound, &raw, frame_bytes, (size_t)from, &differ);
    if (why)
        printf("%s: after %zu frames of %zu %s\n", raw_path, differ, raw.count / frame_bytes, why);
    else
        printf("from frame %ld on %zu frames of %zu, each bit the same\n", from,
               sound.count / frame_bytes - (size_t)from, sound.count / frame_bytes);
out:
    free(sound.at);
    free(raw.at);
    return why ? 1 : 0;
}

int main(int argc, char **argv)
{
    if (argc == 6 && strcmp(argv[1], "make") == 0)
        return make(argv[2], (int)strtol(argv[3], NULL, 10), (int)strtol(argv[4], NULL, 10),
                    (size_t)strtoul(argv[5], NULL, 10));
    if (argc == 4 && strcmp(argv[1], "compare") == 0)
        return compare(argv[2], argv[3]);
    fprintf(stderr, "usage: samples make FILE RATE CHANNELS FRAMES | samples compare FILE RAW\n");
    return 2;
}
