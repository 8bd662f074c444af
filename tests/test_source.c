// SPDX-License-Identifier: GPL-3.0-or-later
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <sched.h>
#include <sndfile.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proto/host/log.h"
#include "sender/source.h"

static char folder[] = "/tmp/unisono-test-source-XXXXXX";
static int log_fds[2];

/* "FOLDER/name", in one of two static buffers. */
static const char *path_of(const char *name)
{
    static char paths[2][256];
    static int turn;

    turn = !turn;
    snprintf(paths[turn], sizeof paths[turn], "%s/%s", folder, name);
    return paths[turn];
}

/* What was logged since the last call. */
static const char *logged(void)
{
    static char text[4096];
    ssize_t n = read(log_fds[0], text, sizeof text - 1);

    text[n > 0 ? n : 0] = '\0';
    return text;
}

static int set_up(void **state)
{
    (void)state;
    if (mkdtemp(folder) == NULL || pipe2(log_fds, O_NONBLOCK) < 0)
        return -1;
    log_start(&(struct log_config){.program = "prog", .level = LOG_LEVEL_WARNING, .fd = log_fds[1]});
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    return rmdir(folder);
}

/* Opens what must open. */
static struct source *open_source(const struct source_config *config)
{
    struct source *source = NULL;
    char err[512] = "";

    if (source_open(&source, config, err, sizeof err) < 0)
        fail_msg("%s", err);
    assert_string_equal(err, "");
    return source;
}

/* Opens what must not; the message must be one line that holds `word`. */
static void refuse(const struct source_config *config, int error, const char *word)
{
    struct source *source = NULL;
    char err[512] = "";

    assert_int_equal(source_open(&source, config, err, sizeof err), error);
    assert_null(source);
    if (strstr(err, word) == NULL)
        fail_msg("'%s' does not hold '%s'", err, word);
    assert_null(strchr(err, '\n'));
}

static struct source *open_file(const char *name, const struct source_config *config)
{
    char spec[300];
    struct source_config whole = *config;

    snprintf(spec, sizeof spec, "file:%s", path_of(name));
    whole.spec = spec;
    return open_source(&whole);
}

static void refuse_file(const char *name, const struct source_config *config, int error, const char *word)
{
    char spec[300];
    struct source_config whole = *config;

    snprintf(spec, sizeof spec, "file:%s", path_of(name));
    whole.spec = spec;
    refuse(&whole, error, word);
}

/*
 * Reads until `frames` frames came or the source has ended, in blocks of odd sizes, letting the reader thread
 * run whenever nothing is there. Returns the frames.
 */
static size_t read_fully(struct source *source, float *to, size_t frames)
{
    size_t done = 0;

    for (size_t block = 1; done < frames; block = block % 97 + 1) {
        size_t want = frames - done < block ? frames - done : block;
        bool ended = source_ended(source);
        size_t n = source_read(source, (media_t){0}, to + done * source_channels(source), want);

        assert_true(n <= want);
        done += n;
        if (n == 0 && ended)
            break;
        if (n == 0)
            sched_yield();
    }
    return done;
}

/* Integers of `bits` bits that show every mistake: the extremes, small ones, and noise. */
static int32_t test_sample(size_t i, int bits)
{
    static const int32_t special[] = {INT32_MIN, INT32_MAX, 0, -1, 1, INT32_MIN + 1};
    uint32_t noise = (uint32_t)(i * 2654435761u) ^ (uint32_t)(i >> 3);

    if (i < sizeof special / sizeof *special)
        return special[i] >> (i < 2 ? 32 - bits : i == 5 ? 32 - bits : 0);
    return (int32_t)noise >> (32 - bits);
}

static void write_file(const char *name, int format, int rate, int channels, size_t frames, int bits)
{
    SF_INFO info = {.format = format, .samplerate = rate, .channels = channels};
    SNDFILE *file = sf_open(path_of(name), SFM_WRITE, &info);

    assert_non_null(file);
    for (size_t i = 0; i < frames * (size_t)channels; i += (size_t)channels) {
        int frame[64];

        for (int c = 0; c < channels; c++)
            frame[c] = (int)((uint32_t)test_sample(i + (size_t)c, bits) << (32 - bits));
        assert_int_equal(sf_writef_int(file, frame, 1), 1);
    }
    assert_int_equal(sf_close(file), 0);
}

static void write_floats(const char *name, int rate, const float *samples, size_t frames)
{
    SF_INFO info = {.format = SF_FORMAT_WAV | SF_FORMAT_FLOAT, .samplerate = rate, .channels = 1};
    SNDFILE *file = sf_open(path_of(name), SFM_WRITE, &info);

    assert_non_null(file);
    assert_int_equal(sf_writef_float(file, samples, (sf_count_t)frames), frames);
    assert_int_equal(sf_close(file), 0);
}

static void write_bytes(const char *name, const void *bytes, size_t len)
{
    FILE *file = fopen(path_of(name), "w");

    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

/* ---- what --input says ----------------------------------------------------------------------------- */

static void test_parse(void **state)
{
    static const char *const bad[] = {
        "",           "alsa",    "alsa:",    "file:",     "stdin:",    "tone:", "tone:0.9",
        "tone:20001", "tone:1k", "tone:nan", "tone:-440", "tone: 440", "Tone",  "tone440"};
    struct source_spec spec;
    char why[256];
    (void)state;

    assert_int_equal(source_parse("alsa:hw:1,0", &spec, why, sizeof why), 0);
    assert_int_equal(spec.kind, SOURCE_ALSA);
    assert_string_equal(spec.name, "hw:1,0");
    assert_int_equal(source_parse("file:a:b", &spec, why, sizeof why), 0);
    assert_int_equal(spec.kind, SOURCE_FILE);
    assert_string_equal(spec.name, "a:b");
    assert_int_equal(source_parse("stdin", &spec, why, sizeof why), 0);
    assert_int_equal(spec.kind, SOURCE_STDIN);
    assert_int_equal(source_parse("tone", &spec, why, sizeof why), 0);
    assert_int_equal(spec.kind, SOURCE_TONE);
    assert_int_equal(spec.tone_mhz, 1000000);
    assert_int_equal(source_parse("tone:440.001", &spec, why, sizeof why), 0);
    assert_int_equal(spec.tone_mhz, 440001);
    assert_int_equal(source_parse("tone:1", &spec, why, sizeof why), 0);
    assert_int_equal(spec.tone_mhz, 1000);
    assert_int_equal(source_parse("tone:20000", &spec, why, sizeof why), 0);
    assert_int_equal(spec.tone_mhz, 20000000);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(source_parse(bad[i], &spec, why, sizeof why), -EINVAL);
    refuse(&(struct source_config){.spec = "alsa:hw:0"}, -EINVAL, "alsa:hw:0");
    refuse(&(struct source_config){.spec = "radio"}, -EINVAL, "radio");
}

/* ---- tone ------------------------------------------------------------------------------------------ */

/* The sine itself, in more precision than needed. */
static long double sine_at(int64_t m, uint64_t mhz, uint32_t rate_hz)
{
    __int128 circle = (__int128)rate_hz * 1000;
    __int128 phase = ((__int128)m * (__int128)mhz % circle + circle) % circle;

    return powl(10, -12.0L / 20) *
           sinl(2 * 3.14159265358979323846264338327950288L * (long double)phase / (long double)circle);
}

static void test_tone_is_exact(void **state)
{
    static const struct {
        const char *spec;
        uint32_t rate_hz;
        uint64_t mhz;
    } tones[] = {
        {"tone", 0, 1000000},
        {"tone:997", 44100, 997000},
        {"tone:20000", 96000, 20000000},
        {"tone:1.001", 48000, 1001},
    };
    static const int64_t starts[] = {0, 1, -12345, INT64_C(84706560123456), INT64_C(1) << 60};
    (void)state;

    for (size_t t = 0; t < sizeof tones / sizeof *tones; t++) {
        struct source *source =
            open_source(&(struct source_config){.spec = tones[t].spec, .rate_hz = tones[t].rate_hz});
        uint32_t rate_hz = source_rate_hz(source);
        float block[2 * 1000];

        assert_int_equal(rate_hz, tones[t].rate_hz != 0 ? tones[t].rate_hz : 48000);
        assert_int_equal(source_channels(source), 2);
        for (size_t s = 0; s < sizeof starts / sizeof *starts; s++) {
            assert_int_equal(source_read(source, (media_t){starts[s]}, block, 1000), 1000);
            for (int i = 0; i < 1000; i++) {
                long double want = sine_at(starts[s] + i, tones[t].mhz, rate_hz);

                /* -140 dB */
                assert_true(fabsl(block[2 * i] - want) < 1e-7L);
                assert_true(block[2 * i] == block[2 * i + 1]);
            }
        }
        assert_false(source_ended(source));
        source_close(source);
    }
}

/* Blocks of any size, of any instance: the same samples. */
static void test_tone_is_a_function_of_time(void **state)
{
    struct source *a = open_source(&(struct source_config){.spec = "tone:440.5", .channels = 1});
    struct source *b = open_source(&(struct source_config){.spec = "tone:440.5", .channels = 1});
    int64_t start = INT64_C(84706560000000);
    float whole[5000], pieces[5000];
    (void)state;

    assert_int_equal(source_read(a, (media_t){start}, whole, 5000), 5000);
    assert_int_equal(source_read(b, (media_t){start + 99999}, pieces, 48), 48);
    for (size_t done = 0, block = 1; done < 5000; done += block, block = (block * 3) % 101) {
        if (block > 5000 - done)
            block = 5000 - done;
        source_read(b, (media_t){start + (int64_t)done}, pieces + done, block);
    }
    assert_memory_equal(whole, pieces, sizeof whole);
    source_close(a);
    source_close(b);
}

/* ---- file ------------------------------------------------------------------------------------------ */

/* Three seconds: more than the ring holds. */
static void test_file_is_exact(void **state)
{
    static const struct {
        int format, bits, rate, channels;
    } kinds[] = {
        {SF_FORMAT_WAV | SF_FORMAT_PCM_16, 16, 48000, 2},  {SF_FORMAT_WAV | SF_FORMAT_PCM_24, 24, 44100, 2},
        {SF_FORMAT_FLAC | SF_FORMAT_PCM_16, 16, 44100, 1}, {SF_FORMAT_FLAC | SF_FORMAT_PCM_24, 24, 96000, 2},
        {SF_FORMAT_AIFF | SF_FORMAT_PCM_24, 24, 48000, 6}, {SF_FORMAT_WAVEX | SF_FORMAT_PCM_24, 24, 88200, 1},
    };
    (void)state;

    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        size_t frames = (size_t)kinds[k].rate * 3 + 1;
        size_t samples = frames * (size_t)kinds[k].channels;
        float *got = calloc(samples + 64, sizeof *got);

        assert_non_null(got);
        write_file("exact", kinds[k].format, kinds[k].rate, kinds[k].channels, frames, kinds[k].bits);
        struct source *source = open_file("exact", &(struct source_config){0});
        assert_int_equal(source_rate_hz(source), kinds[k].rate);
        assert_int_equal(source_channels(source), kinds[k].channels);
        assert_int_equal(read_fully(source, got, frames + 1), frames);
        assert_true(source_ended(source));
        for (size_t i = 0; i < samples; i++) {
            double want = ldexp(test_sample(i, kinds[k].bits), 1 - kinds[k].bits);

            if ((double)got[i] != want)
                fail_msg("kind %zu, sample %zu: %.9g, not %.9g", k, i, (double)got[i], want);
        }
        source_close(source);
        free(got);
        unlink(path_of("exact"));
    }
    assert_string_equal(logged(), "");
}

static void test_file_first_read_succeeds(void **state)
{
    float got[480];
    (void)state;

    write_file("first", SF_FORMAT_FLAC | SF_FORMAT_PCM_16, 48000, 1, 48000, 16);
    struct source *source = open_file("first", &(struct source_config){0});
    for (int i = 0; i < 50; i++)
        assert_int_equal(source_read(source, (media_t){0}, got, 480), 480);
    assert_non_null(strstr(source_description(source), "FLAC"));
    assert_non_null(strstr(source_description(source), "48000 Hz"));
    source_close(source);
    unlink(path_of("first"));
}

static void test_file_loops_without_a_gap(void **state)
{
    enum { FRAMES = 777, READ = 150000 };
    float *got = calloc(READ * 2, sizeof *got);
    (void)state;

    assert_non_null(got);
    write_file("loop", SF_FORMAT_FLAC | SF_FORMAT_PCM_24, 48000, 2, FRAMES, 24);
    struct source *source = open_file("loop", &(struct source_config){.loop = true});
    assert_int_equal(read_fully(source, got, READ), READ);
    assert_false(source_ended(source));
    for (size_t i = 0; i < READ * 2; i++)
        assert_true(got[i] == (float)ldexp(test_sample(i % (FRAMES * 2), 24), -23));
    source_close(source);
    free(got);
    unlink(path_of("loop"));
}

/* A sine of 1 kHz, half scale. */
static void write_sine(const char *name, int rate, size_t frames)
{
    float *samples = calloc(frames, sizeof *samples);

    assert_non_null(samples);
    for (size_t i = 0; i < frames; i++)
        samples[i] = (float)(0.5 * sin(2 * M_PI * 1000 * (double)i / rate));
    write_floats(name, rate, samples, frames);
    free(samples);
}

static double worst_error(const float *got, size_t from, size_t to, uint32_t rate_hz)
{
    double worst = 0;

    for (size_t i = from; i < to; i++)
        worst = fmax(worst, fabs((double)got[i] - 0.5 * sin(2 * M_PI * 1000 * (double)i / rate_hz)));
    return worst;
}

/* Unusual rates become 48000; sound stays where it was, to its end. */
static void test_file_of_another_rate(void **state)
{
    static const struct {
        int rate;
        uint32_t wanted_hz, result_hz;
    } cases[] = {{32000, 0, 48000},
                 {192000, 0, 48000},
                 {44100, 48000, 48000},
                 {48000, 44100, 44100},
                 {8000, 96000, 96000}};
    float *got = calloc(100000, sizeof *got);
    (void)state;

    assert_non_null(got);
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        size_t want = cases[k].result_hz;

        write_sine("rate.wav", cases[k].rate, (size_t)cases[k].rate);
        struct source *source = open_file("rate.wav", &(struct source_config){.rate_hz = cases[k].wanted_hz});
        assert_int_equal(source_rate_hz(source), want);
        size_t frames = read_fully(source, got, 100000);
        assert_in_range(frames, want - 1, want + 1);
        /* -90 dB, but for the edges, where the sine begins and ends from nothing. */
        assert_true(worst_error(got, want / 20, want - want / 20, cases[k].result_hz) < 3e-5);
        source_close(source);
        unlink(path_of("rate.wav"));
    }
    free(got);
}

/* A whole number of periods goes on as one sine, whatever the converter holds at the seam. */
static void test_file_of_another_rate_loops(void **state)
{
    enum { READ = 200000 };
    float *got = calloc(READ, sizeof *got);
    (void)state;

    assert_non_null(got);
    write_sine("rate.wav", 44100, 44100 / 2);
    struct source *source = open_file("rate.wav", &(struct source_config){.rate_hz = 48000, .loop = true});
    assert_int_equal(read_fully(source, got, READ), READ);
    assert_true(worst_error(got, 1000, READ, 48000) < 3e-5);
    source_close(source);
    free(got);
    unlink(path_of("rate.wav"));
}

static void test_file_channels(void **state)
{
    float mono[1000], wide[3000];
    (void)state;

    write_file("one.wav", SF_FORMAT_WAV | SF_FORMAT_PCM_16, 48000, 1, 1000, 16);
    struct source *source = open_file("one.wav", &(struct source_config){0});
    assert_int_equal(read_fully(source, mono, 1000), 1000);
    source_close(source);
    source = open_file("one.wav", &(struct source_config){.channels = 3});
    assert_int_equal(source_channels(source), 3);
    assert_int_equal(read_fully(source, wide, 1000), 1000);
    for (size_t i = 0; i < 3000; i++)
        assert_true(wide[i] == mono[i / 3]);
    source_close(source);

    write_file("two.wav", SF_FORMAT_WAV | SF_FORMAT_PCM_16, 48000, 2, 1000, 16);
    source_close(open_file("two.wav", &(struct source_config){.channels = 2}));
    refuse_file("two.wav", &(struct source_config){.channels = 1}, -EINVAL, "has 2 channels, not 1");
    refuse_file("two.wav", &(struct source_config){.channels = 6}, -EINVAL, "has 2 channels, not 6");
    unlink(path_of("one.wav"));
    unlink(path_of("two.wav"));
}

static void test_file_of_floats(void **state)
{
    const float samples[] = {0.25f, NAN, 1.5f, INFINITY, -INFINITY, -2.0f, 0.5f};
    const float want[] = {0.25f, 0, 1.5f, 0, 0, -2.0f, 0.5f};
    float got[8];
    (void)state;

    write_floats("float.wav", 48000, samples, 7);
    struct source *source = open_file("float.wav", &(struct source_config){0});
    assert_int_equal(read_fully(source, got, 8), 7);
    assert_memory_equal(got, want, sizeof want);
    source_close(source);
    unlink(path_of("float.wav"));
}

static void test_file_refused(void **state)
{
    static const struct source_config none;
    (void)state;

    refuse_file("missing.wav", &none, -ENOENT, "missing.wav: No such file");
    refuse_file("", &none, -EISDIR, "is a directory");
    write_bytes("empty.wav", "", 0);
    refuse_file("empty.wav", &none, -EINVAL, "empty.wav: is empty");
    write_bytes("text.wav", "once upon a time there was a file that held no sound at all", 59);
    refuse_file("text.wav", &none, -EINVAL, "text.wav: not a sound file");
    write_file("header.wav", SF_FORMAT_WAV | SF_FORMAT_PCM_16, 48000, 2, 0, 16);
    refuse_file("header.wav", &none, -ENODATA, "header.wav: holds no sound");
    assert_int_equal(mkfifo(path_of("pipe.wav"), 0600), 0);
    refuse_file("pipe.wav", &none, -EINVAL, "pipe.wav: is not a regular file");
    /* One frame a second: nothing can make 96000 of it. */
    write_file("slow.wav", SF_FORMAT_WAV | SF_FORMAT_PCM_16, 1, 1, 10, 16);
    refuse_file("slow.wav", &(struct source_config){.rate_hz = 96000}, -EINVAL, "from 1 to 96000 Hz");
    unlink(path_of("empty.wav"));
    unlink(path_of("text.wav"));
    unlink(path_of("header.wav"));
    unlink(path_of("pipe.wav"));
    unlink(path_of("slow.wav"));
}

/* A file that breaks in its middle is played up to there, and somebody is told. */
static void test_file_that_breaks(void **state)
{
    enum { FRAMES = 48000 };
    float *got = calloc(FRAMES + 1, sizeof *got);
    struct stat st;
    (void)state;

    assert_non_null(got);
    write_file("broken.flac", SF_FORMAT_FLAC | SF_FORMAT_PCM_16, 48000, 1, FRAMES, 16);
    assert_int_equal(stat(path_of("broken.flac"), &st), 0);
    assert_int_equal(truncate(path_of("broken.flac"), st.st_size / 2), 0);
    struct source *source = open_file("broken.flac", &(struct source_config){.loop = true});
    size_t frames = read_fully(source, got, FRAMES + 1);
    assert_true(source_ended(source));
    assert_in_range(frames, FRAMES / 4, FRAMES * 3 / 4);
    for (size_t i = 0; i < frames; i++)
        assert_true(got[i] == (float)ldexp(test_sample(i, 16), -15));
    const char *message = logged();
    assert_non_null(strstr(message, "broken.flac: broken after "));
    assert_ptr_equal(strchr(message, '\n'), message + strlen(message) - 1);
    source_close(source);
    free(got);
    unlink(path_of("broken.flac"));
}

/* Cut short while it is played, which no decoder calls an error. */
static void test_file_that_shrinks(void **state)
{
    enum { FRAMES = 480000, READ_AHEAD = 2 * 48000 + 4096 };
    float *got = calloc(FRAMES + 1, sizeof *got);
    (void)state;

    assert_non_null(got);
    write_file("shrinks.wav", SF_FORMAT_WAV | SF_FORMAT_PCM_16, 48000, 1, FRAMES, 16);
    struct source *source = open_file("shrinks.wav", &(struct source_config){0});
    assert_int_equal(truncate(path_of("shrinks.wav"), 1000), 0);
    size_t frames = read_fully(source, got, FRAMES + 1);
    assert_true(source_ended(source));
    assert_in_range(frames, 1, READ_AHEAD);
    assert_non_null(strstr(logged(), "shrinks.wav: broken after "));
    source_close(source);
    free(got);
    unlink(path_of("shrinks.wav"));
}

/* ---- stdin ----------------------------------------------------------------------------------------- */

/* Puts a new pipe in the place of stdin and returns the end to write to. */
static int connect_stdin(void)
{
    int fds[2];

    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    /* Room for what a test writes at once. */
    assert_true(fcntl(fds[1], F_SETPIPE_SZ, 1 << 19) >= 1 << 19);
    assert_int_equal(dup2(fds[0], STDIN_FILENO), STDIN_FILENO);
    close(fds[0]);
    return fds[1];
}

static void feed_stdin(int fd, const void *bytes, size_t len)
{
    assert_int_equal(write(fd, bytes, len), len);
}

/* Feeds bytes to stdin, closes it, and reads what becomes of them. */
static size_t through_stdin(enum source_format format, unsigned channels, const void *bytes, size_t len,
                            float *got, size_t frames)
{
    int fd = connect_stdin();

    feed_stdin(fd, bytes, len);
    close(fd);
    struct source *source =
        open_source(&(struct source_config){.spec = "stdin", .channels = channels, .format = format});
    size_t n = read_fully(source, got, frames);
    assert_true(source_ended(source));
    source_close(source);
    return n;
}

static void test_stdin_formats(void **state)
{
    static const uint8_t s16[] = {0x00, 0x80, 0xff, 0x7f, 0x01, 0x00, 0xff, 0xff};
    static const uint8_t s24[] = {0x00, 0x00, 0x80, 0xff, 0xff, 0x7f, 0x01, 0x00, 0x00, 0xff, 0xff, 0xff};
    static const uint8_t s32[] = {0, 0, 0, 0x80, 0, 0xff, 0xff, 0x7f, 0, 1, 0, 0, 0, 0xff, 0xff, 0xff};
    static const uint8_t f32[] = {0, 0, 0x80, 0xbf, 0, 0, 0, 0x3f, 0, 0, 0xc0, 0x7f, 0, 0, 0x20, 0x40};
    float got[8];
    (void)state;

    assert_int_equal(through_stdin(SOURCE_S16_LE, 2, s16, sizeof s16, got, 4), 2);
    assert_true(got[0] == -1 && got[1] == 1 - 0x1p-15f && got[2] == 0x1p-15f && got[3] == -0x1p-15f);
    assert_int_equal(through_stdin(SOURCE_S24_3LE, 1, s24, sizeof s24, got, 8), 4);
    assert_true(got[0] == -1 && got[1] == 1 - 0x1p-23f && got[2] == 0x1p-23f && got[3] == -0x1p-23f);
    assert_int_equal(through_stdin(SOURCE_S32_LE, 1, s32, sizeof s32, got, 8), 4);
    assert_true(got[0] == -1 && got[1] == 1 - 0x1p-23f && got[2] == 0x1p-23f && got[3] == -0x1p-23f);
    assert_int_equal(through_stdin(SOURCE_F32_LE, 4, f32, sizeof f32, got, 2), 1);
    assert_true(got[0] == -1 && got[1] == 0.5f && got[2] == 0 && got[3] == 2.5f);
    assert_string_equal(logged(), "");
}

/* Frames that come in pieces, as pipes deliver them, and more of them than fit the ring. */
static void test_stdin_in_pieces(void **state)
{
    enum { FRAMES = 40000, BYTES = FRAMES * 6 };
    uint8_t *bytes = malloc(BYTES);
    float *got = calloc(FRAMES * 2, sizeof *got);
    (void)state;

    assert_non_null(bytes);
    assert_non_null(got);
    for (size_t i = 0; i < FRAMES * 2; i++) {
        for (size_t b = 0; b < 3; b++)
            bytes[3 * i + b] = (uint8_t)((uint32_t)test_sample(i, 24) >> (8 * b));
    }
    int fd = connect_stdin();
    feed_stdin(fd, bytes, 20000 * 6 + 1);
    struct source *source = open_source(&(struct source_config){.spec = "stdin", .format = SOURCE_S24_3LE});
    assert_int_equal(source_rate_hz(source), 48000);
    assert_int_equal(source_channels(source), 2);
    assert_int_equal(read_fully(source, got, 20000), 20000);

    /* Starved, but not at its end. */
    for (int i = 0; i < 1000; i++) {
        assert_int_equal(source_read(source, (media_t){0}, got + 40000, 48), 0);
        assert_false(source_ended(source));
    }
    for (size_t at = 20000 * 6 + 1, len = 1; at < BYTES; at += len, len = len * 5 % 7919) {
        if (len > BYTES - at)
            len = BYTES - at;
        feed_stdin(fd, bytes + at, len);
    }
    close(fd);
    assert_int_equal(read_fully(source, got + 40000, 20001), 20000);
    assert_true(source_ended(source));
    for (size_t i = 0; i < FRAMES * 2; i++)
        assert_true(got[i] == (float)ldexp(test_sample(i, 24), -23));
    source_close(source);
    free(bytes);
    free(got);
}

static void test_stdin_ends_within_a_frame(void **state)
{
    float got[4];
    (void)state;

    assert_int_equal(through_stdin(SOURCE_S16_LE, 2, "abcdef", 6, got, 2), 1);
    assert_non_null(strstr(logged(), "ended within a frame; check --format S16_LE and --channels 2"));
}

/* Nobody closes the pipe, nobody reads the ring: the reader ends all the same. */
static void test_stdin_stops_at_once(void **state)
{
    static const uint8_t silence[200000];
    static const struct source_config config = {.spec = "stdin", .rate_hz = 44100, .channels = 1};
    (void)state;

    /* A quarter of a second: the ring has room, the reader waits for stdin. */
    int fd = connect_stdin();
    feed_stdin(fd, silence, 22050);
    source_close(open_source(&config));
    close(fd);

    /* Two seconds are 176400 bytes: the ring is full, the reader waits for room. */
    fd = connect_stdin();
    feed_stdin(fd, silence, sizeof silence);
    source_close(open_source(&config));
    close(fd);
}

static void test_stdin_refused(void **state)
{
    static const struct source_config config = {.spec = "stdin", .channels = 2};
    (void)state;

    int fd = connect_stdin();
    close(fd);
    refuse(&config, -ENODATA, "ended before one whole frame");
    fd = connect_stdin();
    feed_stdin(fd, "abc", 3);
    close(fd);
    refuse(&config, -ENODATA, "ended before one whole frame");
    logged();

    int terminal = posix_openpt(O_RDWR | O_NOCTTY);
    if (terminal >= 0) {
        assert_int_equal(dup2(terminal, STDIN_FILENO), STDIN_FILENO);
        close(terminal);
        refuse(&config, -EINVAL, "is a terminal");
    }
    close(STDIN_FILENO);
    refuse(&config, -EBADF, "is closed");
    connect_stdin();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_tone_is_exact),
        cmocka_unit_test(test_tone_is_a_function_of_time),
        cmocka_unit_test(test_file_is_exact),
        cmocka_unit_test(test_file_first_read_succeeds),
        cmocka_unit_test(test_file_loops_without_a_gap),
        cmocka_unit_test(test_file_of_another_rate),
        cmocka_unit_test(test_file_of_another_rate_loops),
        cmocka_unit_test(test_file_channels),
        cmocka_unit_test(test_file_of_floats),
        cmocka_unit_test(test_file_refused),
        cmocka_unit_test(test_file_that_breaks),
        cmocka_unit_test(test_file_that_shrinks),
        cmocka_unit_test(test_stdin_formats),
        cmocka_unit_test(test_stdin_in_pieces),
        cmocka_unit_test(test_stdin_ends_within_a_frame),
        cmocka_unit_test(test_stdin_stops_at_once),
        cmocka_unit_test(test_stdin_refused),
    };

    /* A reader that cannot be stopped would hang here for ever. */
    alarm(300);
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
