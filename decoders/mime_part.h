#pragma once

#include "sensor/base/sbuf.h"
#include "sensor/core/decoder.h"

enum { CHARSET_MAX = 40 };

enum mime_media { MEDIA_TEXT, MEDIA_MULTIPART, MEDIA_MESSAGE, MEDIA_OTHER };

enum mime_transfer {
    TRANSFER_IDENTITY, /* 7bit, 8bit, binary */
    TRANSFER_BASE64,
    TRANSFER_QP,
    TRANSFER_UNKNOWN,
};

/* What a head says of the part behind it. Starts with mime_part_start(). */
struct mime_part {
    enum mime_media media;
    enum body_type body_type;
    enum mime_transfer transfer;
    bool digest;     /* multipart/digest */
    bool attachment; /* by its disposition */
    bool have_type;
    bool have_transfer;
    bool named_by_disposition;
    struct sbuf name;
    struct sbuf boundary;
    struct sbuf charset;
};

/* What a part is whose head says nothing. in_digest: it is a mail. Keeps memory. */
void mime_part_start(struct mime_part *p, bool in_digest, size_t name_cap);
void mime_part_free(struct mime_part *p);
/* The values of the three headers that matter. */
void mime_part_type(struct mime_part *p, struct span value);
void mime_part_transfer(struct mime_part *p, struct span value);
void mime_part_disposition(struct mime_part *p, struct span value);
/* A name that the part was given; a disposition's counts most. */
void mime_part_name(struct mime_part *p, struct span name, bool by_disposition);
