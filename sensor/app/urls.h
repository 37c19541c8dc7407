#pragma once

#include "sensor/core/field.h"
#include "sensor/core/tx.h"

/* The URLs in the texts of one mail, for its event. Made with the first text. */
struct urls;

struct urls_user {
    /* One was found that was not told before. Valid during the call. */
    void (*url)(void *ctx, struct tx *tx, struct span url);
    void *ctx;
};

/* A piece of a body; looks at the texts of mails only. */
void urls_region(struct urls **urls, const struct urls_user *user, struct tx *tx,
                 const struct region *region);
/* Nulls *urls; accepts NULL. */
void urls_free(struct urls **urls);
