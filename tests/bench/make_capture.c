/* make_capture: writes a large capture of HTTP and SMTP for the bench, the same in every run.
 *
 * usage: make_capture PROFILE SIZE_MB OUT.pcap
 *
 * Many connections are open at a time; each turn one of them, taken at random, sends a burst. Data
 * is in order and without loss: the bench measures the usual case, the tests measure the others.
 * What was written is counted in OUT.pcap.json. */
#include "tests/bench/conversation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum state { BEFORE_SYN, BEFORE_SYN_ACK, BEFORE_ACK, TALKING, CLOSING, CLOSED };

struct flow {
    struct link link;
    struct conversation talk;
    enum state state;
    bool has_message;
    size_t sent; /* of the message */
};

static const struct profile profiles[] = {
    {
        .name = "mixed",
        .doc = "HTTP of all kinds and mails, a few attacks",
        .n_open = 400,
        .permille_mail = 60,
        .max_exchanges = 12,
        .attacks_per_10k = 20,
        .permille = {150, 80, 60, 180, 6, 150, 200, 80, 10, 34, 50},
    },
    {
        .name = "small",
        .doc = "500 small requests and answers per MB",
        .n_open = 2000,
        .max_exchanges = 20,
        .permille = {[GET_API] = 500, [POST_API] = 500},
        .exchanges_per_mb = 500,
        .small = true,
    },
    {
        .name = "mail",
        .doc = "17 mails with attachments per MB",
        .n_open = 200,
        .permille_mail = 1000,
        .max_exchanges = 4,
        .exchanges_per_mb = 17,
    },
    {
        .name = "flows",
        .doc = "1,000 short connections per MB, one in ten open at a time",
        .n_open = 100,
        .scaled = true,
        .max_exchanges = 1,
        .fixed_exchanges = true,
        .permille = {[GET_NOT_MODIFIED] = 1000},
        .flows_per_mb = 1000,
        .small = true,
    },
    {
        .name = "flows-few",
        .doc = "10 connections per MB, all open, 100 requests each",
        .n_open = 10,
        .scaled = true,
        .max_exchanges = 100,
        .fixed_exchanges = true,
        .permille = {[GET_NOT_MODIFIED] = 1000},
        .flows_per_mb = 10,
        .small = true,
    },
    {
        .name = "flows-short",
        .doc = "as flows, but one in a thousand open at a time",
        .n_open = 1,
        .scaled = true,
        .max_exchanges = 1,
        .fixed_exchanges = true,
        .permille = {[GET_NOT_MODIFIED] = 1000},
        .flows_per_mb = 1000,
        .small = true,
    },
    {
        .name = "attack",
        .doc = "every request is an attack",
        .n_open = 400,
        .max_exchanges = 10,
        .attacks_per_10k = 10000,
        .small = true,
    },
    {
        .name = "attack-clean",
        .doc = "as attack, with letters in place of what makes a look-up",
        .n_open = 400,
        .max_exchanges = 10,
        .attacks_per_10k = 10000,
        .blunt = true,
        .small = true,
    },
};

static void open_flow(struct bench *b, struct flow *f)
{
    static const uint16_t sizes[] = {1460, 1460, 1460, 1440, 1380, 1220, 536, 8960};
    struct random *r = &b->random;
    struct text kept = f->talk.message.head;
    *f = (struct flow){.talk.message.head = kept};
    struct link *l = &f->link;
    struct conversation *c = &f->talk;
    c->is_mail = random_below(r, 1000) < b->profile->permille_mail;
    c->left = b->profile->max_exchanges;
    if (!b->profile->fixed_exchanges) {
        c->left = random_range(r, 1, c->left);
    }
    c->host = random_below(r, 500);
    c->session = random_next(r);
    l->v6 = random_chance(r, 15);
    l->vlan = random_chance(r, 5) ? 100 : 0;
    l->timestamps = random_chance(r, 70);
    l->mss = (uint16_t)(sizes[random_below(r, ARRAY_LEN(sizes))] - (l->timestamps ? 12 : 0));
    /* Benchmarking and documentation networks (RFC 2544, RFC 3849). */
    uint32_t client = random_below(r, 1 << 16), server = c->host;
    for (uint8_t side = 0; side < 2; side++) {
        uint32_t host = side == CLIENT ? client : server;
        const uint8_t v4[4] = {198, 18 + side, (uint8_t)(host >> 8), (uint8_t)host};
        const uint8_t v6[4] = {0x20, 0x01, 0x0d, 0xb8};
        memcpy(l->ip[side], l->v6 ? v6 : v4, 4);
        l->ip[side][15] = (uint8_t)host;
        l->ip[side][14] = (uint8_t)(host >> 8);
        l->ip[side][5] = side;
        l->seq[side] = random_below(r, UINT32_MAX);
        l->ip_id[side] = (uint16_t)random_next(r);
    }
    l->port[CLIENT] = (uint16_t)random_range(r, 1024, 65535);
    l->port[SERVER] = c->is_mail ? 25 : 80;
    b->tally.flows++;
}

static void send_flags(struct wire *w, struct flow *f, enum side side, uint8_t flags)
{
    wire_tcp(w, &f->link, &(struct segment){.side = side, .flags = flags});
}

/* Copies part of the message, which lies in two pieces. */
static void copy_message(const struct message *m, size_t off, size_t len, uint8_t *to)
{
    size_t from_head = off < m->head.len ? m->head.len - off : 0;
    from_head = from_head < len ? from_head : len;
    if (from_head > 0) {
        memcpy(to, m->head.data + off, from_head);
    }
    if (len > from_head) {
        memcpy(to + from_head, m->body->data + (off + from_head - m->head.len), len - from_head);
    }
}

/* A burst of the message, each second segment acknowledged; true when all of it is sent. */
static bool send_burst(struct bench *b, struct wire *w, struct flow *f)
{
    uint8_t data[9000];
    const struct message *m = &f->talk.message;
    size_t total = m->head.len + (m->body != NULL ? m->body->len : 0);
    uint32_t n = random_range(&b->random, 1, 12);
    for (uint32_t i = 1; i <= n && f->sent < total; i++) {
        size_t len = total - f->sent < f->link.mss ? total - f->sent : f->link.mss;
        copy_message(m, f->sent, len, data);
        f->sent += len;
        uint8_t flags = TCP_ACK | (f->sent == total ? TCP_PSH : 0);
        wire_tcp(w, &f->link, &(struct segment){m->side, flags, data, len});
        if (i % 2 == 0) {
            send_flags(w, f, m->side == CLIENT ? SERVER : CLIENT, TCP_ACK);
        }
    }
    return f->sent == total;
}

static void talk(struct bench *b, struct wire *w, struct flow *f)
{
    if (!f->has_message) {
        f->sent = 0;
        f->has_message = f->talk.is_mail ? mail_next(b, &f->talk) : http_next(b, &f->talk);
        if (!f->has_message) {
            f->state = CLOSING;
            return;
        }
    }
    f->has_message = !send_burst(b, w, f);
}

/* One turn of a connection. */
static void step_flow(struct bench *b, struct wire *w, struct flow *f)
{
    switch (f->state) {
    case BEFORE_SYN:
        send_flags(w, f, CLIENT, TCP_SYN);
        f->state = BEFORE_SYN_ACK;
        break;
    case BEFORE_SYN_ACK:
        send_flags(w, f, SERVER, TCP_SYN | TCP_ACK);
        f->state = BEFORE_ACK;
        break;
    case BEFORE_ACK:
        send_flags(w, f, CLIENT, TCP_ACK);
        f->state = TALKING;
        break;
    case TALKING:
        talk(b, w, f);
        break;
    case CLOSING:
        send_flags(w, f, CLIENT, TCP_FIN | TCP_ACK);
        send_flags(w, f, SERVER, TCP_FIN | TCP_ACK);
        send_flags(w, f, CLIENT, TCP_ACK);
        f->state = CLOSED;
        break;
    case CLOSED:
        break;
    }
}

/* True when no further connection shall be opened. */
static bool is_enough(const struct bench *b, const struct wire *w, uint64_t size_mb)
{
    const struct tally *t = &b->tally;
    if (b->profile->flows_per_mb > 0) {
        return t->flows >= b->profile->flows_per_mb * size_mb;
    }
    if (b->profile->exchanges_per_mb > 0) {
        return t->requests + t->mails >= b->profile->exchanges_per_mb * size_mb;
    }
    return w->n_bytes >= size_mb * 1000000;
}

static void run(struct bench *b, struct wire *w, uint64_t size_mb)
{
    size_t n_open = b->profile->n_open * (b->profile->scaled ? size_mb : 1);
    struct flow *flows = calloc(n_open, sizeof(*flows));
    CHECK(flows != NULL);
    for (size_t i = 0; i < n_open; i++) {
        open_flow(b, &flows[i]);
    }
    while (n_open > 0) {
        size_t at = random_below(&b->random, (uint32_t)n_open);
        struct flow *f = &flows[at];
        step_flow(b, w, f);
        bool enough = is_enough(b, w, size_mb);
        if (enough && b->profile->flows_per_mb == 0) {
            f->talk.left = 0; /* the exchange that is going on is still ended */
        }
        if (f->state == CLOSED && !enough) {
            open_flow(b, f);
        } else if (f->state == CLOSED) {
            text_free(&f->talk.message.head);
            *f = flows[--n_open];
        }
    }
    free(flows);
}

static void write_tally(const struct bench *b, const struct wire *w, const char *capture)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s.json", capture);
    FILE *file = fopen(path, "w");
    if (file == NULL) {
        fprintf(stderr, "make_capture: error: cannot write '%s'\n", path);
        exit(1);
    }
    const struct tally *t = &b->tally;
    fprintf(file, "{\"profile\": \"%s\", \"packets\": %ju, \"bytes\": %ju, \"flows\": %ju, ",
            b->profile->name, (uintmax_t)w->n_packets, (uintmax_t)w->n_bytes, (uintmax_t)t->flows);
    fprintf(file, "\"requests\": %ju, \"responses\": %ju, \"mails\": %ju, \"attacks\": %ju, ",
            (uintmax_t)t->requests, (uintmax_t)t->responses, (uintmax_t)t->mails,
            (uintmax_t)t->attacks);
    fprintf(file, "\"gzip_bodies\": %ju, \"gzip_bytes\": %ju, \"inflated_bytes\": %ju}\n",
            (uintmax_t)t->gzip_bodies, (uintmax_t)t->gzip_bytes, (uintmax_t)t->inflated_bytes);
    if (fclose(file) != 0) {
        fprintf(stderr, "make_capture: error: cannot write '%s'\n", path);
        exit(1);
    }
}

static const struct profile *find_profile(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(profiles); i++) {
        if (strcmp(profiles[i].name, name) == 0) {
            return &profiles[i];
        }
    }
    return NULL;
}

int main(int argc, char **argv)
{
    uint64_t size_mb = argc == 4 ? strtoull(argv[2], NULL, 10) : 0;
    struct bench b = {.random = {20260101}};
    b.profile = argc == 4 ? find_profile(argv[1]) : NULL;
    if (b.profile == NULL || size_mb == 0 || size_mb > 100000) {
        fprintf(stderr, "usage: make_capture PROFILE SIZE_MB OUT.pcap\n");
        for (size_t i = 0; i < ARRAY_LEN(profiles); i++) {
            fprintf(stderr, "  %-10s %s\n", profiles[i].name, profiles[i].doc);
        }
        return 2;
    }
    struct wire w;
    wire_open(&w, argv[3]);
    corpus_make(&b.corpus, &b.random);
    run(&b, &w, size_mb);
    wire_close(&w);
    write_tally(&b, &w, argv[3]);
    corpus_free(&b.corpus);
    return 0;
}
