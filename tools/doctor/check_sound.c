// SPDX-License-Identifier: GPL-3.0-or-later
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "checks.h"

enum { MOST_CARDS = 32, MOST_DEVICES = 8 };

static bool device_given(const struct probe *probe)
{
    return probe->options->device[0] != '\0';
}

static void append(char *list, size_t size, const char *word)
{
    size_t length = strlen(list);

    snprintf(list + length, size - length, "%s%s", length ? ", " : "", word);
}

/* The blank at the end of a word, if there is one. */
static void cut_blank(char *text)
{
    size_t length = strlen(text);

    if (length > 0 && text[length - 1] == ' ')
        text[length - 1] = '\0';
}

/* ---- cards ----------------------------------------------------------------------------------------- */

/* "00-03: ALC256 Analog : ALC256 Analog : playback 1 : capture 1" of /proc/asound/pcm, as hw:0,3. */
static unsigned list_hardware(const struct probe *probe, char *list, size_t size, char *first,
                              size_t first_size)
{
    char text[PROBE_TEXT_MAX], *rest = text;
    const char *line;
    unsigned count = 0;

    list[0] = first[0] = '\0';
    probe_read(probe, text, sizeof text, "/proc/asound/pcm");
    while ((line = strsep(&rest, "\n"))) {
        char label[64], item[128];
        unsigned card, device;

        if (sscanf(line, "%u-%u: %63[^:\n]", &card, &device, label) != 3)
            continue;
        cut_blank(label);
        snprintf(item, sizeof item, "hw:%u,%u (%s%s)", card, device, label,
                 strstr(line, "playback") ? "" : ", capture only");
        append(list, size, item);
        if (!first[0] && strstr(line, "playback"))
            snprintf(first, first_size, "hw:%u,%u", card, device);
        count++;
    }
    return count;
}

struct finding check_cards(const struct probe *probe)
{
    static const char name[] = "sound-cards";
    char list[400], first[32];

    if (list_hardware(probe, list, sizeof list, first, sizeof first) > 0)
        return finding_make(name, RESULT_PASS, "%s", list);
    if (device_given(probe))
        return finding_make(name, RESULT_SKIP, "no sound hardware; see sound-device");
    return finding_remedy(
        finding_make(name, RESULT_WARN, "none: there is no sound hardware, or no driver for it"),
        "plug one in; lspci -k and dmesg tell of drivers");
}

/* ---- the device ------------------------------------------------------------------------------------ */

/* The folder of the card in /proc/asound: "card0" of hw:0,3, "PCH" of plughw:CARD=PCH; false: not told by the
 * name. */
static bool card_folder(const char *device, char *folder, size_t size)
{
    const char *card = strstr(device, "hw:");

    if (!card)
        return false;
    card += strlen("hw:");
    if (strncmp(card, "CARD=", strlen("CARD=")) == 0)
        card += strlen("CARD=");
    snprintf(folder, size, "%s%.*s", isdigit((unsigned char)card[0]) ? "card" : "", (int)strcspn(card, ","),
             card);
    return true;
}

/* "owner_pid   : 1234" of the status of a card's substreams. */
static bool find_holder_of(const struct probe *probe, const char *folder, char *holder, size_t size)
{
    for (int place = 0; place < 2 * MOST_DEVICES; place++) {
        char text[512], process[32];
        const char *owner;
        long pid;

        probe_read(probe, text, sizeof text, "/proc/asound/%s/pcm%d%c/sub0/status", folder, place / 2,
                   place % 2 ? 'c' : 'p');
        owner = strstr(text, "owner_pid");
        owner = owner ? strchr(owner, ':') : NULL;
        pid = owner ? strtol(owner + 1, NULL, 10) : 0;
        if (pid <= 0)
            continue;
        probe_read(probe, process, sizeof process, "/proc/%ld/comm", pid);
        snprintf(holder, size, "%s, pid %ld, holds %s", process[0] ? process : "a process", pid, folder);
        return true;
    }
    return false;
}

/* Who holds the device: of its own card, if its name tells that, else of any. */
static bool find_holder(const struct probe *probe, char *holder, size_t size)
{
    char folder[48];

    if (card_folder(probe->options->device, folder, sizeof folder))
        return find_holder_of(probe, folder, holder, size);
    for (int card = 0; card < MOST_CARDS; card++) {
        snprintf(folder, sizeof folder, "card%d", card);
        if (find_holder_of(probe, folder, holder, size))
            return true;
    }
    return false;
}

static struct finding refused(const struct probe *probe, const char *name, int error)
{
    const char *device = probe->options->device;
    char holder[96] = "who holds it is not known";
    struct finding finding =
        finding_make(name, RESULT_FAIL, "%s cannot be opened: %s", device, strerror(-error));

    switch (error) {
    case -EBUSY:
        if (find_holder(probe, holder, sizeof holder))
            return finding_remedy(finding_make(name, RESULT_FAIL, "%s is busy: %s", device, holder),
                                  "end that program; a sound server: systemctl --user stop pipewire.socket "
                                  "pipewire wireplumber, or pulseaudio.socket pulseaudio");
        return finding_remedy(finding_make(name, RESULT_FAIL, "%s is busy; %s", device, holder),
                              "fuser -v /dev/snd/* as root names the program");
    case -EACCES:
    case -EPERM:
        return finding_remedy(finding, "adduser $USER audio, and log in anew");
    case -ENOENT:
    case -ENODEV:
    case -ENXIO:
        return finding_remedy(finding, "give --device one of aplay -L; plug the card in");
    default:
        return finding_remedy(finding, "aplay -v -D %s /dev/zero tells more", device);
    }
}

/* The hardware to be used in place of a plugin, with blanks before it; "": none is known. */
static void hardware_instead(const struct probe *probe, const struct sound_view *view, char *text,
                             size_t size)
{
    char list[400];

    if (view->card >= 0)
        snprintf(text, size, "hw:%d,%d", view->card, view->device);
    else
        list_hardware(probe, list, sizeof list, text, size);
}

struct finding check_device(const struct probe *probe)
{
    static const char name[] = "sound-device";
    const char *device = probe->options->device;
    const struct sound_view *view = &probe->sound;
    char instead[32] = "";

    if (!device_given(probe))
        return finding_make(name, RESULT_SKIP, "none given; --device hw:0 and the like");
    if (probe->sound_error)
        return refused(probe, name, probe->sound_error);
    if (view->hardware)
        return finding_make(name, RESULT_PASS, "%s is the hardware itself%s", device,
                            view->capture ? ", for capture" : "");
    hardware_instead(probe, view, instead, sizeof instead);
    return finding_remedy(
        finding_make(name, RESULT_WARN, "%s is a plugin (%s): it may hide when a sample leaves the converter",
                     device, view->type),
        "%s%s", instead[0] ? "--device " : "give the hw: name of a card to --device", instead);
}

struct finding check_format(const struct probe *probe)
{
    static const char name[] = "sound-format";
    const char *device = probe->options->device;
    const struct sound_view *view = &probe->sound;

    if (!device_given(probe) || probe->sound_error)
        return finding_make(name, RESULT_SKIP, "no device; see sound-device");
    if (!view->formats[0])
        return finding_remedy(
            finding_make(name, RESULT_FAIL, "%s takes none of S32_LE S24_LE S24_3LE FLOAT_LE S16_LE", device),
            "--device plug:%s converts, though it hides the card's timing", device);
    if (view->channels_min > 2 || view->channels_max < 2)
        return finding_remedy(finding_make(name, RESULT_WARN, "%s takes %u to %u channels, not 2: %s", device,
                                           view->channels_min, view->channels_max, view->formats),
                              "--channels %u for the programs",
                              view->channels_min > 2 ? view->channels_min : view->channels_max);
    return finding_make(name, RESULT_PASS, "%s, %u to %u channels", view->formats, view->channels_min,
                        view->channels_max);
}

/* Whether a list of words has this one. */
static bool has_word(const char *list, const char *word)
{
    size_t n = strlen(word);

    for (const char *at = strstr(list, word); at; at = strstr(at + 1, word)) {
        if ((at == list || at[-1] == ' ') && (at[n] == ' ' || at[n] == '\0'))
            return true;
    }
    return false;
}

struct finding check_rates(const struct probe *probe)
{
    static const char name[] = "sound-rates";
    const char *device = probe->options->device;
    const struct sound_view *view = &probe->sound;

    if (!device_given(probe) || probe->sound_error)
        return finding_make(name, RESULT_SKIP, "no device; see sound-device");
    if (!view->rates[0])
        return finding_remedy(
            finding_make(name, RESULT_FAIL, "%s runs at none of 44100, 48000, 88200 and 96000 Hz", device),
            "use another card");
    if (!has_word(view->rates, "48000"))
        return finding_remedy(
            finding_make(name, RESULT_WARN, "%s runs at %s Hz, not at 48000", device, view->rates),
            "--rate %.*s for the programs", (int)strcspn(view->rates, " "), view->rates);
    return finding_make(name, RESULT_PASS, "%s Hz", view->rates);
}
