// SPDX-License-Identifier: GPL-3.0-or-later
#include "screen.h"

#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define NCURSES_WIDECHAR 1
#define NCURSES_NOMACROS 1 /* with names as short as `move` */
#include <curses.h>

#include "desk.h"
#include "page.h"

enum { ROWS_MIN = 3, ROWS_MAX = 500, COLUMNS_MIN = 10, COLUMNS_MAX = 500, CTRL_L = 12, ESCAPE = 27 };

struct screen {
    SCREEN *terminal;
    bool plain; /* it cannot place its cursor */
    bool ascii;
    bool shown; /* there is a view */
    struct desk desk;
    struct view view;
    struct view_receiver *receiver[VIEW_STREAMS_MAX]; /* of the streams of `view` */
    size_t room[VIEW_STREAMS_MAX];
    struct line *line;
    unsigned lines;
};

static void colours(void)
{
    static const short colour[][2] = {{LOOK_WELL, COLOR_GREEN},
                                      {LOOK_NOTE, COLOR_CYAN},
                                      {LOOK_WARNING, COLOR_YELLOW},
                                      {LOOK_ALARM, COLOR_RED}};

    if (!has_colors() || start_color() == ERR || use_default_colors() == ERR)
        return;
    for (size_t i = 0; i < sizeof colour / sizeof *colour; i++)
        init_pair(colour[i][0], colour[i][1], -1);
}

static attr_t attributes(enum look look)
{
    switch (look) {
    case LOOK_BOLD:
        return A_BOLD;
    case LOOK_HEADING:
        return A_UNDERLINE;
    case LOOK_ALARM:
    case LOOK_WARNING:
        return A_BOLD | (attr_t)COLOR_PAIR((int)look);
    case LOOK_NOTE:
    case LOOK_WELL:
        return (attr_t)COLOR_PAIR((int)look);
    default:
        return A_NORMAL;
    }
}

int screen_open(struct screen **result, char *err, size_t err_size)
{
    const char *term = getenv("TERM");
    struct screen *s;

    *result = NULL;
    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
        snprintf(err, err_size, "standard input and output are no terminal: nothing can be shown there");
        return -ENOTTY;
    }
    s = calloc(1, sizeof *s);
    if (!s) {
        snprintf(err, err_size, "out of memory opening the terminal");
        return -ENOMEM;
    }
    setlocale(LC_CTYPE, "");
    s->ascii = strcmp(nl_langinfo(CODESET), "UTF-8") != 0;
    s->terminal = newterm(NULL, stdout, stdin);
    if (!s->terminal) {
        snprintf(err, err_size, "TERM=%s: not a terminal that is known: set TERM, to vt100 for example",
                 term ? term : "");
        free(s);
        return -ENODEV;
    }
    s->plain = !tigetstr("cup") || tigetstr("cup") == (char *)-1;
    cbreak();
    noecho();
    if (s->plain) {
        reset_prog_mode();
    } else {
        colours();
        curs_set(0);
        keypad(stdscr, TRUE);
        set_escdelay(50);
        /* else nothing is seen, and the size not taken, before the first key */
        refresh();
    }
    nodelay(stdscr, TRUE);
    *result = s;
    return 0;
}

void screen_close(struct screen *s)
{
    if (!s)
        return;
    if (s->plain)
        reset_shell_mode();
    else
        endwin();
    delscreen(s->terminal);
    for (size_t i = 0; i < VIEW_STREAMS_MAX; i++)
        free(s->receiver[i]);
    free(s->line);
    desk_free(&s->desk);
    free(s);
}

int screen_fd(const struct screen *s)
{
    (void)s;
    return STDIN_FILENO;
}

static unsigned clamp(int value, int least, int most)
{
    return (unsigned)(value < least ? least : value > most ? most : value);
}

/* Asked of the kernel: the signal that tells may be blocked, or be somebody else's. */
static void take_size(struct screen *s)
{
    struct winsize size;

    if (!s->plain && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row && size.ws_col &&
        is_term_resized(size.ws_row, size.ws_col))
        resizeterm(size.ws_row, size.ws_col);
}

static void put_line(const struct line *line, int row)
{
    attr_t all = line->selected ? A_REVERSE : A_NORMAL;

    if (move(row, 0) == ERR)
        return;
    for (unsigned i = 0; i < line->spans; i++) {
        size_t from = line->span[i].from, end = i + 1 < line->spans ? line->span[i + 1].from : line->length;

        attrset((int)(attributes(line->span[i].look) | all));
        addnstr(line->text + from, (int)(end - from));
    }
    attrset(A_NORMAL);
}

static void draw(struct screen *s)
{
    unsigned rows, columns;

    take_size(s);
    rows = clamp(LINES, ROWS_MIN, ROWS_MAX);
    columns = clamp(COLS, COLUMNS_MIN, COLUMNS_MAX);
    if (!s->shown)
        return;
    if (rows > s->lines) {
        struct line *line = realloc(s->line, rows * sizeof *line);

        if (!line)
            return;
        s->line = line;
        s->lines = rows;
    }
    page_draw(&s->desk, &s->view, s->line, rows, columns, s->ascii);
    if (s->plain) {
        for (unsigned i = 0; i < rows; i++)
            printf("%s\r\n", s->line[i].text);
        fflush(stdout);
        return;
    }
    erase();
    for (unsigned i = 0; i < rows; i++)
        put_line(&s->line[i], (int)i);
    refresh();
}

/* The receivers belong to whoever made the view, and only until the next. */
static int keep(struct screen *s, const struct view *view)
{
    for (size_t i = 0; i < view->streams; i++) {
        size_t count = view->stream[i].receivers;

        if (count > s->room[i]) {
            struct view_receiver *receiver = malloc(count * sizeof *receiver);

            if (!receiver)
                return -ENOMEM;
            /* the view that is shown still points to the old one */
            if (i < s->view.streams && s->view.stream[i].receivers > 0) {
                memcpy(receiver, s->receiver[i], s->view.stream[i].receivers * sizeof *receiver);
                s->view.stream[i].receiver = receiver;
            }
            free(s->receiver[i]);
            s->receiver[i] = receiver;
            s->room[i] = count;
        }
    }
    s->view = *view;
    for (size_t i = 0; i < view->streams; i++) {
        s->view.stream[i].receiver = s->receiver[i];
        if (view->stream[i].receivers > 0)
            memcpy(s->receiver[i], view->stream[i].receiver,
                   view->stream[i].receivers * sizeof *view->stream[i].receiver);
    }
    s->shown = true;
    return 0;
}

int screen_show(struct screen *s, const struct view *view)
{
    int error = 0;

    s->desk.now = view->level;
    if (!s->desk.paused || !s->shown) {
        error = keep(s, view);
        if (!error)
            error = desk_arrange(&s->desk, &s->view);
    }
    if (!error)
        draw(s);
    return error;
}

/* What a key means; -1 nothing. */
static int meaning(int key)
{
    static const struct {
        int key;
        enum desk_key means;
    } keys[] = {
        {KEY_UP, DESK_UP},         {'k', DESK_UP},
        {KEY_DOWN, DESK_DOWN},     {'j', DESK_DOWN},
        {KEY_PPAGE, DESK_PAGE_UP}, {KEY_NPAGE, DESK_PAGE_DOWN},
        {KEY_HOME, DESK_HOME},     {'g', DESK_HOME},
        {KEY_END, DESK_END},       {'G', DESK_END},
        {'\n', DESK_ENTER},        {'\r', DESK_ENTER},
        {KEY_ENTER, DESK_ENTER},   {KEY_RIGHT, DESK_ENTER},
        {KEY_LEFT, DESK_BACK},     {ESCAPE, DESK_BACK},
        {'\t', DESK_KEY_STREAM},   {'a', DESK_KEY_ALARMS},
        {'s', DESK_KEY_SORT},      {' ', DESK_KEY_PAUSE},
        {'h', DESK_KEY_HELP},      {'?', DESK_KEY_HELP},
    };

    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (keys[i].key == key)
            return (int)keys[i].means;
    return -1;
}

/* A terminal that was closed is readable and has nothing to read. */
static bool hung_up(void)
{
    struct pollfd poll_fd = {.fd = STDIN_FILENO, .events = POLLIN};

    return poll(&poll_fd, 1, 0) == 1 && (poll_fd.revents & (POLLHUP | POLLERR | POLLNVAL));
}

/* ERR when there is none. getch() would draw, which a plain terminal must be spared. */
static int next_key(const struct screen *s)
{
    struct pollfd poll_fd = {.fd = STDIN_FILENO, .events = POLLIN};
    unsigned char c;

    if (!s->plain)
        return getch();
    if (poll(&poll_fd, 1, 0) != 1 || read(STDIN_FILENO, &c, 1) != 1)
        return ERR;
    return c;
}

bool screen_keys(struct screen *s)
{
    int key;

    take_size(s);
    while ((key = next_key(s)) != ERR) {
        int means = meaning(key);

        if (key == 'q')
            return true;
        if (key == CTRL_L)
            clearok(curscr, TRUE);
        /* should memory be short, the order stays as it was */
        if (means >= 0 && s->shown)
            desk_press(&s->desk, &s->view, (enum desk_key)means);
    }
    draw(s);
    return hung_up();
}
