/* floor: what no sensor that reads every byte can be faster than.
 *
 * usage: floor read|scan|inflate FILE.pcap
 *   read      a bare pcap_next_ex() loop
 *   scan      and one Hyperscan scan for ten literals of each TCP payload
 *   inflate   and one inflation of each gzip body (not scanned again)
 *
 * Prints what it saw as JSON, which the bench compares with what the capture holds. */
#include "tests/bench/inflate.h"

#include "sensor/base/check.h"

#include <hs.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum mode { MODE_READ, MODE_SCAN, MODE_INFLATE, MODE_N };

static const char *const mode_names[MODE_N] = {"read", "scan", "inflate"};

/* Openers of a look-up in several encodings, as a gate would have them. */
static const char *const literals[] = {
    "\\$\\{",     "%24%7b",    "\\\\u0024",    "&#36;", "&dollar;",
    "%2524%257b", "jndi:ldap", "=\\?utf-8\\?", "JHtq",  "\\\\x24\\\\x7b",
};

struct payload {
    const uint8_t *data;
    size_t len;
    uint64_t flow; /* names the direction */
    bool ends;     /* FIN or RST */
};

struct floor_run {
    enum mode mode;
    hs_database_t *database;
    hs_scratch_t *scratch;
    struct inflater *inflater;
    uint64_t n_packets;
    uint64_t n_payload_bytes;
    uint64_t n_hits;
};

static _Noreturn void fail(const char *what, const char *why)
{
    fprintf(stderr, "floor: error: %s: %s\n", what, why);
    exit(1);
}

static int on_hit(unsigned id, unsigned long long from, unsigned long long to, unsigned flags,
                  void *context)
{
    (void)id;
    (void)from;
    (void)to;
    (void)flags;
    ++*(uint64_t *)context;
    return 0;
}

static void compile(struct floor_run *run)
{
    unsigned flags[ARRAY_LEN(literals)], ids[ARRAY_LEN(literals)];
    for (unsigned i = 0; i < ARRAY_LEN(literals); i++) {
        flags[i] = HS_FLAG_CASELESS;
        ids[i] = i;
    }
    hs_compile_error_t *error = NULL;
    if (hs_compile_multi(literals, flags, ids, ARRAY_LEN(literals), HS_MODE_BLOCK, NULL,
                         &run->database, &error) != HS_SUCCESS) {
        fail("hs_compile_multi", error->message);
    }
    if (hs_alloc_scratch(run->database, &run->scratch) != HS_SUCCESS) {
        fail("hs_alloc_scratch", "out of memory");
    }
}

static uint32_t be16(const uint8_t *p)
{
    return (uint32_t)p[0] << 8 | p[1];
}

static uint64_t mix(uint64_t hash, const uint8_t *data, size_t len)
{
    for (size_t i = 0; i + 4 <= len; i += 4) {
        uint32_t word;
        memcpy(&word, data + i, 4);
        hash = (hash ^ word) * 0x9e3779b97f4a7c15U;
        hash ^= hash >> 29;
    }
    return hash;
}

/* The TCP payload of an Ethernet frame; false when it has none. */
static bool find_payload(const uint8_t *p, size_t len, struct payload *ret_payload)
{
    const uint8_t *end = p + len;
    if (len < 54) {
        return false;
    }
    uint32_t type = be16(p + 12);
    p += 14;
    if (type == 0x8100) {
        type = be16(p + 2);
        p += 4;
    }
    const uint8_t *addresses;
    size_t address_len;
    if (type == 0x0800 && p[9] == 6) {
        end = p + be16(p + 2) < end ? p + be16(p + 2) : end;
        addresses = p + 12;
        address_len = 8;
        p += (size_t)(p[0] & 15) * 4;
    } else if (type == 0x86dd && p[6] == 6 && end - p >= 60) {
        end = p + 40 + be16(p + 4) < end ? p + 40 + be16(p + 4) : end;
        addresses = p + 8;
        address_len = 32;
        p += 40;
    } else {
        return false;
    }
    if (end - p < 20 || end - p < (p[12] >> 4) * 4) {
        return false;
    }
    ret_payload->flow = mix(mix(0, addresses, address_len), p, 4);
    ret_payload->ends = (p[13] & 5) != 0;
    ret_payload->data = p + (size_t)(p[12] >> 4) * 4;
    ret_payload->len = (size_t)(end - ret_payload->data);
    return true;
}

static void take_packet(struct floor_run *run, const uint8_t *data, size_t len)
{
    struct payload payload;
    if (run->mode == MODE_READ || !find_payload(data, len, &payload)) {
        return;
    }
    run->n_payload_bytes += payload.len;
    if (payload.len > 0) {
        hs_error_t error = hs_scan(run->database, (const char *)payload.data, (unsigned)payload.len,
                                   0, run->scratch, on_hit, &run->n_hits);
        CHECK(error == HS_SUCCESS);
    }
    if (run->mode == MODE_INFLATE) {
        if (payload.len > 0) {
            inflater_data(run->inflater, payload.flow, payload.data, payload.len);
        }
        if (payload.ends) {
            inflater_end(run->inflater, payload.flow);
        }
    }
}

static void read_all(struct floor_run *run, const char *path)
{
    char why[PCAP_ERRBUF_SIZE];
    pcap_t *pcap = pcap_open_offline(path, why);
    if (pcap == NULL) {
        fail("cannot open", why);
    }
    struct pcap_pkthdr *header;
    const uint8_t *data;
    int result;
    while ((result = pcap_next_ex(pcap, &header, &data)) == 1) {
        run->n_packets++;
        take_packet(run, data, header->caplen);
    }
    if (result != PCAP_ERROR_BREAK) {
        fail("cannot read", pcap_geterr(pcap));
    }
    pcap_close(pcap);
}

int main(int argc, char **argv)
{
    struct floor_run run = {.mode = MODE_N};
    for (size_t i = 0; argc == 3 && i < MODE_N; i++) {
        if (strcmp(argv[1], mode_names[i]) == 0) {
            run.mode = (enum mode)i;
        }
    }
    if (run.mode == MODE_N) {
        fprintf(stderr, "usage: floor read|scan|inflate FILE.pcap\n");
        return 2;
    }
    if (run.mode != MODE_READ) {
        compile(&run);
    }
    run.inflater = inflater_new();
    if (run.inflater == NULL) {
        fail("inflater_new", "out of memory");
    }
    read_all(&run, argv[2]);
    struct inflated sum = inflater_sum(run.inflater);
    printf("{\"packets\": %ju, \"payload_bytes\": %ju, \"hits\": %ju, \"gzip_bodies\": %ju, "
           "\"inflated_bytes\": %ju}\n",
           (uintmax_t)run.n_packets, (uintmax_t)run.n_payload_bytes, (uintmax_t)run.n_hits,
           (uintmax_t)sum.n_bodies, (uintmax_t)sum.n_bytes);
    inflater_free(run.inflater);
    hs_free_scratch(run.scratch);
    hs_free_database(run.database);
    return 0;
}
