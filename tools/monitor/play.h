// SPDX-License-Identifier: GPL-3.0-or-later
/* A recording (recording.h) played into a model: second by second, as it was. */
#ifndef UNISONO_MONITOR_PLAY_H
#define UNISONO_MONITOR_PLAY_H

#include <stddef.h>

#include "model.h"
#include "view.h"

struct play;

/* The model is to be one of a recording. 0, or -errno and one line in `err`. */
int play_open(struct play **play, const char *path, struct model *model, char *err, size_t err_size);
void play_close(struct play *play); /* NULL is allowed */

/* The next second; NULL: there is none. */
const struct view *play_second(struct play *play);

#endif
