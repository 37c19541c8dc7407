/* tls_off: none, for programs that are built without OpenSSL. What visitors encrypt stays so, and
 * is told as TLS. */
#include "sensor/decoy/tls.h"

#include <errno.h>

bool decoy_tls_is_there(void)
{
    return false;
}

const char *decoy_tls_about(void)
{
    return "none (built without OpenSSL)";
}

int decoy_tls_new(const char *certificate, const char *key, struct decoy_tls **ret_tls,
                  struct errbuf *err)
{
    (void)key;
    (void)ret_tls;
    errbuf_add(err, "cannot use certificate '%s': the program was built without OpenSSL",
               certificate);
    return -ENOTSUP;
}

void decoy_tls_free(struct decoy_tls **tls)
{
    *tls = NULL;
}

struct decoy_tls_link *decoy_tls_accept(const struct decoy_tls *tls)
{
    (void)tls;
    return NULL;
}

void decoy_tls_leave(struct decoy_tls_link **link)
{
    *link = NULL;
}

bool decoy_tls_take(struct decoy_tls_link *link, struct span wire, struct sbuf *plain,
                    struct sbuf *to_send)
{
    (void)link;
    (void)wire;
    (void)plain;
    (void)to_send;
    return false;
}

struct sbuf decoy_tls_take_hello(struct decoy_tls_link *link)
{
    (void)link;
    return sbuf_with_cap(0);
}

bool decoy_tls_give(struct decoy_tls_link *link, struct span text, struct sbuf *to_send)
{
    (void)link;
    (void)text;
    (void)to_send;
    return false;
}

uint16_t decoy_tls_version(const struct decoy_tls_link *link)
{
    (void)link;
    return 0;
}

bool decoy_tls_ended(const struct decoy_tls_link *link)
{
    (void)link;
    return false;
}

void decoy_tls_end(struct decoy_tls_link *link, struct sbuf *to_send)
{
    (void)link;
    (void)to_send;
}

void decoy_tls_ask(int fd, struct span text)
{
    (void)fd;
    (void)text;
}
