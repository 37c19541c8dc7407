#pragma once

#include "sensor/base/log.h"
#include "sensor/base/mem.h"
#include "sensor/base/sbuf.h"
#include "sensor/base/wire.h"
#include "sensor/core/source.h"
#include "tests/unit/runner.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Makes capture files in a folder of the test's own, and reads them back with source_file. */

enum { FILE_CAP = 8 * 1024 * 1024, PATH_SIZE = 128 };

static char folder[] = "/tmp/jndiwatch-capture-XXXXXX";
static struct sbuf file; /* being made */
static bool big_endian;
static struct errbuf err;
static struct source *source;
static struct packet_batch batch;

/* --- making files --- */

UNUSED static void put16(unsigned value)
{
    (void)sbuf_add_byte(&file, (uint8_t)(big_endian ? value >> 8 : value));
    (void)sbuf_add_byte(&file, (uint8_t)(big_endian ? value : value >> 8));
}

UNUSED static void put32(uint32_t value)
{
    put16(big_endian ? value >> 16 : value & 0xffff);
    put16(big_endian ? value & 0xffff : value >> 16);
}

UNUSED static void put_bytes(const char *text, size_t len)
{
    (void)sbuf_add(&file, span_of(text, len));
}

UNUSED static void begin_file(bool big)
{
    sbuf_reset(&file);
    big_endian = big;
}

UNUSED static void pcap_header(uint32_t magic, uint32_t link_type)
{
    put32(magic);
    put16(2);
    put16(4);
    put32(0);
    put32(0);
    put32(65535);
    put32(link_type);
}

UNUSED static void pcap_record(uint32_t seconds, uint32_t fraction, const char *data)
{
    uint32_t len = (uint32_t)strlen(data);
    put32(seconds);
    put32(fraction);
    put32(len);
    put32(len);
    put_bytes(data, len);
}

/* A block whose body is put by the caller between these two. */
UNUSED static size_t block_begin(uint32_t type)
{
    size_t at = file.len;
    put32(type);
    put32(0);
    return at;
}

UNUSED static void block_end(size_t at)
{
    while (file.len % 4 != 0) {
        (void)sbuf_add_byte(&file, 0);
    }
    uint32_t len = (uint32_t)(file.len - at + 4);
    put32(len);
    file.len = at + 4;
    put32(len);
    file.len = at + len;
}

UNUSED static void section(void)
{
    size_t at = block_begin(0x0a0d0d0a);
    put32(0x1a2b3c4d);
    put16(1);
    put16(0);
    put32(0xffffffff);
    put32(0xffffffff);
    block_end(at);
}

UNUSED static void option(unsigned code, const char *value, size_t len)
{
    put16(code);
    put16((unsigned)len);
    put_bytes(value, len);
    while (file.len % 4 != 0) {
        (void)sbuf_add_byte(&file, 0);
    }
}

UNUSED static void interface(unsigned link_type, uint32_t snaplen, const char *name,
                             char resolution)
{
    size_t at = block_begin(1);
    put16(link_type);
    put16(0);
    put32(snaplen);
    option(2, name, strlen(name));
    option(9, &resolution, 1);
    option(0, "", 0);
    block_end(at);
}

UNUSED static void enhanced(uint32_t number, uint64_t ticks, const char *data)
{
    size_t at = block_begin(6);
    put32(number);
    put32((uint32_t)(ticks >> 32));
    put32((uint32_t)ticks);
    put32((uint32_t)strlen(data));
    put32((uint32_t)strlen(data));
    put_bytes(data, strlen(data));
    block_end(at);
}

UNUSED static const char *path_of(const char *name)
{
    static char paths[8][PATH_SIZE];
    static size_t next;
    char *path = paths[next++ % ARRAY_LEN(paths)];
    (void)snprintf(path, PATH_SIZE, "%s/%s", folder, name);
    return path;
}

UNUSED static const char *save_bytes(const char *name, const void *data, size_t len)
{
    const char *path = path_of(name);
    (void)unlink(path); /* a new file is cheaper than one cut to nothing */
    FILE *out = fopen(path, "wb");
    CU_ASSERT_PTR_NOT_NULL_FATAL(out);
    CU_ASSERT_EQUAL(fwrite(data, 1, len, out), len);
    CU_ASSERT_EQUAL(fclose(out), 0);
    return path;
}

UNUSED static const char *save(const char *name)
{
    return save_bytes(name, file.data, file.len);
}

/* --- reading them --- */

UNUSED static int open_with(const struct source_options *options)
{
    errbuf_free(&err);
    batch.n = 0;
    return source_file.open(options, &source, &err);
}

UNUSED static void open_one(const char *path)
{
    CU_ASSERT_EQUAL_FATAL(open_with(&(struct source_options){.inputs = &path, .n_inputs = 1}), 0);
}

UNUSED static enum source_status receive(void)
{
    return source_file.receive(source, &batch, &err);
}

/* What a whole input gave: the packets' data joined by '|'. */
struct whole {
    char text[512];
    size_t n;
    uint64_t last_us;
    enum source_status end;
};

UNUSED static struct whole read_all(void)
{
    struct whole r = {.end = SOURCE_OK};
    size_t len = 0;
    while (r.end == SOURCE_OK) {
        r.end = receive();
        for (size_t i = 0; i < batch.n; i++) {
            const struct packet *p = &batch.packets[i];
            r.n++;
            CU_ASSERT_EQUAL(p->number, r.n);
            r.last_us = p->time_us;
            for (size_t at = 0; at < p->data.len && len < sizeof(r.text) - 2; at++) {
                r.text[len++] = (char)span_at(p->data, at);
            }
            r.text[len < sizeof(r.text) - 2 ? len++ : len] = '|';
        }
        source_file.release(source, &batch);
    }
    source_file.close(&source);
    return r;
}

UNUSED static void expect_error(const char *words)
{
    if (strstr(errbuf_text(&err), words) == NULL) {
        printf("\nexpected: %s\ngot: %s\n", words, errbuf_text(&err));
        CU_FAIL("other words");
    }
}

UNUSED static int set_up(void)
{
    file = sbuf_with_cap(FILE_CAP);
    log_set_level(LOG_LEVEL_ERROR);
    return mkdtemp(folder) == NULL || chmod(folder, 0755) != 0;
}

UNUSED static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *place)
{
    (void)st;
    (void)kind;
    (void)place;
    return remove(path);
}

UNUSED static int tear_down(void)
{
    sbuf_free(&file);
    errbuf_free(&err);
    return nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

UNUSED static void make_small_pcap(void)
{
    begin_file(false);
    pcap_header(0xa1b2c3d4, 1);
    pcap_record(1, 0, "aaaa");
    pcap_record(2, 0, "bbbb");
    pcap_record(3, 0, "cc");
}

#define TEST(name)                                                                                 \
    {                                                                                              \
#name, name                                                                                \
    }
