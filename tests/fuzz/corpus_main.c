// SPDX-License-Identifier: GPL-3.0-or-later
/*
 * corpus FILE-OR-FOLDER...: runs a target over stored inputs, without libFuzzer. A failure ends it by a
 * signal, and the input at fault is the last one named.
 */
#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "demand.h"

static int run_file(const char *path, unsigned *inputs)
{
    FILE *file = fopen(path, "rb");
    struct stat about;
    uint8_t *data = NULL;
    size_t size;
    int error = -EIO;

    if (!file || fstat(fileno(file), &about))
        goto out;
    size = (size_t)about.st_size;
    data = malloc(size ? size : 1); /* exact: a read beyond is found */
    if (!data || fread(data, 1, size, file) != size)
        goto out;
    fprintf(stderr, "%s\n", path);
    LLVMFuzzerTestOneInput(data, size);
    ++*inputs;
    error = 0;
out:
    if (error)
        fprintf(stderr, "%s: cannot be read\n", path);
    if (file)
        fclose(file);
    free(data);
    return error;
}

static int run_folder(const char *path, unsigned *inputs)
{
    struct dirent **entries;
    int count = scandir(path, &entries, NULL, alphasort), error = 0;

    if (count < 0) {
        fprintf(stderr, "%s: cannot be read\n", path);
        return -EIO;
    }
    for (int i = 0; i < count; i++) {
        char file[4096];

        snprintf(file, sizeof file, "%s/%s", path, entries[i]->d_name);
        if (entries[i]->d_name[0] != '.' && run_file(file, inputs))
            error = -EIO;
        free(entries[i]);
    }
    free(entries);
    return error;
}

int main(int argc, char **argv)
{
    unsigned inputs = 0;
    int error = 0;

    for (int i = 1; i < argc && !error; i++) {
        struct stat about;

        error = stat(argv[i], &about) == 0 && S_ISDIR(about.st_mode) ? run_folder(argv[i], &inputs)
                                                                     : run_file(argv[i], &inputs);
    }
    printf("%u inputs\n", inputs);
    return error || inputs == 0;
}
