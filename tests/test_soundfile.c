// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Sound files: bits as they were given, a header that says when and how much at any moment, and no file of
 * anybody else touched. `test_soundfile 4gb` writes one past 4 GB, which takes as much of UNISONO_TMP.
 */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <sndfile.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <cmocka.h>

#include "receiver/soundfile.h"

#define DAY INT64_C(86400)

enum { FRAMES = 20000 };

struct place {
    char folder[256], path[320];
    struct soundfile *file;
    char err[512];
};

static int set_up(void **state)
{
    const char *tmp = getenv("UNISONO_TMP");
    struct place *p = calloc(1, sizeof *p);

    snprintf(p->folder, sizeof p->folder, "%s/soundfile.XXXXXX", tmp ? tmp : "/dev/shm");
    assert_non_null(mkdtemp(p->folder));
    *state = p;
    return 0;
}

static int tear_down(void **state)
{
    struct place *p = *state;

    soundfile_close(p->file, p->err, sizeof p->err);
    unlink(p->path);
    assert_int_equal(rmdir(p->folder), 0);
    free(p);
    return 0;
}

static struct soundfile_config config_of(struct place *p, const char *name, enum rtp_codec codec,
                                         unsigned channels)
{
    snprintf(p->path, sizeof p->path, "%s/%s", p->folder, name);
    return (struct soundfile_config){
        .path = p->path,
        .title = "Stage left",
        .originator = "lobby",
        /* 100 samples after noon of day 20000 since 1970, UTC, where PTP is 37 s ahead */
        .format = {.codec = codec,
                   .rate_hz = 48000,
                   .channels = channels,
                   .at = {(20000 * DAY + DAY / 2 + 37) * 48000 + 100}},
        .time = {.utc = true, .utc_offset_s = 37, .grandmaster = "00-11-22-FF-FE-33-44-55"}};
}

static void create(struct place *p, const struct soundfile_config *config)
{
    if (soundfile_create(&p->file, config, p->err, sizeof p->err))
        fail_msg("%s", p->err);
}

/* Every value of so many bits comes sooner or later, the extremes first. */
static float value_at(size_t i, int bits)
{
    const int64_t span = INT64_C(1) << bits;
    int64_t n = i == 0   ? -span / 2
                : i == 1 ? span / 2 - 1
                         : (int64_t)(i * 2654435761u % (uint64_t)span) - span / 2;

    return (float)n / (float)(span / 2);
}

static void write_all(struct place *p, unsigned channels, int bits)
{
    float *samples = calloc((size_t)FRAMES * channels, sizeof *samples);

    for (size_t i = 0; i < (size_t)FRAMES * channels; i++)
        samples[i] = value_at(i, bits);
    assert_int_equal(soundfile_write(p->file, samples, FRAMES, p->err, sizeof p->err), 0);
    free(samples);
}

static void expect_all(const struct place *p, unsigned channels, int bits, int subtype, size_t silence)
{
    SF_INFO info = {0};
    SNDFILE *file = sf_open(p->path, SFM_READ, &info);
    float *samples = calloc((size_t)(FRAMES + silence) * channels, sizeof *samples);

    assert_non_null(file);
    assert_int_equal(info.frames, FRAMES + silence);
    assert_int_equal(info.channels, channels);
    assert_int_equal(info.samplerate, 48000);
    assert_int_equal(info.format & SF_FORMAT_SUBMASK, subtype);
    assert_int_equal(sf_readf_float(file, samples, (sf_count_t)(FRAMES + silence)), FRAMES + silence);
    for (size_t i = 0; i < (size_t)(FRAMES + silence) * channels; i++)
        assert_true(samples[i] == (i < (size_t)FRAMES * channels ? value_at(i, bits) : 0));
    free(samples);
    sf_close(file);
}

static void check_bits(struct place *p, const char *name, enum rtp_codec codec, unsigned channels, int bits,
                       int subtype)
{
    struct soundfile_config config = config_of(p, name, codec, channels);

    create(p, &config);
    write_all(p, channels, bits);
    assert_int_equal(soundfile_write(p->file, NULL, 100, p->err, sizeof p->err), 0);
    assert_int_equal(soundfile_close(p->file, p->err, sizeof p->err), 0);
    p->file = NULL;
    expect_all(p, channels, bits, subtype, 100);
    unlink(p->path);
}

static void bits_are_kept(void **state)
{
    check_bits(*state, "a.wav", RTP_CODEC_L16, 1, 16, SF_FORMAT_PCM_16);
    check_bits(*state, "a.wav", RTP_CODEC_L24, 2, 24, SF_FORMAT_PCM_24);
    check_bits(*state, "a.WAV", RTP_CODEC_L24, 64, 24, SF_FORMAT_PCM_24);
    check_bits(*state, "a.wav", RTP_CODEC_F32, 3, 24, SF_FORMAT_FLOAT);
    check_bits(*state, "a.flac", RTP_CODEC_L16, 2, 16, SF_FORMAT_PCM_16);
    check_bits(*state, "a.flac", RTP_CODEC_L24, 8, 24, SF_FORMAT_PCM_24);
    check_bits(*state, "a.flac", RTP_CODEC_OPUS, 2, 24, SF_FORMAT_PCM_24);
}

/* What stands in for lost sound, or came as float, may exceed full scale. */
static void beyond_full_scale_is_clipped(void **state)
{
    static const float in[] = {1.5f, -1.5f, NAN, INFINITY, -INFINITY, 1.0f};
    static const int expected[] = {0x7fffff, -0x800000, 0, 0x7fffff, -0x800000, 0x7fffff};
    struct place *p = *state;
    struct soundfile_config config = config_of(p, "a.wav", RTP_CODEC_L24, 1);
    SF_INFO info = {0};
    SNDFILE *file;
    int out[6];

    create(p, &config);
    assert_int_equal(soundfile_write(p->file, in, 6, p->err, sizeof p->err), 0);
    assert_int_equal(soundfile_close(p->file, p->err, sizeof p->err), 0);
    p->file = NULL;
    file = sf_open(p->path, SFM_READ, &info);
    assert_int_equal(sf_readf_int(file, out, 6), 6);
    for (int i = 0; i < 6; i++)
        assert_int_equal(out[i] / 256, expected[i]);
    sf_close(file);
}

static void says_when_it_was(void **state)
{
    struct place *p = *state;
    struct soundfile_config config = config_of(p, "a.wav", RTP_CODEC_L24, 2);
    SF_BROADCAST_INFO bext;
    SF_INFO info = {0};
    SNDFILE *file;

    create(p, &config);
    write_all(p, 2, 24);
    assert_int_equal(soundfile_update(p->file, p->err, sizeof p->err), 0);
    /* and is not closed: as a killed process leaves it */
    expect_all(p, 2, 24, SF_FORMAT_PCM_24, 0);
    file = sf_open(p->path, SFM_READ, &info);
    assert_int_equal(sf_command(file, SFC_GET_BROADCAST_INFO, &bext, sizeof bext), SF_TRUE);
    assert_int_equal(bext.time_reference_low, DAY / 2 * 48000 + 100);
    assert_int_equal(bext.time_reference_high, 0);
    assert_memory_equal(bext.origination_date, "2024-10-04", 10);
    assert_memory_equal(bext.origination_time, "12:00:00", 8);
    assert_non_null(strstr(bext.description, "Stage left"));
    assert_non_null(strstr(bext.description, "UTC, by grandmaster 00-11"));
    assert_memory_equal(bext.originator, "unisono", 7);
    sf_close(file);
}

static void says_when_utc_is_not_known(void **state)
{
    struct place *p = *state;
    struct soundfile_config config = config_of(p, "a.flac", RTP_CODEC_L24, 2);
    SF_INFO info = {0};
    SNDFILE *file;
    const char *comment;

    config.time = (struct soundfile_time){.grandmaster = ""};
    create(p, &config);
    write_all(p, 2, 24);
    assert_int_equal(soundfile_close(p->file, p->err, sizeof p->err), 0);
    p->file = NULL;
    file = sf_open(p->path, SFM_READ, &info);
    comment = sf_get_string(file, SF_STR_COMMENT);
    assert_non_null(comment);
    assert_memory_equal(comment, "TIME_REFERENCE=2075376100;", 26); /* (43200 + 37) * 48000 + 100 */
    assert_non_null(strstr(comment, "PTP's own count"));
    sf_close(file);
}

static void time_references(void **state)
{
    const struct soundfile_time tai = {0}, utc = {.utc = true, .utc_offset_s = 37};
    int64_t day_s;

    (void)state;
    assert_int_equal(soundfile_time_reference((media_t){0}, 48000, &tai, &day_s), 0);
    assert_int_equal(day_s, 0);
    /* the last sample of a day, and the first of the next, at a rate whose count passes 2^32 */
    assert_int_equal(soundfile_time_reference((media_t){DAY * 96000 - 1}, 96000, &tai, &day_s),
                     DAY * 96000 - 1);
    assert_int_equal(day_s, 0);
    assert_int_equal(soundfile_time_reference((media_t){DAY * 96000}, 96000, &tai, &day_s), 0);
    assert_int_equal(day_s, DAY);
    /* midnight in London is 37 s later by TAI */
    assert_int_equal(soundfile_time_reference((media_t){(DAY + 36) * 44100}, 44100, &utc, &day_s),
                     (DAY - 1) * 44100);
    assert_int_equal(day_s, 0);
    assert_int_equal(soundfile_time_reference((media_t){(DAY + 37) * 44100 + 5}, 44100, &utc, &day_s), 5);
    assert_int_equal(day_s, DAY);
}

static void names(void **state)
{
    char why[256];

    (void)state;
    assert_int_equal(soundfile_check_name("a.wav", why, sizeof why), 0);
    assert_int_equal(soundfile_check_name("/b/a.FLAC", why, sizeof why), 0);
    assert_int_equal(soundfile_check_name("a.mp3", why, sizeof why), -EINVAL);
    assert_non_null(strstr(why, "FILE.wav or FILE.flac"));
    assert_int_equal(soundfile_check_name("/b/.wav", why, sizeof why), -EINVAL);
    assert_int_equal(soundfile_check_name(".flac", why, sizeof why), -EINVAL);
    assert_int_equal(soundfile_check_name("wav", why, sizeof why), -EINVAL);
}

static void refusals(void **state)
{
    struct place *p = *state;
    struct soundfile_config config = config_of(p, "a.flac", RTP_CODEC_L24, 9);
    struct stat before, after;

    assert_int_equal(soundfile_create(&p->file, &config, p->err, sizeof p->err), -EINVAL);
    assert_null(p->file);
    assert_non_null(strstr(p->err, "at most 8 channels, the stream has 9"));
    assert_int_equal(access(p->path, F_OK), -1); /* nothing is left behind */
    config.format.channels = 2;
    create(p, &config);
    assert_int_equal(soundfile_close(p->file, p->err, sizeof p->err), 0);
    assert_int_equal(stat(p->path, &before), 0);
    assert_int_equal(soundfile_create(&p->file, &config, p->err, sizeof p->err), -EEXIST);
    assert_null(p->file);
    assert_int_equal(stat(p->path, &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);
    assert_int_equal(before.st_size, after.st_size);
}

static unsigned closed_twice;

/* In place of the C library's, for libsndfile, too. */
int close(int fd)
{
    int result = (int)syscall(SYS_close, fd);

    closed_twice += result < 0 && errno == EBADF;
    return result;
}

static void what_cannot_be_opened_is_closed_once(void **state)
{
    struct place *p = *state;
    struct soundfile_config config = config_of(p, "a.flac", RTP_CODEC_L24, 2);

    config.format.rate_hz = 1 << 20; /* more than FLAC has */
    closed_twice = 0;
    assert_true(soundfile_create(&p->file, &config, p->err, sizeof p->err) < 0);
    assert_int_equal(closed_twice, 0);
    assert_int_equal(access(p->path, F_OK), -1);
}

static void what_nobody_finds_is_told(void **state)
{
    static const char *const names[] = {"a.wav", "a.flac"};
    struct place *p = *state;

    for (int i = 0; i < 4; i++) {
        struct soundfile_config config = config_of(p, names[i % 2], RTP_CODEC_L24, 2);
        char other[400];

        snprintf(other, sizeof other, "%s.old", p->path);
        create(p, &config);
        write_all(p, 2, 24);
        assert_int_equal(soundfile_update(p->file, p->err, sizeof p->err), 0);
        assert_int_equal(i < 2 ? unlink(p->path) : rename(p->path, other), 0);
        assert_int_equal(soundfile_update(p->file, p->err, sizeof p->err), -ENOENT);
        assert_non_null(strstr(p->err, "removed or renamed"));
        assert_int_equal(soundfile_close(p->file, p->err, sizeof p->err), 0);
        p->file = NULL;
        unlink(other);
    }
}

/* The descriptor that libsndfile writes to, the newest of the process, can only be read from now on. */
static void forbid_writing(const struct place *p)
{
    int read_only = open(p->path, O_RDONLY);
    struct stat a, b;

    assert_true(read_only > 0);
    assert_int_equal(fstat(read_only, &a), 0);
    for (int fd = 3; fd < read_only; fd++)
        if (fstat(fd, &b) == 0 && a.st_ino == b.st_ino && a.st_dev == b.st_dev)
            assert_int_equal(dup2(read_only, fd), fd);
    close(read_only);
}

static void a_header_that_is_not_written_is_told(void **state)
{
    struct place *p = *state;
    struct soundfile_config config = config_of(p, "a.wav", RTP_CODEC_L24, 2);

    create(p, &config);
    write_all(p, 2, 24);
    forbid_writing(p);
    assert_int_equal(soundfile_update(p->file, p->err, sizeof p->err), -EIO);
    assert_non_null(strstr(p->err, "cannot write to"));
}

/* What the encoder still holds finds no room on the disk. */
static void an_end_that_is_not_written_is_told(void **state)
{
    struct place *p = *state;
    struct soundfile_config config = config_of(p, "a.flac", RTP_CODEC_L24, 2);
    struct rlimit before, full;
    struct stat now;
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    int error;

    create(p, &config);
    write_all(p, 2, 24);
    assert_int_equal(stat(p->path, &now), 0);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    full = (struct rlimit){(rlim_t)now.st_size, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &full), 0);
    error = soundfile_close(p->file, p->err, sizeof p->err);
    p->file = NULL;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, handler);
    assert_int_equal(error, -EIO);
}

/* Past 4 GB the header is that of RF64, at any moment, and time reference and sound are where they were. */
static void past_4_gb(void **state)
{
    enum { CHANNELS = 64, BLOCK = 48000 };
    struct place *p = *state;
    struct soundfile_config config = config_of(p, "a.wav", RTP_CODEC_L24, CHANNELS);
    float *samples = calloc((size_t)BLOCK * CHANNELS, sizeof *samples);
    SF_BROADCAST_INFO bext;
    SF_INFO info = {0};
    SNDFILE *file;
    float last[CHANNELS];

    create(p, &config);
    for (int i = 0; i < 480; i++) {
        samples[0] = (float)i / 1024;
        assert_int_equal(soundfile_write(p->file, samples, BLOCK, p->err, sizeof p->err), 0);
        assert_int_equal(soundfile_update(p->file, p->err, sizeof p->err), 0);
    }
    file = sf_open(p->path, SFM_READ, &info); /* not closed yet */
    assert_non_null(file);
    assert_int_equal(info.frames, 480 * BLOCK);
    assert_int_equal(info.format & SF_FORMAT_TYPEMASK, SF_FORMAT_RF64);
    assert_int_equal(sf_command(file, SFC_GET_BROADCAST_INFO, &bext, sizeof bext), SF_TRUE);
    assert_int_equal(bext.time_reference_low, DAY / 2 * 48000 + 100);
    assert_int_equal(sf_seek(file, 479 * BLOCK, SEEK_SET), 479 * BLOCK);
    assert_int_equal(sf_readf_float(file, last, 1), 1);
    assert_true(last[0] == 479.0f / 1024);
    sf_close(file);
    free(samples);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(bits_are_kept, set_up, tear_down),
        cmocka_unit_test_setup_teardown(beyond_full_scale_is_clipped, set_up, tear_down),
        cmocka_unit_test_setup_teardown(says_when_it_was, set_up, tear_down),
        cmocka_unit_test_setup_teardown(says_when_utc_is_not_known, set_up, tear_down),
        cmocka_unit_test(time_references),
        cmocka_unit_test(names),
        cmocka_unit_test_setup_teardown(refusals, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_cannot_be_opened_is_closed_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_nobody_finds_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_header_that_is_not_written_is_told, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_end_that_is_not_written_is_told, set_up, tear_down),
    };
    const struct CMUnitTest large[] = {cmocka_unit_test_setup_teardown(past_4_gb, set_up, tear_down)};

    if (argc > 1 && strcmp(argv[1], "4gb") == 0)
        return cmocka_run_group_tests(large, NULL, NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
