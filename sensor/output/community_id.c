/* community_id: the Community ID flow hash, version 1 (Corelight's specification), by which other
 * tools' records of a flow are found.
 *
 * SHA-1 over seed, the smaller and the larger endpoint, protocol and padding. ICMP's type and code
 * pairs are not mapped to ports: those flows carry no payload that is inspected, and get the id of
 * a protocol without ports. */
#include "sensor/output/community_id.h"

#include "sensor/base/bytes.h"

#include <nettle/base64.h>
#include <nettle/sha1.h>

static int endpoint_order(const struct conn *conn)
{
    int order = addr_compare(&conn->addr[0], &conn->addr[1]);
    return order != 0 ? order : conn->port[0] - conn->port[1];
}

static void hash_addr(struct sha1_ctx *sha1, const struct addr *addr)
{
    struct span s = addr_span(addr);
    sha1_update(sha1, s.len, s.data);
}

static void hash_port(struct sha1_ctx *sha1, uint16_t port)
{
    uint8_t wire[2] = {(uint8_t)(port >> 8), (uint8_t)port};
    sha1_update(sha1, sizeof(wire), wire);
}

void community_id(const struct conn *conn, char ret_text[COMMUNITY_ID_SIZE])
{
    size_t first = endpoint_order(conn) <= 0 ? 0 : 1;
    const uint8_t seed[2] = {0, 0};
    const uint8_t proto[2] = {conn->proto, 0};
    struct sha1_ctx sha1;
    sha1_init(&sha1);
    sha1_update(&sha1, sizeof(seed), seed);
    hash_addr(&sha1, &conn->addr[first]);
    hash_addr(&sha1, &conn->addr[1 - first]);
    sha1_update(&sha1, sizeof(proto), proto);
    if (conn->proto == IP_PROTO_TCP || conn->proto == IP_PROTO_UDP ||
        conn->proto == IP_PROTO_SCTP) {
        hash_port(&sha1, conn->port[first]);
        hash_port(&sha1, conn->port[1 - first]);
    }
    uint8_t digest[SHA1_DIGEST_SIZE];
    sha1_digest(&sha1, sizeof(digest), digest);
    bytes_zero(ret_text, COMMUNITY_ID_SIZE);
    ret_text[0] = '1';
    ret_text[1] = ':';
    base64_encode_raw(ret_text + 2, sizeof(digest), digest);
}

static bool is_of(const struct known_community_id *known, const struct conn *conn)
{
    return known->text[0] != '\0' && known->proto == conn->proto &&
           known->port[0] == conn->port[0] && known->port[1] == conn->port[1] &&
           addr_equal(&known->addr[0], &conn->addr[0]) &&
           addr_equal(&known->addr[1], &conn->addr[1]);
}

const char *community_id_of(struct community_ids *ids, const struct conn *conn)
{
    struct known_community_id *known = &ids->known[conn->id % COMMUNITY_IDS];
    if (!is_of(known, conn)) {
        *known = (struct known_community_id){
            .addr = {conn->addr[0], conn->addr[1]},
            .port = {conn->port[0], conn->port[1]},
            .proto = conn->proto,
        };
        community_id(conn, known->text);
    }
    return known->text;
}
