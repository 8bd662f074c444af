// SPDX-License-Identifier: GPL-3.0-or-later
#include "judge.h"

#include <math.h>
#include <string.h>

#define SILENT_POWER    1e-10 /* -100 dBFS */
#define DAMAGE_POWER    1e-6  /* -60 dBFS left over */
#define FADE_POWER      4e-6  /* of a smooth one; a wrong sample leaves more */
#define SAME_POWER      1e-8  /* -80 dBFS */
#define SAME_NS         2e3
#define LEVEL_TOLERANCE 0.01
#define STEP_MAX_NS     2e5 /* what one fit may correct: a fifth of the louder tone's period */
enum { ENOUGH = 24, FITS = 4, UNKNOWNS = 4 };

struct fit {
    double level, slope, error_ns, residual;
};

void judge_init(struct judge *j, const struct judge_config *config)
{
    *j = (struct judge){.config = *config,
                        .first_sound = -1,
                        .counted_to = INT64_MAX,
                        .digest = UINT64_C(14695981039346656037)};
}

/* Gauss without pivoting: the matrix is symmetric and positive. False when it says nothing. */
static bool solve(double m[UNKNOWNS][UNKNOWNS + 1])
{
    for (int i = 0; i < UNKNOWNS; i++) {
        if (!(m[i][i] > 1e-12))
            return false;
        for (int k = 0; k < UNKNOWNS; k++) {
            double f = m[k][i] / m[i][i];

            for (int c = i; c <= UNKNOWNS && k != i; c++)
                m[k][c] -= f * m[i][c];
        }
    }
    return true;
}

/* The sound where the window lies, late by error_ns. */
static struct signal_turn sound_at(const struct judge *j, unsigned master, double error_ns)
{
    const struct judge_config *c = &j->config;
    double rate = 1 + ptp_rate(c->masters, master), part;
    int64_t ptp = ptp_time(c->masters, master, j->from, &part) - c->latency_ns;

    return signal_at(c->sound, ptp, part + j->from_part - error_ns, j->period_ns * rate);
}

/* How steeply it rises at the next sample, in units of the louder tone's radian. */
static double slope_of(const struct signal_config *sound, const struct signal_turn *turn)
{
    double slope = 0;

    for (int k = 0; k < SIGNAL_TONES; k++)
        slope += turn->cosine[k] * sound->hz[k] / sound->hz[0];
    return slope;
}

static double radian_per_ns(const struct judge *j)
{
    return 2 * M_PI * j->config.sound->hz[0] / 1e9;
}

/*
 * The usual case, cheaply: the sound is there as it was before, and only its time is asked for. False: what
 * is left over is more than a small error of time explains.
 */
static bool as_before(const struct judge *j, struct fit *f)
{
    struct signal_turn turn = sound_at(j, j->master, j->error_ns);
    double gain = j->config.gain, power = 0, product = 0, square = 0;

    for (size_t i = 0; i < j->count; i++) {
        double slope = gain * slope_of(j->config.sound, &turn);
        double left = (double)j->samples[i] - gain * signal_next(&turn);

        power += left * left;
        product += left * slope;
        square += slope * slope;
    }
    f->level = 1;
    f->slope = 0;
    f->error_ns = j->error_ns - product / square / radian_per_ns(j);
    f->residual = fmax(power - product * product / square, 0) / (double)j->count;
    return f->residual < SAME_POWER && fabs(f->error_ns - j->error_ns) < SAME_NS;
}

/* One least-squares fit around an error. The unit of the slope over time is the louder tone's radian. */
static struct fit fit_around(const struct judge *j, unsigned master, double error_ns)
{
    double m[UNKNOWNS][UNKNOWNS + 1] = {{0}}, right[UNKNOWNS], power = 0, gain = j->config.gain;
    struct signal_turn turn = sound_at(j, master, error_ns);
    struct fit f = {.residual = INFINITY};

    for (size_t i = 0; i < j->count; i++) {
        double basis[UNKNOWNS], x = (double)j->samples[i];
        double tau = (double)i / (double)(j->count - 1) - 0.5;

        basis[1] = gain * slope_of(j->config.sound, &turn);
        basis[0] = gain * signal_next(&turn);
        basis[2] = basis[0] * tau;
        basis[3] = basis[0] * (tau * tau - 1.0 / 12);
        for (int k = 0; k < UNKNOWNS; k++) {
            for (int l = 0; l <= k; l++)
                m[k][l] += basis[k] * basis[l];
            m[k][UNKNOWNS] += basis[k] * x;
        }
        power += x * x;
    }
    for (int k = 0; k < UNKNOWNS; k++) {
        right[k] = m[k][UNKNOWNS];
        for (int l = k + 1; l < UNKNOWNS; l++)
            m[k][l] = m[l][k];
    }
    if (!solve(m))
        return f;
    f.residual = power;
    for (int k = 0; k < UNKNOWNS; k++)
        f.residual -= m[k][UNKNOWNS] / m[k][k] * right[k];
    f.residual = fmax(f.residual, 0) / (double)j->count;
    f.level = m[0][UNKNOWNS] / m[0][0];
    f.slope = m[2][UNKNOWNS] / m[2][2];
    f.error_ns = error_ns - m[1][UNKNOWNS] / m[1][1] / f.level / radian_per_ns(j);
    return f;
}

/* A few fits, each around the result of the one before, as long as they come nearer. */
static struct fit fit_from(const struct judge *j, unsigned master, double error_ns)
{
    struct fit f = fit_around(j, master, error_ns);

    for (int i = 1; i < FITS; i++) {
        double moved = f.error_ns - error_ns;
        struct fit next;

        if (!(fabs(moved) > 100) || f.level < 0.02)
            break;
        error_ns += fmin(fmax(moved, -STEP_MAX_NS), STEP_MAX_NS);
        next = fit_around(j, master, error_ns);
        if (!(next.residual < f.residual))
            break;
        f = next;
    }
    return f;
}

static bool is_sound(const struct fit *f)
{
    return f->residual < DAMAGE_POWER && fabs(f->level - 1) < LEVEL_TOLERANCE &&
           fabs(f->slope) < 2 * LEVEL_TOLERANCE;
}

static bool is_fade(const struct fit *f)
{
    return f->residual < FADE_POWER && f->level - fabs(f->slope) / 2 > -0.1 &&
           f->level + fabs(f->slope) / 2 < 1 + 2 * LEVEL_TOLERANCE;
}

/* By the time that was right last, else by that of any grandmaster. */
static struct fit best_fit(struct judge *j)
{
    struct fit best = fit_from(j, j->master, j->error_ns);

    for (unsigned i = 0; i < j->config.masters->count && best.residual > DAMAGE_POWER; i++) {
        struct fit f = fit_from(j, i, 0);

        if (f.residual < best.residual / 100) {
            best = f;
            j->master = i;
        }
    }
    return best;
}

static struct judge_window judge_it(struct judge *j)
{
    struct judge_window w = {.kind = JUDGE_NOTHING};
    struct fit f;
    double power = 0;

    for (size_t i = 0; i < j->count; i++)
        power += (double)j->samples[i] * (double)j->samples[i];
    if (j->count < ENOUGH)
        return w; /* the card has just been started or stopped */
    w.kind = JUDGE_SILENCE;
    if (power < SILENT_POWER * (double)j->count)
        return w;
    if (!as_before(j, &f))
        f = best_fit(j);
    w.kind = is_sound(&f) ? JUDGE_SOUND : is_fade(&f) ? JUDGE_FADE : JUDGE_DAMAGE;
    w.residual = (float)f.residual;
    if (w.kind == JUDGE_SOUND) {
        j->error_ns = f.error_ns;
        w.error_ns = (float)f.error_ns;
    }
    return w;
}

static void count(struct judge *j, const struct judge_window *w)
{
    if (j->index >= j->counted_to)
        return;
    j->windows[w->kind]++;
    if (w->kind == JUDGE_SOUND) {
        if (j->first_sound < 0)
            j->first_sound = j->index;
        else if (j->silent_run > j->silent_longest)
            j->silent_longest = j->silent_run;
        j->silent_run = 0;
        if (j->was_sound && j->index >= j->settled_from)
            j->residual_worst = fmax(j->residual_worst, (double)w->residual);
    } else if (j->first_sound >= 0 && w->kind != JUDGE_DAMAGE) {
        j->silent_run++;
    }
    j->was_sound = w->kind == JUDGE_SOUND;
}

static void close_window(struct judge *j)
{
    struct judge_window w = judge_it(j);
    uint32_t bits;

    count(j, &w);
    memcpy(&bits, &w.error_ns, sizeof bits);
    j->digest = (j->digest ^ bits ^ (uint64_t)w.kind << 32) * UINT64_C(1099511628211);
    j->kept[j->index % JUDGE_KEPT] = w;
    j->index++;
    j->count = 0;
}

void judge_pass(struct judge *j, int64_t t)
{
    while ((j->index + 1) * j->config.window_ns <= t)
        close_window(j);
}

static void note_kinks(struct judge *j, const float *samples, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (j->in_a_row == 2) {
            double kink = fabs((double)samples[i] - 2 * (double)j->before[1] + (double)j->before[0]);

            if (kink > j->kink)
                j->kink = kink;
        } else {
            j->in_a_row++;
        }
        j->before[0] = j->before[1];
        j->before[1] = samples[i];
    }
}

void judge_take(struct judge *j, const float *samples, size_t count, int64_t t, double part, double period_ns)
{
    note_kinks(j, samples, count);
    while (count) {
        double left;
        size_t fits;

        judge_pass(j, t);
        left = (double)((j->index + 1) * j->config.window_ns - t) - part;
        fits = left <= 0 ? 0 : (size_t)ceil(left / period_ns);
        fits = fits > count ? count : fits;
        if (!fits) { /* within a rounding of the boundary: it belongs to the next */
            judge_pass(j, (j->index + 1) * j->config.window_ns);
            continue;
        }
        if (!j->count) {
            j->from = t;
            j->from_part = part;
            j->period_ns = period_ns;
        }
        for (size_t i = 0; i < fits && j->count < JUDGE_SAMPLES; i++)
            j->samples[j->count++] = samples[i];
        samples += fits;
        count -= fits;
        part += (double)fits * period_ns;
        t += (int64_t)floor(part);
        part -= floor(part);
    }
}

void judge_cut(struct judge *j)
{
    j->count = 0; /* what is left of the millisecond is silence anyway */
    j->in_a_row = 0;
}

const struct judge_window *judge_window(const struct judge *j, int64_t index)
{
    return &j->kept[index % JUDGE_KEPT];
}
