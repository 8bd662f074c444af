// SPDX-License-Identifier: GPL-3.0-or-later
#include "progress.h"

#include <stdio.h>
#include <unistd.h>

enum { STRIDE = 16384 /* packets between two looks at the clock */ };

void progress_begin(struct progress *p, const char *what)
{
    *p = (struct progress){.shown = isatty(STDERR_FILENO), .what = what, .newest = time(NULL)};
}

void progress_step(struct progress *p, const struct pcapfile *capture)
{
    time_t now;

    if (!p->shown || ++p->calls % STRIDE)
        return;
    now = time(NULL);
    if (now == p->newest)
        return;
    p->newest = now;
    p->dirty = true;
    fprintf(stderr, "\r%s: %3.0f %%", p->what, 100 * pcapfile_progress(capture));
    fflush(stderr);
}

void progress_end(struct progress *p)
{
    if (p->dirty)
        fputs("\r\33[K", stderr);
}
