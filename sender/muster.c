// SPDX-License-Identifier: GPL-3.0-or-later
#include "muster.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "proto/slice.h"

#define COUNT_MAX 4096

static struct slice trimmed(struct slice text)
{
    while (text.len > 0 && text.at[0] == ' ') {
        text.at++;
        text.len--;
    }
    while (text.len > 0 && text.at[text.len - 1] == ' ')
        text.len--;
    return text;
}

static int take_name(struct muster *m, struct slice name, char *why, size_t why_size)
{
    name = trimmed(name);
    if (name.len == 0 || name.len >= ROSTER_NAME_SIZE) {
        snprintf(why, why_size, "a name is 1 to %d characters long", ROSTER_NAME_SIZE - 1);
        return -EINVAL;
    }
    if (m->names == MUSTER_NAMES_MAX) {
        snprintf(why, why_size, "at most %d names are allowed; a number of receivers may be larger",
                 MUSTER_NAMES_MAX);
        return -EINVAL;
    }
    memcpy(m->name[m->names], name.at, name.len);
    m->name[m->names++][name.len] = '\0';
    return 0;
}

int muster_parse(const char *text, struct muster *m, char *why, size_t why_size)
{
    struct slice rest = {text, strlen(text)};
    uint64_t count;
    bool more = true;
    int result = 0;

    *m = (struct muster){0};
    if (slice_number(rest, COUNT_MAX, &count) && count > 0) {
        m->count = (unsigned)count;
        return 0;
    }
    if (slice_number(rest, UINT64_MAX, &count)) {
        snprintf(why, why_size, "allowed are 1 to %d receivers, or their names with commas between",
                 COUNT_MAX);
        return -EINVAL;
    }
    while (result == 0 && more)
        result = take_name(m, slice_cut(&rest, ',', &more), why, why_size);
    return result;
}

int muster_check(const char *text, char *why, size_t why_size)
{
    struct muster unused;

    return muster_parse(text, &unused, why, why_size);
}

/* What keeps it from playing, or NULL. */
static const char *lacking(const struct roster_member *m, raw_ns now)
{
    if (roster_silent(m, now))
        return "silent";
    if (m->has_telemetry && !m->telemetry.device_present)
        return "no sound device";
    if (m->has_telemetry && m->telemetry.clock_state != MEDIA_CLOCK_LOCKED)
        return "its clock is not locked";
    return NULL;
}

static bool is_named(const struct roster_member *m, const char *name)
{
    return strcasecmp(m->name, name) == 0 || strcasecmp(roster_host(m), name) == 0 ||
           strcasecmp(m->cname, name) == 0;
}

/* Why nobody of this name is ready; NULL: somebody is. */
static const char *lacking_by_name(const char *name, const struct roster *roster, raw_ns now)
{
    const char *reason = "not heard of";

    for (size_t i = 0; i < roster_room(roster) && reason; i++) {
        const struct roster_member *m = roster_at(roster, i);

        if (m && !m->sends && is_named(m, name))
            reason = lacking(m, now);
    }
    return reason;
}

static bool complete_by_name(const struct muster *muster, const struct roster *roster, raw_ns now,
                             char *missing, size_t missing_size)
{
    size_t at = 0;
    bool complete = true;

    for (unsigned i = 0; i < muster->names; i++) {
        const char *reason = lacking_by_name(muster->name[i], roster, now);

        if (!reason)
            continue;
        if (at < missing_size)
            at += (size_t)snprintf(missing + at, missing_size - at, "%s%s (%s)", complete ? "" : ", ",
                                   muster->name[i], reason);
        complete = false;
    }
    return complete;
}

bool muster_complete(const struct muster *muster, const struct roster *roster, raw_ns now, char *missing,
                     size_t missing_size)
{
    unsigned ready = 0, others = 0;

    if (muster->names > 0)
        return complete_by_name(muster, roster, now, missing, missing_size);
    for (size_t i = 0; i < roster_room(roster); i++) {
        const struct roster_member *m = roster_at(roster, i);

        if (!m || m->sends)
            continue;
        ready += !lacking(m, now);
        others += lacking(m, now) != NULL;
    }
    if (ready >= muster->count)
        return true;
    snprintf(missing, missing_size, "%u of %u receivers are ready%s", ready, muster->count,
             others ? ", others lack a device or a clock" : "");
    return false;
}
