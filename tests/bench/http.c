/* http: both sides of connections over HTTP/1.1, as browsers, clients of APIs and servers speak.
 *
 * Requests carry the headers such programs send; some are pipelined. Answers are plain, gzip,
 * chunked, or both. An attack, where the profile has some, stands in a header, in the query, in a
 * form or in JSON. */
#include "tests/bench/conversation.h"

#include <stdio.h>
#include <string.h>

static const char *const browsers[] = {
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/131.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/18.1 Safari/605.1.15",
    "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like "
    "Gecko) Version/18.1 Mobile/15E148 Safari/604.1",
};
static const char *const programs[] = {
    "curl/8.11.0",  "okhttp/4.12.0",      "python-requests/2.32.3",
    "Java/17.0.13", "Go-http-client/1.1", "axios/1.7.9",
};
static const char *const servers[] = {"nginx", "Apache/2.4.62 (Debian)", "cloudflare",
                                      "nginx/1.26.2", "Jetty(12.0.15)"};

/* The body that answers each kind of exchange. */
static enum body_kind kind_of(const struct bench *b, enum exchange exchange)
{
    switch (exchange) {
    case GET_SCRIPT:
        return BODY_SCRIPT;
    case GET_STYLE:
        return BODY_STYLE;
    case GET_IMAGE:
        return BODY_IMAGE;
    case GET_VIDEO:
        return BODY_VIDEO;
    case GET_API:
        return b->profile->small ? BODY_JSON_SMALL : BODY_JSON;
    case POST_API:
    case POST_FILE:
        return BODY_JSON_SMALL;
    case GET_PAGE:
    case POST_FORM:
    case GET_REDIRECT:
    case GET_NOT_MODIFIED:
    case EXCHANGE_N:
        break;
    }
    return BODY_HTML;
}

static enum exchange pick_exchange(struct bench *b)
{
    uint32_t at = random_below(&b->random, 1000);
    for (size_t i = 0; i < EXCHANGE_N; i++) {
        if (at < b->profile->permille[i]) {
            return (enum exchange)i;
        }
        at -= b->profile->permille[i];
    }
    return GET_API;
}

static bool is_post(enum exchange e)
{
    return e == POST_API || e == POST_FORM || e == POST_FILE;
}

static void add_target(struct text *t, struct random *r, enum exchange e)
{
    switch (e) {
    case GET_SCRIPT:
        text_format(t, "/static/js/%s.%08x.js", random_word(r), random_below(r, UINT32_MAX));
        break;
    case GET_STYLE:
        text_format(t, "/static/css/%s.%08x.css", random_word(r), random_below(r, UINT32_MAX));
        break;
    case GET_IMAGE:
        text_format(t, "/images/%s/%s-%u.jpg?w=%u", random_word(r), random_word(r),
                    random_below(r, 10000), random_below(r, 2000));
        break;
    case GET_VIDEO:
        text_format(t, "/media/%s-%u.mp4", random_word(r), random_below(r, 10000));
        break;
    case GET_API:
    case POST_API:
        text_format(t, "/api/v1/%s/%u?fields=%s%%2C%s&limit=%u", random_word(r),
                    random_below(r, 100000), random_word(r), random_word(r), random_below(r, 100));
        break;
    case GET_PAGE:
    case POST_FORM:
    case POST_FILE:
    case GET_REDIRECT:
    case GET_NOT_MODIFIED:
    case EXCHANGE_N:
        text_format(t, "/%s/%s-%s?q=%s+%s%%20%u&utm_source=%s", random_word(r), random_word(r),
                    random_word(r), random_word(r), random_word(r), random_below(r, 1000),
                    random_word(r));
        break;
    }
}

static void add_browser_headers(struct bench *b, const struct conversation *c, struct text *t)
{
    struct random *r = &b->random;
    struct random session = {c->session};
    const char *agent = RANDOM_PICK(&session, browsers);
    text_format(t, "User-Agent: %s\r\n", agent);
    text_format(t, "sec-ch-ua: \"Chromium\";v=\"131\", \"Not_A Brand\";v=\"24\"\r\n"
                   "sec-ch-ua-mobile: ?0\r\nsec-ch-ua-platform: \"Windows\"\r\n"
                   "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,"
                   "image/webp,*/*;q=0.8\r\nAccept-Encoding: gzip, deflate, br\r\n"
                   "Accept-Language: en-US,en;q=0.9,de;q=0.8\r\nSec-Fetch-Mode: navigate\r\n");
    text_format(t, "Referer: https://www%u.example.com/%s/%s?page=%u\r\n", c->host, random_word(r),
                random_word(r), random_below(r, 50));
    text_format(t, "Cookie: _ga=GA1.2.%u.%u; session=", random_below(&session, 1U << 31),
                random_below(&session, 1U << 31));
    text_hex(t, &session, 32);
    text_format(t, "; theme=dark; consent=%%7B%%22ads%%22%%3Afalse%%7D; csrftoken=");
    text_base64_noise(t, &session, 43);
    text_format(t, "\r\n");
}

static void add_program_headers(struct bench *b, const struct conversation *c, struct text *t)
{
    struct random *r = &b->random;
    struct random session = {c->session};
    text_format(t, "User-Agent: %s\r\nAccept: application/json\r\nX-Request-Id: ",
                RANDOM_PICK(&session, programs));
    text_hex(t, r, 32);
    text_format(t, "\r\nAccept-Encoding: gzip\r\n");
    if (random_chance(&session, 60)) {
        text_format(t, "Authorization: Bearer eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.");
        text_base64_noise(t, &session, 120);
        text_format(t, ".");
        text_base64_noise(t, &session, 43);
        text_format(t, "\r\n");
    }
}

/* The body of a request, without attack: JSON, a form, or a file in a multipart form. */
static void add_post_body(struct bench *b, struct text *t, enum exchange e)
{
    struct random *r = &b->random;
    if (e == POST_FORM) {
        text_format(t, "csrf=");
        text_hex(t, r, 32);
        text_format(t, "&name=%s+%s&email=%s%%40example.com&comment=", random_word(r),
                    random_word(r), random_word(r));
        text_words(t, r, random_range(r, 3, 60), 1, "%2C+");
        return;
    }
    if (e == POST_FILE) {
        const struct body *file = corpus_pick(&b->corpus, r, BODY_IMAGE);
        text_format(t, "--XfileX\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\n%s\r\n",
                    random_word(r));
        text_format(t,
                    "--XfileX\r\nContent-Disposition: form-data; name=\"file\"; "
                    "filename=\"%s.jpg\"\r\nContent-Type: image/jpeg\r\n\r\n",
                    random_word(r));
        text_add(t, file->plain.data, file->plain.len);
        text_format(t, "\r\n--XfileX--\r\n");
        return;
    }
    text_format(t, "{\"event\":\"%s\",\"user\":%u,\"token\":\"", random_word(r),
                random_below(r, 1000000));
    text_hex(t, r, 32);
    text_format(t, "\",\"properties\":{\"path\":\"/%s\",\"note\":\"", random_word(r));
    text_words(t, r, random_range(r, 2, b->profile->small ? 20 : 120), 0, "");
    text_format(t, "\",\"ok\":true}}");
}

/* Where an attack stands; POST requests may carry it in the body too. */
enum place { IN_QUERY, IN_AGENT, IN_HEADER, IN_COOKIE, IN_JSON, IN_JSON_ESCAPED, IN_FORM, PLACE_N };

static void add_attack_header(struct bench *b, struct text *t, enum place place)
{
    static const char *const names[] = {"X-Api-Version", "X-Forwarded-For", "Referer",
                                        "X-Client-Id",   "Accept-Language", "If-Modified-Since"};
    if (place == IN_AGENT) {
        text_format(t, "User-Agent: ");
    } else if (place == IN_COOKIE) {
        text_format(t, "Cookie: theme=dark; lang=");
    } else {
        text_format(t, "%s: ", RANDOM_PICK(&b->random, names));
    }
    attack_write(t, &b->random, b->profile->blunt);
    text_format(t, "\r\n");
}

static void add_attack_body(struct bench *b, struct text *t, enum place place)
{
    struct random *r = &b->random;
    if (place == IN_FORM) {
        text_format(t, "user=%s&password=", random_word(r));
        attack_write_percent(t, r, b->profile->blunt);
        return;
    }
    struct text lookup = {0};
    attack_write(&lookup, r, b->profile->blunt);
    text_format(t, "{\"user\":\"%s\",\"password\":\"", random_word(r));
    if (place == IN_JSON_ESCAPED) {
        text_format(t, b->profile->blunt ? "\\u0078\\u0078" : "\\u0024\\u007b");
        text_add(t, lookup.data + 2, lookup.len - 2);
    } else {
        text_add(t, lookup.data, lookup.len);
    }
    text_format(t, "\"}");
    text_free(&lookup);
}

static void add_attack(struct bench *b, const struct conversation *c, struct text *t)
{
    struct random *r = &b->random;
    enum place place = (enum place)random_below(r, PLACE_N);
    bool posted = place == IN_JSON || place == IN_JSON_ESCAPED || place == IN_FORM;
    text_format(t, "%s /%s/%s?id=", posted ? "POST" : "GET", random_word(r), random_word(r));
    if (place == IN_QUERY) {
        attack_write_percent(t, r, b->profile->blunt);
    }
    text_format(t, " HTTP/1.1\r\nHost: www%u.example.com\r\n", c->host);
    if (place == IN_QUERY || posted) {
        add_browser_headers(b, c, t);
    } else {
        add_attack_header(b, t, place);
        text_format(t, "Accept: */*\r\n");
    }
    struct text body = {0};
    if (posted) {
        add_attack_body(b, &body, place);
        text_format(t, "Content-Type: %s\r\nContent-Length: %zu\r\n",
                    place == IN_FORM ? "application/x-www-form-urlencoded" : "application/json",
                    body.len);
    }
    text_format(t, "\r\n");
    text_add(t, body.data, body.len);
    text_free(&body);
    b->tally.attacks += b->profile->blunt ? 0 : 1;
}

static void add_harmless(struct bench *b, const struct conversation *c, struct text *t,
                         enum exchange e)
{
    static const char *const types[] = {
        [POST_API] = "application/json",
        [POST_FORM] = "application/x-www-form-urlencoded",
        [POST_FILE] = "multipart/form-data; boundary=XfileX",
    };
    text_format(t, is_post(e) ? "POST " : "GET ");
    add_target(t, &b->random, e);
    text_format(t, " HTTP/1.1\r\nHost: www%u.example.com\r\nConnection: keep-alive\r\n", c->host);
    if (e == GET_API || e == POST_API || b->profile->small) {
        add_program_headers(b, c, t);
    } else {
        add_browser_headers(b, c, t);
    }
    struct text body = {0};
    if (is_post(e)) {
        add_post_body(b, &body, e);
        text_format(t, "Content-Type: %s\r\nContent-Length: %zu\r\n", types[e], body.len);
    }
    text_format(t, "\r\n");
    text_add(t, body.data, body.len);
    text_free(&body);
}

/* One request, or several pipelined ones. */
static void make_requests(struct bench *b, struct conversation *c)
{
    struct random *r = &b->random;
    c->message.side = CLIENT;
    c->n_waiting = random_chance(r, 3) ? random_range(r, 2, 5) : 1;
    c->n_waiting = c->n_waiting < c->left ? c->n_waiting : c->left;
    c->answered = 0;
    for (uint32_t i = 0; i < c->n_waiting; i++) {
        enum exchange e = pick_exchange(b);
        if (random_below(r, 10000) < b->profile->attacks_per_10k) {
            e = POST_API; /* answered with a line of JSON */
            add_attack(b, c, &c->message.head);
        } else {
            e = c->n_waiting > 1 && is_post(e) ? GET_API : e;
            add_harmless(b, c, &c->message.head, e);
        }
        c->waiting[i] = e;
    }
    c->left -= c->n_waiting;
    b->tally.requests += c->n_waiting;
}

/* The headers that say how the body is sent, and the choice of its form. */
static const struct text *choose_form(struct bench *b, struct text *t, const struct body *body)
{
    bool gzip = body->gzip.len > 0 && random_chance(&b->random, 75);
    bool chunked = body->chunked.len > 0 && random_chance(&b->random, 40);
    text_format(t, "Content-Type: %s\r\n", body->type);
    if (gzip) {
        text_format(t, "Content-Encoding: gzip\r\nVary: Accept-Encoding\r\n");
        b->tally.gzip_bodies++;
        b->tally.gzip_bytes += body->gzip.len;
        b->tally.inflated_bytes += body->plain.len;
    }
    if (chunked) {
        text_format(t, "Transfer-Encoding: chunked\r\n\r\n");
        return gzip ? &body->chunked_gzip : &body->chunked;
    }
    const struct text *form = gzip ? &body->gzip : &body->plain;
    text_format(t, "Content-Length: %zu\r\n\r\n", form->len);
    return form;
}

static void make_response(struct bench *b, struct conversation *c)
{
    struct random *r = &b->random;
    struct text *t = &c->message.head;
    enum exchange e = c->waiting[c->answered++];
    c->message.side = SERVER;
    b->tally.responses++;
    const char *status = e == GET_REDIRECT       ? "302 Found"
                         : e == GET_NOT_MODIFIED ? "304 Not Modified"
                         : e == POST_FORM        ? "303 See Other"
                                                 : "200 OK";
    text_format(t, "HTTP/1.1 %s\r\nServer: %s\r\nDate: Thu, 01 Jan 2026 00:%02u:%02u GMT\r\n",
                status, servers[c->host % ARRAY_LEN(servers)], random_below(r, 60),
                random_below(r, 60));
    text_format(t, "Cache-Control: max-age=%u\r\nETag: \"", random_below(r, 86400));
    text_hex(t, r, 16);
    text_format(t, "\"\r\nX-Frame-Options: SAMEORIGIN\r\nX-Content-Type-Options: nosniff\r\n");
    if (e == GET_NOT_MODIFIED) {
        text_format(t, "\r\n");
        return;
    }
    if (e == GET_REDIRECT || e == POST_FORM) {
        text_format(t, "Location: https://www%u.example.com/%s\r\nContent-Length: 0\r\n\r\n",
                    c->host, random_word(r));
        return;
    }
    c->message.body = choose_form(b, t, corpus_pick(&b->corpus, r, kind_of(b, e)));
}

bool http_next(struct bench *b, struct conversation *c)
{
    c->message.head.len = 0;
    c->message.body = NULL;
    if (c->answered < c->n_waiting) {
        make_response(b, c);
        return true;
    }
    if (c->left == 0) {
        return false;
    }
    make_requests(b, c);
    return true;
}
