#pragma once

#include "sensor/base/errbuf.h"
#include "sensor/base/sbuf.h"

/* TLS of a honeypot's side: what a visitor encrypts becomes visible. */
struct decoy_tls;

/* "OpenSSL 3.0.x", or why there is none. */
const char *decoy_tls_about(void);
/* Whether the program was built with it. */
bool decoy_tls_is_there(void);

/* With the certificate (PEM, its chain behind it) and key of these files; both "": with a key made
 * now, and a certificate for it that it signs itself. 0, or a negative errno with a line in err. */
MUST_USE int decoy_tls_new(const char *certificate, const char *key, struct decoy_tls **ret_tls,
                           struct errbuf *err);
/* Nulls *tls; accepts NULL. The key's memory is wiped. */
void decoy_tls_free(struct decoy_tls **tls);

/* One connection. NULL when there is no memory. `tls` outlives it. */
struct decoy_tls_link;
MUST_USE struct decoy_tls_link *decoy_tls_accept(const struct decoy_tls *tls);
/* Nulls *link; accepts NULL. */
void decoy_tls_leave(struct decoy_tls_link **link);

/* Takes what came from the visitor; appends what it decrypts to, and what is to be sent (which
 * happens also when it fails). false when the connection cannot go on. */
MUST_USE bool decoy_tls_take(struct decoy_tls_link *link, struct span wire, struct sbuf *plain,
                             struct sbuf *to_send);
/* The client's hello as records of a handshake (RFC 8446, section 5.1), of several the first: once,
 * when all of it has come; empty before and afterwards. It is the caller's. */
MUST_USE struct sbuf decoy_tls_take_hello(struct decoy_tls_link *link);
/* Appends what the text encrypts to. false when the handshake is not complete, or it failed. */
MUST_USE bool decoy_tls_give(struct decoy_tls_link *link, struct span text, struct sbuf *to_send);
/* The version agreed on, as it is on the wire: 0x0304 is TLS 1.3. */
uint16_t decoy_tls_version(const struct decoy_tls_link *link);
/* Whether the visitor said that nothing more follows. */
bool decoy_tls_ended(const struct decoy_tls_link *link);
/* Our side ends: appends the word about it. */
void decoy_tls_end(struct decoy_tls_link *link, struct sbuf *to_send);

/* The other side of it: says the text over a connected socket that blocks, and reads what is
 * answered to the end. Whatever goes wrong, it just ends; certificates are not looked at. */
void decoy_tls_ask(int fd, struct span text);

/* Whether bytes begin a TLS connection (RFC 8446, section 5.1): a handshake record. */
static inline bool decoy_tls_begins(struct span bytes)
{
    return span_at(bytes, 0) == 0x16 && (bytes.len < 2 || span_at(bytes, 1) == 3);
}
