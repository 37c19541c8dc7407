/* tx_pool: transactions and their arenas, reused.
 *
 * A few hundred idle ones are kept: as many as a burst of pipelined requests needs, no more than an
 * idle sensor should hold. */
#include "sensor/app/tx_pool.h"

#include "sensor/app/files.h"
#include "sensor/app/urls.h"

#include "sensor/base/bytes.h"
#include "sensor/base/mem.h"

enum {
    IDLE_MAX = 256,
    HEAD_SHARE = 8, /* of the room for fields: what a copy of a head may take of it */
};

struct tx_slot *tx_slot_of(struct tx *tx)
{
    return LIST_ENTRY(tx, struct tx_slot, tx);
}

static struct tx_slot *slot_new(size_t arena_bytes)
{
    struct tx_slot *slot = mem_alloc(sizeof(*slot));
    struct arena *arena = arena_new(arena_bytes);
    if (slot == NULL || arena == NULL) {
        mem_free(slot);
        arena_free(&arena);
        return NULL;
    }
    slot->tx.arena = arena;
    return slot;
}

struct tx_slot *tx_pool_get(struct tx_pool *pool)
{
    struct tx_slot *slot = pool->idle;
    if (slot == NULL) {
        slot = slot_new(pool->arena_bytes);
    } else {
        pool->idle = slot->next;
        pool->n_idle--;
    }
    if (slot == NULL) {
        return NULL;
    }
    *slot = (struct tx_slot){.tx.arena = slot->tx.arena, .field_room = pool->arena_bytes / 2};
    slot->tx.kept_end = &slot->tx.kept;
    slot->heads_end = &slot->heads;
    slot->tail = &slot->tx.findings;
    pool->n_open++;
    return slot;
}

static void slot_free(struct tx_slot *slot)
{
    arena_free(&slot->tx.arena);
    mem_free(slot);
}

void tx_pool_put(struct tx_pool *pool, struct tx_slot *slot)
{
    CHECK(pool->n_open > 0);
    files_free(&slot->files[TO_SERVER]);
    files_free(&slot->files[TO_CLIENT]);
    urls_free(&slot->urls);
    pool->n_open--;
    if (pool->n_idle >= IDLE_MAX) {
        slot_free(slot);
        return;
    }
    arena_reset(slot->tx.arena);
    slot->next = pool->idle;
    pool->idle = slot;
    pool->n_idle++;
}

void tx_pool_free(struct tx_pool *pool)
{
    while (pool->idle != NULL) {
        struct tx_slot *slot = pool->idle;
        pool->idle = slot->next;
        slot_free(slot);
    }
    pool->n_idle = 0;
}

/* What is kept for events leaves room for findings: else a sender of a thousand recipients would
 * have none. */
static void *take_room(struct tx *tx, size_t size)
{
    struct tx_slot *slot = tx_slot_of(tx);
    void *room = size <= slot->field_room ? arena_alloc(tx->arena, size) : NULL;
    slot->field_room = room != NULL ? slot->field_room - size : 0;
    return room;
}

bool tx_keep_head(struct tx *tx, enum direction dir, struct span bytes)
{
    struct tx_slot *slot = tx_slot_of(tx);
    size_t size = sizeof(struct kept_head) + bytes.len;
    struct kept_head *kept = size <= slot->field_room / HEAD_SHARE ? take_room(tx, size) : NULL;
    if (kept == NULL) {
        return false;
    }
    uint8_t *room = (uint8_t *)(kept + 1);
    bytes_copy(room, bytes.data, bytes.len);
    kept->dir = dir;
    kept->bytes = span_of(room, bytes.len);
    *slot->heads_end = kept;
    slot->heads_end = &kept->next;
    return true;
}

void tx_keep(struct tx *tx, const struct field *field, size_t max)
{
    struct span item = span_head(field->item, max);
    struct span value = span_head(field->value, max);
    bool cut = value.len < field->value.len;
    struct span tail = cut && field->id == FIELD_HTTP_REQUEST_HEADER
                           ? span_from(field->value, field->value.len - value.len)
                           : span_of(NULL, 0);
    struct kept_field *kept = take_room(tx, sizeof(*kept) + item.len + value.len + tail.len);
    if (kept == NULL) {
        tx->flags |= TX_TRUNCATED | TX_FIELDS_LOST;
        tx->conn->marks |= CONN_TRUNCATED;
        return;
    }
    uint8_t *room = (uint8_t *)(kept + 1);
    uint8_t *behind = &room[item.len];
    bytes_copy(room, item.data, item.len);
    bytes_copy(behind, value.data, value.len);
    kept->id = (uint16_t)field->id;
    kept->dir = (uint8_t)field->dir;
    kept->item = span_of(room, item.len);
    kept->value = span_of(behind, value.len);
    bytes_copy(&behind[value.len], tail.data, tail.len);
    kept->tail = span_of(&behind[value.len], tail.len);
    kept->cut = cut;
    kept->truncated = (field->flags & (FIELD_TRUNCATED | FIELD_CUT)) != 0;
    kept->odd = (field->flags & FIELD_ODD) != 0;
    *tx->kept_end = kept;
    tx->kept_end = &kept->next;
}
