/* Reads each capture of the folder given as argument with libpcap and with source_file: the packets
 * must be the same. A file that libpcap refuses must give packets all the same, or a line that
 * names it. */
#include "sensor/core/source.h"
#include "tests/unit/runner.h"

#include <glob.h>
#include <pcap/pcap.h>
#include <stdio.h>

static const char *folder;

/* The packets of one file, one by one. */
struct reading {
    struct source *source;
    struct packet_batch batch;
    size_t at;
    enum source_status status;
    struct errbuf err;
};

static const struct packet *next_packet(struct reading *r)
{
    while (r->at == r->batch.n && r->status == SOURCE_OK) {
        source_file.release(r->source, &r->batch);
        r->at = 0;
        r->status = source_file.receive(r->source, &r->batch, &r->err);
    }
    return r->at < r->batch.n ? &r->batch.packets[r->at++] : NULL;
}

static void compare(const char *path, pcap_t *oracle, struct reading *r)
{
    struct pcap_pkthdr *header;
    const unsigned char *data;
    uint64_t n = 0;
    uint64_t clock_us = 0;
    while (pcap_next_ex(oracle, &header, &data) == 1) {
        const struct packet *p = next_packet(r);
        n++;
        if (p == NULL) {
            printf("%s: libpcap has packet %llu, source_file ends: %s\n", path,
                   (unsigned long long)n, errbuf_text(&r->err));
            CU_FAIL("too few packets");
            return;
        }
        uint64_t time_us = (uint64_t)header->ts.tv_sec * 1000000 + (uint64_t)header->ts.tv_usec;
        CU_ASSERT_EQUAL(p->data.len, header->caplen);
        CU_ASSERT_EQUAL(p->wire_len, header->len);
        CU_ASSERT_EQUAL(p->time_us, time_us);
        CU_ASSERT(p->clock_us >= clock_us);
        clock_us = p->clock_us;
        CU_ASSERT_EQUAL(p->number, n);
        CU_ASSERT(span_equal(p->data, span_of(data, header->caplen)));
    }
}

static void every_capture_reads_as_libpcap_reads_it(void)
{
    size_t n_compared = 0;
    char pattern[1024];
    glob_t files;
    (void)snprintf(pattern, sizeof(pattern), "%s/*.pcap*", folder);
    CU_ASSERT_EQUAL_FATAL(glob(pattern, 0, NULL, &files), 0);
    for (size_t i = 0; i < files.gl_pathc; i++) {
        const char *path = files.gl_pathv[i];
        char why[PCAP_ERRBUF_SIZE];
        struct reading r = {.status = SOURCE_OK};
        struct source_options options = {.inputs = &path, .n_inputs = 1};
        CU_ASSERT_EQUAL_FATAL(source_file.open(&options, &r.source, &r.err), 0);
        pcap_t *oracle = pcap_open_offline(path, why);
        if (oracle != NULL) {
            compare(path, oracle, &r);
            pcap_close(oracle);
            n_compared++;
        }
        while (oracle == NULL && next_packet(&r) != NULL) {
        }
        CU_ASSERT_EQUAL(errbuf_is_empty(&r.err), r.status != SOURCE_END_BAD);
        source_file.release(r.source, &r.batch);
        source_file.close(&r.source);
        errbuf_free(&r.err);
    }
    globfree(&files);
    CU_ASSERT(n_compared > 0);
}

int main(int argc, char **argv)
{
    CU_TestInfo tests[] = {
        {"every capture reads as libpcap reads it", every_capture_reads_as_libpcap_reads_it},
        CU_TEST_INFO_NULL,
    };
    CU_SuiteInfo suites[] = {
        {"oracle", NULL, NULL, NULL, NULL, tests},
        CU_SUITE_INFO_NULL,
    };
    folder = argc > 1 ? argv[1] : ".";
    return run_suites(suites);
}
