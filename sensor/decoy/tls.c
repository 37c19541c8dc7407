/* tls: by OpenSSL, over memory instead of a socket, so that whoever has the socket needs no other
 * rights for it.
 *
 * Any version and cipher that OpenSSL has by default from TLS 1.0 on, at its lowest security level:
 * old scanners are as welcome as new ones, and nothing here is worth protecting. No session is
 * kept, no renegotiation is done, no certificate is asked for. */
#include "sensor/decoy/tls.h"

#include "sensor/base/mem.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>

enum { PIECE = 16 * 1024, DAY_S = 86400, VALID_DAYS = 3650, HELLO_MAX = 256 * 1024 };

struct decoy_tls {
    SSL_CTX *context;
};

struct decoy_tls_link {
    SSL *ssl;
    BIO *in;           /* what came; both are the SSL's */
    BIO *out;          /* what is to be sent */
    struct sbuf hello; /* until it is taken */
    bool had_hello;
};

bool decoy_tls_is_there(void)
{
    return true;
}

const char *decoy_tls_about(void)
{
    return OpenSSL_version(OPENSSL_VERSION);
}

/* --- certificates
 * ------------------------------------------------------------------------------------ */

static const char *last_error(void)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    return reason != NULL ? reason : "no reason given";
}

/* A name as a machine of the house could have. */
static bool name_certificate(X509 *x)
{
    X509_NAME *name = X509_get_subject_name(x);
    static const unsigned char host[] = "app.internal";
    return X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, host, -1, -1, 0) == 1 &&
           X509_set_issuer_name(x, name) == 1;
}

static X509 *make_certificate(EVP_PKEY *key)
{
    X509 *x = X509_new();
    bool good = x != NULL && X509_set_version(x, X509_VERSION_3) == 1 &&
                ASN1_INTEGER_set(X509_get_serialNumber(x), 1) == 1 &&
                X509_gmtime_adj(X509_getm_notBefore(x), -(long)DAY_S) != NULL &&
                X509_gmtime_adj(X509_getm_notAfter(x), (long)VALID_DAYS * DAY_S) != NULL &&
                X509_set_pubkey(x, key) == 1 && name_certificate(x) &&
                X509_sign(x, key, EVP_sha256()) > 0;
    if (!good) {
        X509_free(x);
        return NULL;
    }
    return x;
}

static int use_own(SSL_CTX *context, struct errbuf *err)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = key != NULL ? make_certificate(key) : NULL;
    bool good = x != NULL && SSL_CTX_use_certificate(context, x) == 1 &&
                SSL_CTX_use_PrivateKey(context, key) == 1;
    if (!good) {
        errbuf_add(err, "cannot make a certificate for the honeypot: %s", last_error());
    }
    X509_free(x);
    EVP_PKEY_free(key);
    return good ? 0 : -EIO;
}

/* What went wrong first: what follows only says where. */
static int complain(const char *what, const char *path, struct errbuf *err)
{
    unsigned long first = ERR_peek_error();
    bool unread = ERR_GET_LIB(first) == ERR_LIB_SYS;
    const char *reason = unread ? strerror(ERR_GET_REASON(first)) : ERR_reason_error_string(first);
    errbuf_add(err, "cannot use %s '%s': %s. %s", what, path,
               reason != NULL ? reason : "no reason given",
               unread ? "It is read as who starts the honeypot, before rights are given up"
                      : "It is to be a PEM file without a password");
    return -EINVAL;
}

static int no_password(char *text, int size, int writing, void *ctx)
{
    (void)text;
    (void)size;
    (void)writing;
    (void)ctx;
    return 0; /* nobody is there to be asked */
}

static int use_files(SSL_CTX *context, const char *certificate, const char *key, struct errbuf *err)
{
    SSL_CTX_set_default_passwd_cb(context, no_password);
    if (SSL_CTX_use_certificate_chain_file(context, certificate) != 1) {
        return complain("certificate", certificate, err);
    }
    ERR_clear_error();
    if (SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) == 1) {
        return 0;
    }
    if (ERR_GET_REASON(ERR_peek_error()) == X509_R_KEY_VALUES_MISMATCH) {
        errbuf_add(err, "key '%s' is not that of certificate '%s'", key, certificate);
        return -EINVAL;
    }
    return complain("key", key, err);
}

static void set_up(SSL_CTX *context)
{
    (void)SSL_CTX_set_min_proto_version(context, TLS1_VERSION);
    (void)SSL_CTX_set_cipher_list(context, "ALL:@SECLEVEL=0");
    (void)SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    (void)SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION |
                                           SSL_OP_NO_COMPRESSION | SSL_OP_IGNORE_UNEXPECTED_EOF);
    (void)SSL_CTX_set_num_tickets(context, 0);
    (void)SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE);
}

int decoy_tls_new(const char *certificate, const char *key, struct decoy_tls **ret_tls,
                  struct errbuf *err)
{
    struct decoy_tls *tls = mem_alloc(sizeof(*tls));
    ERR_clear_error();
    if (tls != NULL) {
        tls->context = SSL_CTX_new(TLS_server_method());
    }
    if (tls == NULL || tls->context == NULL) {
        decoy_tls_free(&tls);
        return -ENOMEM;
    }
    set_up(tls->context);
    int rc = certificate[0] == '\0' ? use_own(tls->context, err)
                                    : use_files(tls->context, certificate, key, err);
    if (rc != 0) {
        decoy_tls_free(&tls);
        return rc;
    }
    *ret_tls = tls;
    return 0;
}

void decoy_tls_free(struct decoy_tls **tls)
{
    if (*tls != NULL) {
        SSL_CTX_free((*tls)->context); /* which wipes the key */
        mem_free(*tls);
    }
    *tls = NULL;
}

/* --- the other side
 * ---------------------------------------------------------------------------------- */

static void speak(SSL *ssl, struct span text)
{
    uint8_t piece[4096];
    size_t n = 0;
    if (SSL_connect(ssl) == 1 && SSL_write_ex(ssl, text.data, text.len, &n) == 1) {
        while (SSL_read_ex(ssl, piece, sizeof(piece), &n) == 1) {
        }
        (void)SSL_shutdown(ssl);
    }
}

void decoy_tls_ask(int fd, struct span text)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL *ssl = context != NULL ? SSL_new(context) : NULL;
    if (ssl != NULL && SSL_set_fd(ssl, fd) == 1) {
        speak(ssl, text);
    }
    SSL_free(ssl);
    SSL_CTX_free(context);
    ERR_clear_error();
}

/* --- connections
 * ------------------------------------------------------------------------------------- */

void decoy_tls_leave(struct decoy_tls_link **link)
{
    if (*link != NULL) {
        SSL_free((*link)->ssl);
        sbuf_free(&(*link)->hello);
        mem_free(*link);
    }
    *link = NULL;
}

/* One message, in as many records as it takes. What it was framed in as it came is not known here,
 * and says nothing. */
static void keep_hello(struct sbuf *hello, struct span message)
{
    while (message.len > 0) {
        struct span part = span_head(message, SSL3_RT_MAX_PLAIN_LENGTH);
        const uint8_t header[] = {SSL3_RT_HANDSHAKE, 3, 1, (uint8_t)(part.len >> 8),
                                  (uint8_t)part.len};
        (void)sbuf_add(hello, span_of(header, sizeof(header)));
        (void)sbuf_add(hello, part);
        message = span_from(message, part.len);
    }
}

/* Is told of each message before it is read, so also of one that is not to OpenSSL's liking. */
static void see_message(int sent, int version, int type, /* lint: OpenSSL's own form */
                        const void *bytes, size_t len, SSL *ssl, void *ctx)
{
    struct decoy_tls_link *l = ctx;
    struct span message = span_of(bytes, len);
    (void)version;
    (void)ssl;
    if (sent == 0 && type == SSL3_RT_HANDSHAKE && span_at(message, 0) == SSL3_MT_CLIENT_HELLO &&
        !l->had_hello) {
        l->had_hello = true;
        keep_hello(&l->hello, message);
    }
}

struct decoy_tls_link *decoy_tls_accept(const struct decoy_tls *tls)
{
    struct decoy_tls_link *l = mem_alloc(sizeof(*l));
    if (l == NULL) {
        return NULL;
    }
    l->ssl = SSL_new(tls->context);
    l->in = BIO_new(BIO_s_mem());
    l->out = BIO_new(BIO_s_mem());
    if (l->ssl == NULL || l->in == NULL || l->out == NULL) {
        BIO_free(l->in);
        BIO_free(l->out);
        decoy_tls_leave(&l);
        return NULL;
    }
    l->hello = sbuf_with_cap(HELLO_MAX);
    SSL_set_msg_callback(l->ssl, see_message);
    SSL_set_msg_callback_arg(l->ssl, l);
    SSL_set_bio(l->ssl, l->in, l->out);
    SSL_set_accept_state(l->ssl);
    return l;
}

static void collect(struct decoy_tls_link *l, struct sbuf *to_send)
{
    uint8_t piece[4096];
    size_t n = 0;
    while (BIO_read_ex(l->out, piece, sizeof(piece), &n) == 1 && n > 0) {
        (void)sbuf_add(to_send, span_of(piece, n));
    }
}

/* Nothing to be read yet is no failure; that the visitor said his side ends is none either. */
static bool goes_on(struct decoy_tls_link *l, int result)
{
    int error = SSL_get_error(l->ssl, result);
    ERR_clear_error();
    return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ||
           error == SSL_ERROR_ZERO_RETURN;
}

bool decoy_tls_take(struct decoy_tls_link *link, struct span wire, struct sbuf *plain,
                    struct sbuf *to_send)
{
    size_t n = 0;
    ERR_clear_error();
    if (wire.len > 0 && BIO_write_ex(link->in, wire.data, wire.len, &n) != 1) {
        return false;
    }
    int result = 1;
    while (result == 1) {
        uint8_t piece[PIECE];
        n = 0;
        result = SSL_read_ex(link->ssl, piece, sizeof(piece), &n);
        (void)sbuf_add(plain, span_of(piece, n));
    }
    bool good = goes_on(link, result);
    collect(link, to_send);
    return good;
}

struct sbuf decoy_tls_take_hello(struct decoy_tls_link *link)
{
    struct sbuf hello = {0};
    if (link->had_hello) {
        hello = link->hello;
        link->hello = sbuf_with_cap(0);
    }
    return hello;
}

bool decoy_tls_give(struct decoy_tls_link *link, struct span text, struct sbuf *to_send)
{
    bool good = SSL_is_init_finished(link->ssl) != 0;
    ERR_clear_error();
    while (good && text.len > 0) {
        size_t n = 0;
        good = SSL_write_ex(link->ssl, text.data, text.len, &n) == 1;
        text = span_from(text, n);
    }
    collect(link, to_send);
    ERR_clear_error();
    return good;
}

uint16_t decoy_tls_version(const struct decoy_tls_link *link)
{
    return (uint16_t)SSL_version(link->ssl);
}

bool decoy_tls_ended(const struct decoy_tls_link *link)
{
    return (SSL_get_shutdown(link->ssl) & SSL_RECEIVED_SHUTDOWN) != 0;
}

void decoy_tls_end(struct decoy_tls_link *link, struct sbuf *to_send)
{
    if (SSL_is_init_finished(link->ssl) != 0) {
        (void)SSL_shutdown(link->ssl);
    }
    ERR_clear_error();
    collect(link, to_send);
}
