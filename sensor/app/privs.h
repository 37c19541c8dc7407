#pragma once

#include "sensor/base/errbuf.h"

#include <sys/types.h>

/* Who the process is to be once everything is open. */
struct privs {
    char user[64]; /* "" when it stays who it is */
    uid_t uid;
    gid_t gid;
};

/* `user`: a name; "auto" is jndiwatch, or nobody where there is none, when the process is root and
 * `needs_drop`, else nobody's change; "root" stays root. 0, or -EINVAL with a line in err: there is
 * no such user, or only root may become another one. */
MUST_USE int privs_find(const char *user, bool needs_drop, struct privs *ret_privs,
                        struct errbuf *err);

/* Opens files as that user from now on, until privs_put_off(). Nothing when there is no change. */
void privs_put_on(const struct privs *p);
void privs_put_off(const struct privs *p);

/* Capabilities that can be kept. */
enum privs_right {
    PRIVS_NET_RAW = 1 << 0,   /* packet sockets */
    PRIVS_NET_ADMIN = 1 << 1, /* verdicts on the packets of a queue */
};

/* For good: becomes the user, with no capability but those of `rights` (enum privs_right); of
 * root that stays root none but the one to open files. No program that is run can give any back, no
 * core is left. Threads that run already lose them only with a change of the user. 0, or a negative
 * errno with a line in err. */
MUST_USE int privs_drop(const struct privs *p, unsigned rights, struct errbuf *err);
/* Takes every capability but those of `keep` from the calling thread alone. */
void privs_drop_thread(unsigned keep);
