// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * Push to talk by signals: one says begin, the other end; of two that waited together nobody knows the order.
 */
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>
#include <cmocka.h>

#include "sender/talk.h"

/* Whether somebody talks, behind these signals to this process; 0: none. */
static bool behind(struct talk *talk, bool talks, int first, int second)
{
    struct pollfd fds[TALK_FDS];

    if (first)
        kill(getpid(), first);
    if (second)
        kill(getpid(), second);
    talk_poll(talk, fds);
    assert_int_equal(poll(fds, TALK_FDS, 0), first || second);
    return talk_take(talk, fds, talks);
}

static void signals_begin_and_end(void **state)
{
    struct talk talk = {.signals = -1};

    (void)state;
    talk_open(&talk, false);
    for (int talks = 0; talks < 2; talks++) {
        assert_int_equal(behind(&talk, talks, 0, 0), talks);
        assert_true(behind(&talk, talks, SIGUSR1, 0));
        assert_false(behind(&talk, talks, SIGUSR2, 0));
        assert_int_equal(behind(&talk, talks, SIGUSR2, SIGUSR1), talks);
        assert_int_equal(behind(&talk, talks, SIGUSR1, SIGUSR2), talks);
    }
    talk_close(&talk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signals_begin_and_end),
    };

    return cmocka_run_group_tests_name("talk", tests, NULL, NULL);
}
