/* driver: runs a fuzz target over files, so that its corpus is a test like any other.
 *
 * Arguments are files, or folders whose files are taken in the order of their names. No file at
 * all is a failure: a corpus that is not found must not pass. Built instead of libFuzzer's main. */
#include "sensor/base/sbuf.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX = 1 << 22 };

static int run_file(const char *path)
{
    FILE *f = fopen(path, "rb");
    struct sbuf content = sbuf_with_cap(INPUT_MAX);
    if (f == NULL) {
        perror(path);
        return -1;
    }
    uint8_t chunk[4096];
    size_t n = fread(chunk, 1, sizeof(chunk), f);
    while (n > 0) {
        sbuf_add(&content, span_of(chunk, n));
        n = fread(chunk, 1, sizeof(chunk), f);
    }
    fclose(f);
    (void)LLVMFuzzerTestOneInput(content.data, content.len);
    sbuf_free(&content);
    return 1;
}

static int run_folder(const char *path)
{
    struct dirent **entries = NULL;
    int n = scandir(path, &entries, NULL, alphasort);
    if (n < 0) {
        perror(path);
        return -1;
    }
    int n_run = 0;
    for (int i = 0; i < n; i++) {
        char file[4096];
        snprintf(file, sizeof(file), "%s/%s", path, entries[i]->d_name);
        struct stat st;
        bool regular = stat(file, &st) == 0 && S_ISREG(st.st_mode);
        int result = n_run >= 0 && regular ? run_file(file) : 0;
        n_run = result < 0 ? result : n_run + result;
        free(entries[i]);
    }
    free(entries);
    return n_run;
}

int main(int argc, char **argv)
{
    int n_run = 0;
    for (int i = 1; i < argc; i++) {
        struct stat st;
        bool folder = stat(argv[i], &st) == 0 && S_ISDIR(st.st_mode);
        int result = folder ? run_folder(argv[i]) : run_file(argv[i]);
        if (result < 0) {
            return EXIT_FAILURE;
        }
        n_run += result;
    }
    printf("%d inputs\n", n_run);
    return n_run > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
