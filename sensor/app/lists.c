/* lists: what the program knows of itself, printed from the tables it works with.
 *
 * Nothing is listed here by hand: a new field, key or decoder shows up by being a row. */
#include "sensor/app/lists.h"

#include "sensor/app/metrics_server.h"
#include "sensor/app/notify.h"
#include "sensor/app/sandbox.h"
#include "sensor/core/config.h"
#include "sensor/core/decoder.h"
#include "sensor/core/field.h"
#include "sensor/core/source.h"
#include "sensor/decoy/tls.h"
#include "sensor/output/sinks.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <brotli/decode.h>
#include <hs/hs.h>
#include <inttypes.h>
#include <maxminddb.h>
#include <ndpi/ndpi_api.h>
#include <pcap/pcap.h>
#include <pcre2.h>
#include <stdio.h>
#include <yaml.h>
#include <zlib.h>
#include <zstd.h>

void list_fields(void)
{
    for (unsigned id = 0; id < FIELD_N; id++) {
        const struct field_info *info = field_info((enum field_id)id);
        printf("%s%s\t%s\n", info->name, info->named ? "[.ITEM]" : "", info->doc);
    }
}

static void print_key(void *ctx, const struct config_key *key)
{
    (void)ctx;
    char limits[48] = "";
    if (key->max > 0) {
        (void)snprintf(limits, sizeof(limits), "%" PRIu64 "-%" PRIu64, key->min, key->max);
    }
    printf("%s\t%s\tdefault: %s\t%s\t%s\n", key->path, key->type,
           key->text[0] != '\0' ? key->text : "(none)", limits, key->doc);
}

void list_keys(void)
{
    config_each_key(print_key, NULL);
}

void list_version(void)
{
    printf("jndiwatch %s\n", JNDIWATCH_VERSION);
}

void list_build_info(void)
{
    list_version();
    printf("decoders:");
    for (const struct decoder *const *d = decoders; *d != NULL; d++) {
        printf(" %s", (*d)->name);
    }
    printf("\noutputs:");
    for (const struct sink_ops *const *s = sinks; *s != NULL; s++) {
        printf(" %s", (*s)->name);
    }
    int major;
    int minor;
    int patch;
    char pcre[64] = "";
    yaml_get_version(&major, &minor, &patch);
    (void)pcre2_config(PCRE2_CONFIG_VERSION, pcre);
    uint32_t br = BrotliDecoderVersion();
    printf("\ncompiler: %s\n", JNDIWATCH_COMPILER);
    printf("libraries: %s, Hyperscan %s, PCRE2 %s, nDPI %s, libmaxminddb %s, libyaml %d.%d.%d, "
           "zlib %s, zstd %s, brotli %u.%u.%u, ISA-L\n",
           pcap_lib_version(), hs_version(), pcre, ndpi_revision(), MMDB_lib_version(), major,
           minor, patch, zlibVersion(), ZSTD_versionString(), br >> 24, br >> 12 & 0xfff,
           br & 0xfff);
    printf("inline: %s, %s\n", source_nfqueue.name, source_bridge.name);
    printf("sandbox: %s\n", sandbox_about());
    printf("metrics: libmicrohttpd %s\n", metrics_server_about());
    printf("honeypot: TLS by %s\n", decoy_tls_about());
    printf("service manager: %s\n", notify_about());
    printf("default geo data, where scripts/geo made it: IPFire Location Database, "
           "https://location.ipfire.org, CC BY-SA 4.0\n");
}

void list_rules(const struct engine *engine)
{
    for (size_t i = 0; i < engine_n_loaded(engine); i++) {
        struct engine_listing l = engine_list(engine, i);
        printf("%u:%u:%u\t%.*s\t%s", l.signature->gid, l.signature->sid, l.signature->rev,
               (int)l.signature->msg.len, (const char *)l.signature->msg.data,
               engine_cost_name(l.cost));
        if (l.fast_pattern.len > 0) {
            printf("\t%s: '", l.buffer);
            for (size_t k = 0; k < l.fast_pattern.len; k++) {
                uint8_t c = span_at(l.fast_pattern, k);
                printf(c >= 0x20 && c < 0x7f ? "%c" : "|%02x|", c);
            }
            printf("'");
        }
        printf("\t%s:%zu\n", l.file, l.line);
    }
}
