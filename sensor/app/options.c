/* options: the command line, from one table that the help text is made of too.
 *
 * Short options may carry their argument in the same word (-rFILE), long ones after '='. Words that
 * follow the options are a BPF expression. An option that does not exist is answered with the
 * nearest one that does. */
#include "sensor/app/options.h"

#include "sensor/base/mem.h"
#include "sensor/base/sbuf.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

enum { QUEUES_MAX = 64 }; /* as many as there can be workers */

enum kind { KIND_LIST, KIND_TEXT, KIND_ACTION, KIND_FLAG };

struct option_row {
    char letter; /* or 0 */
    const char *name;
    const char *argument; /* or NULL */
    enum kind kind;
    size_t offset;      /* all but KIND_ACTION */
    enum action action; /* KIND_ACTION */
    const char *doc;
};

#define LIST_OF(member) KIND_LIST, offsetof(struct options, member), 0
#define TEXT_OF(member) KIND_TEXT, offsetof(struct options, member), 0
#define FLAG_OF(member) KIND_FLAG, offsetof(struct options, member), 0
#define DO(what)        KIND_ACTION, 0, what

static const struct option_row rows[] = {
    {'r', "read", "FILE|DIR|-", LIST_OF(files),
     "read captures (pcap, pcapng, also gzip, zstd or xz); may be given several times"},
    {'i', "interface", "NAME", LIST_OF(interfaces),
     "capture live from an interface; may be given several times"},
    {0, "nfqueue", "N[:M]", TEXT_OF(nfqueue),
     "inline: give verdicts on the packets of netfilter queue N, or of N to M, a worker for each"},
    {0, "bridge", "A:B", TEXT_OF(bridge), "inline: join two interfaces, and let go on what may"},
    {0, "listen", "KIND:ADDRESS:PORT[:PERSONA]", LIST_OF(listen),
     "honeypot: listen here (kinds: http, ldap, smtp, syslog, tcp; address *: all), instead of "
     "where the configuration says; may be given several times"},
    {'c', "config", "FILE", TEXT_OF(config),
     "configuration (YAML); without it the built-in defaults are used"},
    {'S', "rules", "FILE", LIST_OF(rules),
     "add a rule file to the shipped or configured ones; may be given several times"},
    {'l', "log-dir", "DIR", TEXT_OF(log_dir),
     "write eve.json, or the configured files, to this directory"},
    {'o', "output", "FILE|-|TYPE:TARGET", LIST_OF(outputs),
     "write events to this file, to standard output (-), or to a TARGET of type redis, kafka, "
     "syslog, unix_stream or unix_dgram; may be given several times"},
    {0, "exposure", "FILE|-", TEXT_OF(exposure),
     "at the end, write what was tried against which host to this file or standard output (JSON)"},
    {0, "events", "LIST", TEXT_OF(events),
     "event types to write: alert,http,smtp,dns,ldap,tls,fileinfo,flow,anomaly,drop,stats "
     "(default: all)"},
    {0, "geoip", "FILE", LIST_OF(geo),
     "a MaxMind DB with countries, cities or networks; may be given several times"},
    {'k', "checksums", "all|none|auto", TEXT_OF(checksums),
     "which packets with a wrong checksum are refused (default: auto)"},
    {0, "workers", "N", TEXT_OF(workers), "packet threads; 0: everything in one thread (default)"},
    {0, "socket", "PATH", TEXT_OF(socket),
     "take commands at this socket, as suricatasc sends them"},
    {0, "user", "NAME", TEXT_OF(user),
     "user to become once all is open (default: live capture of root becomes jndiwatch or nobody)"},
    {0, "set", "KEY=VALUE", LIST_OF(settings),
     "set one configuration key; may be given several times"},
    {'T', "test", NULL, DO(ACTION_TEST),
     "check configuration, rules, databases, inputs and output; start nothing"},
    {0, "wait", NULL, FLAG_OF(wait), "wait for interfaces that are not there, or that go away"},
    {0, "honeypot-selftest", NULL, FLAG_OF(selftest),
     "honeypot: send a probe through each listener at the start, and end when one is not seen"},
    {0, "honeypot-canaries", NULL, DO(ACTION_LIST_CANARIES),
     "honeypot: list the token of each listener, as honeypot.canaries takes them"},
    {'q', "quiet", NULL, FLAG_OF(quiet), "no progress, no sum; errors and warnings only"},
    {0, "init-errors-fatal", NULL, FLAG_OF(init_errors_fatal),
     "do not start when any rule has a mistake"},
    {0, "list-fields", NULL, DO(ACTION_LIST_FIELDS), "list the fields that rules and events name"},
    {0, "list-rules", NULL, DO(ACTION_LIST_RULES), "list the rules that would be loaded"},
    {0, "list-keys", NULL, DO(ACTION_LIST_KEYS),
     "list the configuration keys, their types, ranges and defaults"},
    {0, "build-info", NULL, DO(ACTION_BUILD_INFO), "say what this program was built with"},
    {'V', "version", NULL, DO(ACTION_VERSION), "print the version"},
    {'h', "help", NULL, DO(ACTION_HELP), "print this text"},
};

void options_help(void)
{
    printf("Usage: jndiwatch -r FILE|DIR|- [OPTION…] [BPF EXPRESSION]\n"
           "       jndiwatch -i NAME [OPTION…] [BPF EXPRESSION]\n"
           "       jndiwatch --nfqueue N[:M] | --bridge A:B [OPTION…]\n"
           "       jndiwatch honeypot [--listen KIND:ADDRESS:PORT]… [OPTION…]\n"
           "       jndiwatch explain [TEXT…]   (explain --help says more)\n\n"
           "Finds ${jndi:…} attacks in HTTP and SMTP, evaluates what Log4j would have asked, and "
           "writes EVE JSON.\n\n");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char left[48];
        char letter[5] = "    ";
        if (rows[i].letter != 0) {
            (void)snprintf(letter, sizeof(letter), "-%c, ", rows[i].letter);
        }
        (void)snprintf(left, sizeof(left), "%s--%s%s%s", letter, rows[i].name,
                       rows[i].argument != NULL ? " " : "",
                       rows[i].argument != NULL ? rows[i].argument : "");
        printf("  %-30s %s\n", left, rows[i].doc);
    }
    printf(
        "\nSIGINT and SIGTERM end with everything written; SIGHUP opens the output anew; SIGUSR2 "
        "reads rules and geo databases anew.\n"
        "Exit codes: 0 all was read and written; 1 an input could not be read to its end; 2 "
        "usage, configuration, rules or\n"
        "databases are wrong; 3 output was lost; 4 capture could not be started, or ended by "
        "itself.\n");
}

static const struct option_row *by_letter(char letter)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (rows[i].letter == letter && letter != 0) {
            return &rows[i];
        }
    }
    return NULL;
}

static const struct option_row *by_name(struct span name)
{
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        if (span_equal(span_str(rows[i].name), name)) {
            return &rows[i];
        }
    }
    return NULL;
}

static void unknown(const char *word, struct errbuf *err)
{
    const char *names[ARRAY_LEN(rows)];
    char text[48];
    struct span name = span_str(word);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        names[i] = rows[i].name;
    }
    while (span_at(name, 0) == '-') {
        name = span_from(name, 1);
    }
    name = span_head(name, span_find_byte(name, 0, '='));
    const struct option_row *row = by_letter((char)span_at(name, 0));
    const char *near = config_suggest(name, names, ARRAY_LEN(rows));
    if (near != NULL) {
        (void)snprintf(text, sizeof(text), "--%s", near);
    } else if (row != NULL) {
        (void)snprintf(text, sizeof(text), "-%c", row->letter);
    } else {
        errbuf_add(err, "unknown option '%s'; --help lists all", word);
        return;
    }
    errbuf_add(err, "unknown option '%s' (did you mean '%s'?)", word, text);
}

static void set_option(struct options *o, const struct option_row *row, const char *argument,
                       struct errbuf *err)
{
    char *base = (char *)o;
    switch (row->kind) {
    case KIND_LIST:
        if (config_append((struct config_list *)(void *)(base + row->offset), span_str(argument)) !=
            0) {
            errbuf_add(err, "out of memory");
        }
        break;
    case KIND_TEXT: {
        const char **text = (const char **)(void *)(base + row->offset);
        if (*text != NULL) {
            errbuf_add(err, "option '--%s' is given twice", row->name);
        }
        *text = argument;
        break;
    }
    case KIND_ACTION:
        /* -T goes with everything else; of the others the first counts. */
        o->action = o->action == ACTION_RUN || o->action == ACTION_TEST ? row->action : o->action;
        break;
    case KIND_FLAG:
        *(bool *)(void *)(base + row->offset) = true;
        break;
    }
}

struct words {
    char **argv;
    int argc;
    int at;
};

/* The argument of an option: the rest of its word, or the next word. */
static bool take_argument(struct words *w, const struct option_row *row, const char *rest,
                          const char **ret, struct errbuf *err)
{
    *ret = rest;
    if (row->argument == NULL) {
        if (rest != NULL) {
            errbuf_add(err, "option '--%s' takes no argument", row->name);
        }
        return rest == NULL;
    }
    if (rest == NULL && w->at < w->argc) {
        *ret = w->argv[w->at++];
    }
    if (*ret == NULL) {
        errbuf_add(err, "option '--%s' needs an argument: %s", row->name, row->argument);
    }
    return *ret != NULL;
}

static void parse_long(struct options *o, struct words *w, const char *word, struct errbuf *err)
{
    struct span name = span_str(word + 2);
    size_t sign = span_find_byte(name, 0, '=');
    const char *rest = sign == SPAN_NONE ? NULL : word + 2 + sign + 1;
    const struct option_row *row = by_name(span_head(name, sign));
    const char *argument;
    if (row == NULL) {
        unknown(word, err);
    } else if (take_argument(w, row, rest, &argument, err)) {
        set_option(o, row, argument, err);
    }
}

static void parse_short(struct options *o, struct words *w, const char *word, struct errbuf *err)
{
    for (const char *at = word + 1; *at != '\0'; at++) {
        const struct option_row *row = by_letter(*at);
        const char *argument;
        if (row == NULL) {
            unknown(word, err);
            return;
        }
        bool has_argument = row->argument != NULL;
        if (take_argument(w, row, has_argument && at[1] != '\0' ? at + 1 : NULL, &argument, err)) {
            set_option(o, row, argument, err);
        }
        if (has_argument) {
            return;
        }
    }
}

static int join_filter(struct options *o, const struct words *w)
{
    struct sbuf text = sbuf_with_cap(64 * 1024);
    for (int i = w->at; i < w->argc; i++) {
        sbuf_add_str(&text, i > w->at ? " " : "");
        sbuf_add_str(&text, w->argv[i]);
    }
    if (text.len > 0) {
        sbuf_add_byte(&text, '\0');
        o->filter = (char *)text.data; /* the buffer's memory is now the options' */
    }
    return text.cut ? -E2BIG : 0;
}

bool options_queues(const char *text, uint16_t *ret_first, uint16_t *ret_last)
{
    struct span all = span_str(text);
    size_t colon = span_find_byte(all, 0, ':');
    uint64_t first = 0;
    uint64_t last = 0;
    if (!span_to_u64(span_head(all, colon), &first)) {
        return false;
    }
    last = first;
    if (colon != SPAN_NONE && !span_to_u64(span_from(all, colon + 1), &last)) {
        return false;
    }
    if (first > last || last > UINT16_MAX || last - first >= QUEUES_MAX) {
        return false;
    }
    *ret_first = (uint16_t)first;
    *ret_last = (uint16_t)last;
    return true;
}

bool options_bridge(const char *text, char *ret_a, char *ret_b, size_t size)
{
    struct span all = span_str(text);
    size_t colon = span_find_byte(all, 0, ':');
    struct span a = span_head(all, colon);
    struct span b = colon != SPAN_NONE ? span_from(all, colon + 1) : span_of(NULL, 0);
    if (a.len == 0 || b.len == 0 || a.len >= size || b.len >= size || span_equal(a, b)) {
        return false;
    }
    (void)snprintf(ret_a, size, "%.*s", (int)a.len, (const char *)a.data);
    (void)snprintf(ret_b, size, "%.*s", (int)b.len, (const char *)b.data);
    return true;
}

static void check_inline(const struct options *o, struct errbuf *err)
{
    uint16_t first;
    uint16_t last;
    char a[64];
    char b[64];
    if (o->nfqueue != NULL && !options_queues(o->nfqueue, &first, &last)) {
        errbuf_add(err, "--nfqueue: '%s' is no queue number N, or range N:M of at most %d",
                   o->nfqueue, QUEUES_MAX);
    }
    if (o->bridge != NULL && !options_bridge(o->bridge, a, b, sizeof(a))) {
        errbuf_add(err, "--bridge: '%s' is not two interfaces A:B", o->bridge);
    }
    if ((o->nfqueue != NULL || o->bridge != NULL) && o->filter != NULL) {
        errbuf_add(err, "a filter expression does not go with --nfqueue and --bridge: what it "
                        "leaves out would not go on");
    }
}

static void check_honeypot(const struct options *o, size_t n_kinds, struct errbuf *err)
{
    if (o->honeypot && n_kinds > 1) {
        errbuf_add(err, "honeypot does not go with -r, -i, --nfqueue and --bridge");
    }
    if (o->honeypot && o->filter != NULL) {
        errbuf_add(err, "a filter expression does not go with honeypot; '%s' is no option",
                   o->filter);
    }
    if (!o->honeypot && o->selftest) {
        errbuf_add(err, "--honeypot-selftest goes with honeypot: jndiwatch honeypot "
                        "--honeypot-selftest");
    }
    if (!o->honeypot && o->action == ACTION_LIST_CANARIES) {
        errbuf_add(err, "--honeypot-canaries goes with honeypot: jndiwatch honeypot "
                        "--honeypot-canaries");
    }
    if (!o->honeypot && o->listen.n > 0) {
        errbuf_add(err, "--listen goes with honeypot: jndiwatch honeypot --listen %s",
                   o->listen.items[0]);
    }
}

static void check(const struct options *o, struct errbuf *err)
{
    const bool kinds[] = {o->files.n > 0, o->interfaces.n > 0, o->nfqueue != NULL,
                          o->bridge != NULL, o->honeypot};
    size_t n_kinds = 0;
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
        n_kinds += kinds[i];
    }
    if (o->files.n > 0 && o->interfaces.n > 0) {
        errbuf_add(err, "-r and -i exclude each other");
    } else if (n_kinds > 1 && !o->honeypot) {
        errbuf_add(err, "-r, -i, --nfqueue and --bridge exclude each other");
    }
    check_inline(o, err);
    check_honeypot(o, n_kinds, err);
    if (errbuf_is_empty(err) && o->action == ACTION_RUN && n_kinds == 0) {
        errbuf_add(err, "nothing to read: give -r FILE or -i INTERFACE; --help lists all options");
    }
}

int options_parse(int argc, char **argv, struct options *ret_options, struct errbuf *err)
{
    struct words w = {.argv = argv, .argc = argc, .at = 1};
    *ret_options = (struct options){.action = ACTION_RUN};
    if (argc > 1 && strcmp(argv[1], "honeypot") == 0) {
        ret_options->honeypot = true;
        w.at++;
    }
    while (w.at < argc) {
        const char *word = argv[w.at];
        if (word[0] != '-' || word[1] == '\0') {
            break;
        }
        w.at++;
        if (strcmp(word, "--") == 0) {
            break;
        }
        if (word[1] == '-') {
            parse_long(ret_options, &w, word, err);
        } else {
            parse_short(ret_options, &w, word, err);
        }
    }
    if (join_filter(ret_options, &w) != 0) {
        errbuf_add(err, "the filter expression is too long");
    }
    check(ret_options, err);
    return errbuf_is_empty(err) ? 0 : -EINVAL;
}

void options_free(struct options *o)
{
    struct config_list *lists[] = {&o->files,    &o->interfaces, &o->rules, &o->geo,
                                   &o->settings, &o->outputs,    &o->listen};
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        config_list_free(lists[i]);
    }
    mem_free(o->filter);
    *o = (struct options){0};
}
