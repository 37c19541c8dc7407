/* fuzz_pcapfile: a capture file with any contents, plain or compressed.
 *
 * Every packet must lie in readable memory until its batch is released, numbers count up by one,
 * the clock never goes back, and a bad end says why. */
#include "sensor/base/log.h"
#include "sensor/base/span.h"
#include "sensor/core/source.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_PACKETS = 1 << 16, MAX_OUT = 4 };

struct seen {
    uint64_t n;
    uint64_t clock_us;
};

static unsigned sum_of(const struct packet_batch *batch)
{
    unsigned sum = 0;
    for (size_t i = 0; i < batch->n; i++) {
        for (size_t at = 0; at < batch->packets[i].data.len; at++) {
            sum = sum * 31 + span_at(batch->packets[i].data, at);
        }
    }
    return sum;
}

static void check_batch(const struct packet_batch *batch, struct seen *seen)
{
    for (size_t i = 0; i < batch->n; i++) {
        const struct packet *p = &batch->packets[i];
        seen->n++;
        CHECK(p->number == seen->n);
        CHECK(p->clock_us >= seen->clock_us);
        CHECK(p->wire_len >= p->data.len);
        seen->clock_us = p->clock_us;
    }
}

/* With n_out batches out at once, of which the oldest is released first. */
static void read_all(struct source *source, size_t n_out, struct errbuf *err)
{
    struct packet_batch batches[MAX_OUT] = {0};
    unsigned sums[MAX_OUT] = {0};
    struct seen seen = {0};
    enum source_status status = SOURCE_OK;
    for (size_t n = 0; status == SOURCE_OK && seen.n < MAX_PACKETS; n++) {
        struct packet_batch *batch = &batches[n % n_out];
        CHECK(sum_of(batch) == (batch->n > 0 ? sums[n % n_out] : 0));
        source_file.release(source, batch);
        status = source_file.receive(source, batch, err);
        CHECK((batch->n > 0) == (status == SOURCE_OK));
        check_batch(batch, &seen);
        sums[n % n_out] = sum_of(batch);
    }
    for (size_t i = 0; i < n_out; i++) {
        source_file.release(source, &batches[i]);
    }
    CHECK((status == SOURCE_END_BAD) == (!errbuf_is_empty(err)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64];
    const char *input = path;
    struct source_options options = {.inputs = &input, .n_inputs = 1, .resync = size % 2 != 0};
    struct source *source = NULL;
    struct errbuf err = {0};
    log_set_level(LOG_LEVEL_ERROR);
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    CHECK(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    CHECK(source_file.open(&options, &source, &err) == 0);
    read_all(source, size / 2 % MAX_OUT + 1, &err);
    source_file.close(&source);
    errbuf_free(&err);
    (void)close(fd);
    return 0;
}
