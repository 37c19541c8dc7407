#pragma once

#include "sensor/core/field.h"
#include "sensor/core/file.h"
#include "sensor/core/tx.h"

/* The files in one direction of a transaction, as they come by. Made with the first that may be
 * one. */
struct files;

struct files_user {
    /* A file is complete, or will not be. */
    void (*file)(void *ctx, struct tx *tx, const struct file_seen *file);
    void *ctx;
    const char *hash; /* "md5", "sha1", "sha256"; NULL: none */
};

/* The name of the file that comes next. */
void files_name(struct files **files, struct span name);
/* A piece of a body: of an attachment, or of a request that uploads files. */
void files_region(struct files **files, const struct files_user *user, struct tx *tx,
                  const struct region *region);
/* Nulls *files; accepts NULL. */
void files_free(struct files **files);
