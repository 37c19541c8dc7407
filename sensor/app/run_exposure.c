/* run_exposure: what was tried against whom, summed over all workers.
 *
 * At the end of a run to the file that was asked for, which was opened at the start so that it can
 * be written; at any time to who asks at the command socket. */
#include "sensor/app/exposure_print.h"
#include "sensor/app/run_parts.h"
#include "sensor/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { TEXT_CAP = 256 * 1024 * 1024, FILE_MODE = 0644 };

int run_open_exposure(struct sensor *s, struct errbuf *err)
{
    const char *path = s->options->exposure;
    if (path == NULL) {
        return 0;
    }
    for (size_t i = 0; strcmp(path, "-") == 0 && i < s->snapshot->config.n_outputs; i++) {
        if (strcmp(s->snapshot->config.outputs[i].target, "-") == 0) {
            errbuf_add(err, "--exposure - and events on standard output exclude each other");
            return -EINVAL;
        }
    }
    if (strcmp(path, "-") == 0) {
        s->exposure_fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    } else {
        privs_put_on(&s->privs);
        s->exposure_fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, FILE_MODE);
        privs_put_off(&s->privs);
    }
    int rc = s->exposure_fd < 0 ? -errno : 0;
    if (rc != 0) {
        errbuf_add(err, "cannot write '%s': %s. Choose another with --exposure", path,
                   strerror(-rc));
    }
    return rc;
}

struct exposure *run_sum_exposure(const struct sensor *s)
{
    const struct config *c = &s->snapshot->config;
    const struct exposure_limits limits = {c->exposure_hosts, c->exposure_campaigns};
    struct exposure *sum = exposure_new(&limits);
    const struct worker *w;
    for (size_t i = 0; sum != NULL && (w = run_worker(s, i)) != NULL; i++) {
        if (worker_exposure(w) != NULL) {
            exposure_sum(sum, worker_exposure(w));
        }
    }
    return sum;
}

static bool print_all(const struct exposure *e, struct sbuf *text)
{
    struct json j = json_begin(text, TEXT_CAP / 2);
    json_object(&j, NULL);
    bool good = exposure_print(&j, e, SIZE_MAX);
    json_object(&j, "campaigns");
    good = exposure_print_campaigns(&j, e, SIZE_MAX) && good;
    json_object_end(&j);
    json_object_end(&j);
    return good && sbuf_add_byte(text, '\n') && !text->cut;
}

static int write_all(int fd, struct span text)
{
    while (text.len > 0) {
        ssize_t n = write(fd, text.data, text.len);
        if (n < 0 && errno != EINTR) {
            return -errno;
        }
        text = span_from(text, n > 0 ? (size_t)n : 0);
    }
    return 0;
}

bool run_write_exposure(struct sensor *s)
{
    if (s->exposure_fd < 0) {
        return true;
    }
    struct sbuf text = sbuf_with_cap(TEXT_CAP);
    struct exposure *sum = run_sum_exposure(s);
    int rc = sum != NULL && print_all(sum, &text) ? 0 : -ENOMEM;
    rc = rc == 0 ? write_all(s->exposure_fd, sbuf_span(&text)) : rc;
    rc = close(s->exposure_fd) != 0 && rc == 0 ? -errno : rc;
    s->exposure_fd = -1;
    if (rc != 0) {
        log_error("cannot write '%s': %s; the exposure is lost", s->options->exposure,
                  strerror(-rc));
    }
    exposure_free(&sum);
    sbuf_free(&text);
    return rc == 0;
}
