// SPDX-License-Identifier: GPL-3.0-or-later
/* A program that is told things at its socket; the clients are well-behaved and otherwise. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "proto/host/clock.h"
#include "proto/host/places.h"
#include "proto/host/remote.h"

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

enum { TURN_MS = 5, BIG = REMOTE_ANSWER_SIZE - 64 };

static char folder[64], path[100], err[512];
static unsigned said; /* how often */
static char heard[REMOTE_LINE_SIZE];

static int say(void *context, const char *argument, struct json *answer, char *why, size_t why_size)
{
    assert_ptr_equal(context, &said);
    said++;
    snprintf(heard, sizeof heard, "%s", argument);
    json_text(answer, "heard", argument);
    if (strcmp(argument, "no") != 0)
        return 0;
    snprintf(why, why_size, "%s: not understood; allowed is all but \"no\"", argument);
    return -EINVAL;
}

static int tell(void *context, const char *argument, struct json *answer, char *why, size_t why_size)
{
    static char big[REMOTE_ANSWER_SIZE + 1];

    (void)context, (void)why, (void)why_size;
    memset(big, 'x', sizeof big - 1);
    big[*argument ? sizeof big - 1 : BIG] = '\0';
    json_text(answer, "big", big);
    return 0;
}

static const struct remote_command commands[] = {{"say", "TEXT", say}, {"tell", "[MORE]", tell}};

static struct remote_config config_at(const char *where)
{
    return (struct remote_config){.where = where,
                                  .end = "recv",
                                  .name = "lobby\033 left",
                                  .commands = commands,
                                  .count = COUNT(commands),
                                  .context = &said};
}

static struct remote *opened(const char *where)
{
    struct remote_config config = config_at(where);
    struct remote *r;

    assert_int_equal(remote_open(&r, &config, err, sizeof err), 0);
    return r;
}

static int try_open(const char *where)
{
    struct remote_config config = config_at(where);
    struct remote *r;
    int error = remote_open(&r, &config, err, sizeof err);

    assert_null(r);
    return error;
}

static int begin(void **state)
{
    (void)state;
    said = 0;
    snprintf(folder, sizeof folder, "/tmp/test_remote.XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/socket", folder);
    return 0;
}

static int end(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(folder); /* which holds nothing */
}

/* ---- a client by hand ---------------------------------------------------------------------------------- */

static int joined(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);

    assert_true(fd >= 0);
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    assert_int_equal(connect(fd, (const void *)&address, sizeof address), 0);
    return fd;
}

static void put(int fd, const char *text)
{
    assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
}

/* What the program says to it next, up to `size` - 1 bytes; "" when nothing, "<gone>" when it hung up. */
static const char *got(int fd)
{
    static char text[2 * REMOTE_ANSWER_SIZE];
    ssize_t n = recv(fd, text, sizeof text - 1, 0);

    if (n < 0 && errno != EAGAIN && errno != ECONNRESET)
        fail_msg("recv: %s", strerror(errno));
    if (n == 0 || (n < 0 && errno == ECONNRESET))
        return "<gone>";
    text[n < 0 ? 0 : n] = '\0';
    return text;
}

static const char *asked(struct remote *r, int fd, const char *text)
{
    put(fd, text);
    assert_int_equal(remote_wait(r, NULL, 0, TURN_MS), 0);
    return got(fd);
}

static void test_answers(void **state)
{
    struct remote *r = opened(path);
    struct stat is;
    int fd = joined();

    (void)state;
    assert_string_equal(remote_path(r), path);
    assert_int_equal(stat(path, &is), 0);
    assert_int_equal(is.st_mode & 0777, 0660);
    assert_string_equal(asked(r, fd, "say hello\n"), "{\"ok\": true,\"heard\": \"hello\"}\n");
    assert_string_equal(asked(r, fd, "  say   two  words  \r\n"),
                        "{\"ok\": true,\"heard\": \"two  words\"}\n");
    assert_string_equal(asked(r, fd, "say\n"), "{\"ok\": true,\"heard\": \"\"}\n");
    assert_string_equal(asked(r, fd, "say no\n"),
                        "{\"ok\": false,\"error\": \"no: not understood; allowed is all but \\\"no\\\"\"}\n");
    assert_string_equal(
        asked(r, fd, "shout\n"),
        "{\"ok\": false,\"error\": \"shout: not a command; allowed are who, help, say, tell\"}\n");
    assert_non_null(strstr(asked(r, fd, "\n"), "allowed are who, help, say, tell"));
    assert_non_null(strstr(asked(r, fd, "who\n"), "\"program\": \"unisono-recv\""));
    assert_non_null(strstr(asked(r, fd, "who\n"), "\"name\": \"lobby? left\""));
    assert_string_equal(asked(r, fd, "help\n"),
                        "{\"ok\": true,\"commands\": [{\"name\": \"say\",\"usage\": \"TEXT\"},"
                        "{\"name\": \"tell\",\"usage\": \"[MORE]\"}]}\n");
    close(fd);
    remote_close(r);
    assert_int_equal(access(path, F_OK), -1);
}

/* Lines in pieces, several at once, and the last one before a client closes its end. */
static void test_pieces(void **state)
{
    struct remote *r = opened(path);
    int fd = joined();

    (void)state;
    assert_string_equal(asked(r, fd, "sa"), "");
    assert_string_equal(asked(r, fd, "y x"), "");
    assert_string_equal(asked(r, fd, "yz\nsay 2\nsa"),
                        "{\"ok\": true,\"heard\": \"xyz\"}\n{\"ok\": true,\"heard\": \"2\"}\n");
    put(fd, "y 3\nsay 4");
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    remote_wait(r, NULL, 0, TURN_MS);
    assert_string_equal(got(fd), "{\"ok\": true,\"heard\": \"3\"}\n");
    assert_string_equal(got(fd), "<gone>");
    assert_int_equal(said, 3);
    close(fd);
    remote_close(r);
}

static void test_garbage(void **state)
{
    static const char *const lines[] = {"say \033[2J\n", "\001\n", "say\t1\n", "\177\n"};
    struct remote *r = opened(path);
    char zeros[8] = "say\0x\n";
    int fd = joined();

    (void)state;
    for (size_t i = 0; i < COUNT(lines); i++)
        assert_string_equal(asked(r, fd, lines[i]),
                            "{\"ok\": false,\"error\": \"a control character; allowed is a "
                            "line of printable text\"}\n");
    assert_int_equal(send(fd, zeros, 6, 0), 6);
    remote_wait(r, NULL, 0, TURN_MS);
    assert_non_null(strstr(got(fd), "a control character"));
    assert_non_null(strstr(asked(r, fd, "\xff\xfe\n"), "??: not a command"));
    assert_int_equal(said, 0);
    /* what is no UTF-8 does not come back */
    assert_string_equal(asked(r, fd, "say 1=\xff \xc3\xa4\xc3 \xc2\x9f\xf0\x9f\x8e\xb5\n"),
                        "{\"ok\": true,\"heard\": \"1=? \xc3\xa4? ??\xf0\x9f\x8e\xb5\"}\n");
    close(fd);
    remote_close(r);
}

/* A line of 4095 bytes is one; a longer one is the last. */
static void test_long_lines(void **state)
{
    static char line[REMOTE_LINE_SIZE + 1];
    struct remote *r = opened(path);
    int fd = joined();

    (void)state;
    memset(line, 'x', sizeof line - 1);
    memcpy(line, "say ", 4);
    line[REMOTE_LINE_SIZE - 1] = '\n';
    assert_non_null(strstr(asked(r, fd, line), "\"ok\": true"));
    assert_int_equal(strlen(heard), REMOTE_LINE_SIZE - 5);
    line[REMOTE_LINE_SIZE - 1] = 'x';
    assert_string_equal(asked(r, fd, line),
                        "{\"ok\": false,\"error\": \"a line too long; allowed are 4095 bytes\"}\n");
    remote_wait(r, NULL, 0, TURN_MS);
    assert_string_equal(got(fd), "<gone>");
    close(fd);
    remote_close(r);
}

static void test_long_answers(void **state)
{
    struct remote *r = opened(path);
    int fd = joined();

    (void)state;
    assert_int_equal(strlen(asked(r, fd, "tell\n")), BIG + strlen("{\"ok\": true,\"big\": \"\"}\n"));
    assert_string_equal(asked(r, fd, "tell more\n"),
                        "{\"ok\": false,\"error\": \"the answer does not fit 32768 bytes\"}\n");
    close(fd);
    remote_close(r);
}

/* Thousands of commands: each wait ends when it shall, and in the end each was answered, or its sender is
 * waited for. */
static void test_flood(void **state)
{
    struct remote *r = opened(path);
    int fd = joined(), quiet = joined();
    int64_t longest_ns = 0;
    size_t sent = 0, answered = 0;

    (void)state;
    for (int turn = 0; turn < 100; turn++) {
        int64_t start_ns;
        unsigned before = said;

        while (send(fd, "say 1\n", 6, MSG_NOSIGNAL) == 6)
            sent++;
        start_ns = clock_raw_now().ns;
        assert_int_equal(remote_wait(r, NULL, 0, TURN_MS), 0);
        longest_ns = clock_raw_now().ns - start_ns > longest_ns ? clock_raw_now().ns - start_ns : longest_ns;
        assert_true(said - before <= REMOTE_COMMANDS);
        for (const char *text = got(fd); *text; text = strchr(text, '\n') + 1)
            answered++;
    }
    assert_true(sent > 1000);
    assert_int_equal(answered, said);
    assert_true(said > 1000);
    assert_true(longest_ns < 500 * NS_PER_MS);
    while (send(fd, "say 1\n", 6, MSG_NOSIGNAL) == 6)
        ;
    /* nobody has to stand in line behind it */
    assert_string_equal(asked(r, quiet, "say 2\n"), "{\"ok\": true,\"heard\": \"2\"}\n");
    close(fd);
    close(quiet);
    remote_close(r);
}

/* Somebody asks and never listens: nobody waits for that, and in the end it is dropped. */
static void test_slow(void **state)
{
    struct remote *r = opened(path);
    int fd = joined(), other = joined();
    int64_t start_ns = clock_raw_now().ns;

    (void)state;
    for (int i = 0; i < 50; i++)
        put(fd, "tell\n");
    remote_wait(r, NULL, 0, 200); /* until its socket is full */
    while (clock_raw_now().ns - start_ns < 5500 * NS_PER_MS)
        assert_string_equal(asked(r, other, "say 1\n"), "{\"ok\": true,\"heard\": \"1\"}\n");
    remote_wait(r, NULL, 0, TURN_MS);
    while (strcmp(got(fd), "<gone>") != 0)
        ;
    close(fd);
    close(other);
    remote_close(r);
}

/* The ninth is told so; later it gets the place of who said nothing. */
static void test_crowd(void **state)
{
    struct remote *r = opened(path);
    int fds[REMOTE_CLIENTS], ninth;
    int64_t start_ns = clock_raw_now().ns;

    (void)state;
    for (int i = 0; i < REMOTE_CLIENTS; i++) {
        fds[i] = joined();
        remote_wait(r, NULL, 0, TURN_MS);
    }
    ninth = joined();
    remote_wait(r, NULL, 0, TURN_MS);
    assert_non_null(strstr(got(ninth), "eight others are here"));
    assert_string_equal(got(ninth), "<gone>");
    close(ninth);
    while (clock_raw_now().ns - start_ns < 5200 * NS_PER_MS)
        for (int i = 1; i < REMOTE_CLIENTS; i++)
            assert_string_equal(asked(r, fds[i], "say 1\n"), "{\"ok\": true,\"heard\": \"1\"}\n");
    ninth = joined();
    assert_string_equal(asked(r, ninth, "say 9\n"), "{\"ok\": true,\"heard\": \"9\"}\n");
    assert_string_equal(got(fds[0]), "<gone>");
    for (int i = 0; i < REMOTE_CLIENTS; i++)
        close(fds[i]);
    close(ninth);
    remote_close(r);
}

/* Clients that go away with their answers on the way. */
static void test_gone(void **state)
{
    struct remote *r = opened(path);

    (void)state;
    for (int i = 0; i < 100; i++) {
        int fd = joined();

        put(fd, "tell\nsay 1\n");
        close(fd);
        assert_int_equal(remote_wait(r, NULL, 0, 0), 0);
    }
    assert_true(said <= 100);
    remote_close(r);
}

/* In place of poll(). */
static void test_wait(void **state)
{
    struct remote *r = opened(path);
    int64_t start_ns = clock_raw_now().ns;
    struct pollfd fds[2] = {{.fd = -1}};
    int pipes[2];

    (void)state;
    assert_int_equal(pipe(pipes), 0);
    fds[1] = (struct pollfd){.fd = pipes[0], .events = POLLIN};
    assert_int_equal(remote_wait(r, fds, 2, 30), 0);
    assert_int_equal(remote_wait(NULL, fds, 2, 30), 0);
    assert_true(clock_raw_now().ns - start_ns >= 60 * NS_PER_MS);
    assert_int_equal(write(pipes[1], "", 1), 1);
    assert_int_equal(remote_wait(r, fds, 2, 10000), 1);
    assert_int_equal(remote_wait(NULL, fds, 2, 10000), 1);
    assert_int_equal(fds[1].revents, POLLIN);
    close(pipes[0]);
    close(pipes[1]);
    remote_close(r);
    assert_null(remote_path(NULL));
    remote_close(NULL);
}

/* ---- the file ------------------------------------------------------------------------------------------ */

static void test_file(void **state)
{
    struct remote *r = opened(path), *second;
    char other[128], long_path[200];
    struct stat is;
    int fd;

    (void)state;
    assert_int_equal(try_open(path), -EADDRINUSE);
    assert_non_null(strstr(err, path));
    assert_non_null(strstr(err, "another program listens there"));
    /* one that a dead process left */
    snprintf(other, sizeof other, "%s/other", folder);
    assert_int_equal(rename(path, other), 0);
    remote_close(r);
    assert_int_equal(rename(other, path), 0);
    r = opened(path);
    /* ours was moved away, another took its place: that one stays */
    assert_int_equal(rename(path, other), 0);
    second = opened(path);
    remote_close(r);
    assert_int_equal(stat(path, &is), 0);
    remote_close(second);
    assert_int_equal(unlink(other), 0);

    fd = open(path, O_CREAT | O_WRONLY, 0600);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(try_open(path), -EEXIST);
    assert_int_equal(stat(path, &is), 0);
    snprintf(other, sizeof other, "%s/no/socket", folder);
    assert_int_equal(try_open(other), -ENOENT);
    assert_non_null(strstr(err, other));
    memset(long_path, 'x', sizeof long_path - 1);
    long_path[sizeof long_path - 1] = '\0';
    assert_int_equal(try_open(long_path), -ENAMETOOLONG);
    assert_int_equal(try_open("off"), 0);
}

static char found[256];

static void note(void *context, const char *at)
{
    assert_ptr_equal(context, found);
    if (strncmp(at, folder, strlen(folder)) == 0)
        snprintf(found + strlen(found), sizeof found - strlen(found), "%s ", at + strlen(folder));
}

/* By itself, in a place of its own. */
static void test_places(void **state)
{
    struct remote *r;
    char place[128], expected[256];
    int fd;

    (void)state;
    snprintf(place, sizeof place, "%s:/nowhere", folder);
    setenv("RUNTIME_DIRECTORY", place, 1);
    r = opened("auto");
    snprintf(expected, sizeof expected, "%s/recv-%d.sock", folder, (int)getpid());
    assert_string_equal(remote_path(r), expected);
    snprintf(place, sizeof place, "%s/send-1.sock", folder);
    fd = open(place, O_CREAT | O_WRONLY, 0600); /* no socket */
    assert_true(fd >= 0);
    close(fd);
    places_each(note, found);
    snprintf(expected, sizeof expected, "/recv-%d.sock ", (int)getpid());
    assert_string_equal(found, expected);
    assert_int_equal(unlink(place), 0);
    remote_close(r);
    unsetenv("RUNTIME_DIRECTORY");
}

static void opens_in(const char *place)
{
    struct remote *r = opened("auto");
    char expected[256];

    snprintf(expected, sizeof expected, "%s/recv-%d.sock", place, (int)getpid());
    assert_string_equal(remote_path(r), expected);
    remote_close(r);
}

/* What is not there, as where the environment was somebody else's, is passed over. Root has other places. */
static void test_next_place(void **state)
{
    char none[96], place[96];
    bool root = geteuid() == 0;

    (void)state;
    snprintf(none, sizeof none, "%s/none", folder);
    assert_int_equal(chmod(folder, 0777), 0);
    if (root)
        assert_int_equal(seteuid(65534), 0);
    setenv("RUNTIME_DIRECTORY", none, 1);
    setenv("XDG_RUNTIME_DIR", folder, 1);
    snprintf(place, sizeof place, "%s/unisono", folder);
    opens_in(place);
    assert_int_equal(rmdir(place), 0);
    setenv("XDG_RUNTIME_DIR", none, 1);
    snprintf(place, sizeof place, "/tmp/unisono-%u", (unsigned)geteuid());
    opens_in(place);
    rmdir(place); /* unless it is in use */
    /* there, but not ours to write to */
    setenv("RUNTIME_DIRECTORY", "/", 1);
    opens_in(place);
    rmdir(place);
    if (root)
        assert_int_equal(seteuid(0), 0);
    unsetenv("XDG_RUNTIME_DIR");
    /* of several, the one that is called like us */
    snprintf(place, sizeof place, "/run/unisono-test-%d", (int)getpid());
    if (mkdir(place, 0755) == 0) {
        char several[256];

        snprintf(several, sizeof several, "%s:%s", folder, place);
        setenv("RUNTIME_DIRECTORY", several, 1);
        opens_in(place);
        assert_int_equal(rmdir(place), 0);
    }
    unsetenv("RUNTIME_DIRECTORY");
}

/* A socket that is bound, and not yet listened at. */
static int bound(const char *at)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    assert_true(fd >= 0);
    snprintf(address.sun_path, sizeof address.sun_path, "%s", at);
    assert_int_equal(bind(fd, (const void *)&address, sizeof address), 0);
    return fd;
}

/* What killed processes left in the place goes when the next one comes; who lives stays. */
static void test_buries(void **state)
{
    char dead[96], living[96];
    struct remote *r;
    int fd;

    (void)state;
    snprintf(dead, sizeof dead, "%s/send-1.sock", folder);
    snprintf(living, sizeof living, "%s/recv-2.sock", folder);
    close(bound(dead));
    fd = bound(living);
    assert_int_equal(listen(fd, 1), 0);
    setenv("RUNTIME_DIRECTORY", folder, 1);
    r = opened("auto");
    unsetenv("RUNTIME_DIRECTORY");
    assert_int_equal(access(dead, F_OK), -1);
    assert_int_equal(access(living, F_OK), 0);
    remote_close(r);
    close(fd);
    assert_int_equal(unlink(living), 0);
}

static void *try_here(void *error)
{
    *(int *)error = try_open(path);
    return NULL;
}

/* Two begin at once: between bind() and listen() the first one's socket looks like that of a dead process. */
static void test_two_at_once(void **state)
{
    int held = open(folder, O_RDONLY | O_DIRECTORY), first, error = 0;
    int64_t start_ns;
    pthread_t thread;

    (void)state;
    assert_int_equal(flock(held, LOCK_EX), 0); /* as the first one does */
    first = bound(path);
    assert_int_equal(pthread_create(&thread, NULL, try_here, &error), 0);
    start_ns = clock_raw_now().ns;
    while (clock_raw_now().ns - start_ns < 50 * NS_PER_MS)
        assert_int_equal(access(path, F_OK), 0);
    assert_int_equal(listen(first, 1), 0);
    close(held);
    pthread_join(thread, NULL);
    assert_int_equal(error, -EADDRINUSE);
    assert_int_equal(access(path, F_OK), 0);
    close(first);
}

/* ---- both ends ----------------------------------------------------------------------------------------- */

static atomic_bool over;

static void *serve(void *context)
{
    while (!atomic_load(&over))
        remote_wait(context, NULL, 0, TURN_MS);
    return NULL;
}

static void test_ask(void **state)
{
    static char answer[REMOTE_ANSWER_SIZE];
    struct remote *r = opened(path);
    pthread_t thread;

    (void)state;
    assert_int_equal(remote_ask(path, "say 1", 50, answer, err, sizeof err), -ETIMEDOUT);
    assert_non_null(strstr(err, "no answer"));
    assert_int_equal(pthread_create(&thread, NULL, serve, r), 0);
    assert_int_equal(remote_ask(path, "say 1", 5000, answer, err, sizeof err), 0);
    assert_string_equal(answer, "{\"ok\": true,\"heard\": \"1\"}");
    assert_int_equal(remote_ask(path, "tell", 5000, answer, err, sizeof err), 0);
    assert_int_equal(strlen(answer), BIG + strlen("{\"ok\": true,\"big\": \"\"}"));
    atomic_store(&over, true);
    pthread_join(thread, NULL);
    remote_close(r);
    assert_int_equal(remote_ask(path, "say 1", 50, answer, err, sizeof err), -ENOENT);
    assert_non_null(strstr(err, path));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_answers, begin, end),
        cmocka_unit_test_setup_teardown(test_pieces, begin, end),
        cmocka_unit_test_setup_teardown(test_garbage, begin, end),
        cmocka_unit_test_setup_teardown(test_long_lines, begin, end),
        cmocka_unit_test_setup_teardown(test_long_answers, begin, end),
        cmocka_unit_test_setup_teardown(test_flood, begin, end),
        cmocka_unit_test_setup_teardown(test_slow, begin, end),
        cmocka_unit_test_setup_teardown(test_crowd, begin, end),
        cmocka_unit_test_setup_teardown(test_gone, begin, end),
        cmocka_unit_test_setup_teardown(test_wait, begin, end),
        cmocka_unit_test_setup_teardown(test_file, begin, end),
        cmocka_unit_test_setup_teardown(test_places, begin, end),
        cmocka_unit_test_setup_teardown(test_next_place, begin, end),
        cmocka_unit_test_setup_teardown(test_buries, begin, end),
        cmocka_unit_test_setup_teardown(test_two_at_once, begin, end),
        cmocka_unit_test_setup_teardown(test_ask, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
