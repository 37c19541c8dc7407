/* sink_kafka: lines as records of Kafka topics, through librdkafka.
 *
 * librdkafka has its own queue, threads and retries. It is kept on a short lead, so that every
 * record is accounted for: one block at a time is handed to it, and the next only when each record
 * of it was reported delivered or refused. It is an idempotent producer: retries make neither
 * doubles nor another order within a partition. Records do not expire in it: how long to wait is
 * the outlet's decision, which give_up() carries out. */
#include "sensor/base/mem.h"
#include "sensor/base/sbuf.h"
#include "sensor/output/outlet_line.h"
#include "sensor/output/sinks.h"

#include <errno.h>
#include <librdkafka/rdkafka.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

extern const struct sink_ops sink_kafka;

enum { WAIT_MS = 200, POLL_MS = 10, TOPIC_SIZE = 256, GIVE_UP_MS = 500 };

struct sink {
    const struct config_output *config;
    rd_kafka_t *producer;
    size_t submitted; /* records of the block that librdkafka has or had */
    size_t pending;   /* of these, not yet reported */
    size_t n_written;
    size_t n_lost;
    atomic_bool aborted;
    char why[160];
};

/* --- what librdkafka tells
 * --------------------------------------------------------------------------- */

static void note(struct sink *s, const char *text)
{
    (void)snprintf(s->why, sizeof(s->why), "%s", text);
}

/* Called from poll, on the thread that works with the sink. */
static void on_report(rd_kafka_t *producer, const rd_kafka_message_t *message, void *opaque)
{
    struct sink *s = opaque;
    (void)producer;
    s->pending--;
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        s->n_written++;
    } else {
        s->n_lost++;
        note(s, rd_kafka_err2str(message->err));
    }
}

static void on_error(rd_kafka_t *producer, int error, const char *reason, void *opaque)
{
    (void)producer;
    (void)error;
    note(opaque, reason);
}

static void on_log(const rd_kafka_t *producer, int level, const char *facility, const char *text)
{
    (void)producer;
    (void)level;
    (void)facility;
    (void)text; /* what concerns the operator comes as an error */
}

/* --- configuration
 * -------------------------------------------------------------------------------------- */

struct setting {
    const char *name;
    const char *value;
};

static bool set(rd_kafka_conf_t *conf, const struct setting *setting, struct errbuf *err)
{
    char text[256];
    if (rd_kafka_conf_set(conf, setting->name, setting->value, text, sizeof(text)) !=
        RD_KAFKA_CONF_OK) {
        errbuf_add(err, "kafka: %s: %s", setting->name, text);
        return false;
    }
    return true;
}

static bool set_given(rd_kafka_conf_t *conf, const char *text, struct errbuf *err)
{
    char name[128];
    struct span whole = span_str(text);
    size_t sign = span_find_byte(whole, 0, '=');
    if (sign == SPAN_NONE || sign >= sizeof(name)) {
        errbuf_add(err, "kafka.settings: '%s' is not NAME=VALUE", text);
        return false;
    }
    (void)snprintf(name, sizeof(name), "%.*s", (int)sign, text);
    return set(conf, &(struct setting){name, &text[sign + 1]}, err);
}

/* NULL, and a line for each mistake, when there is one. */
static rd_kafka_conf_t *make_conf(const struct config_output *c, struct errbuf *err)
{
    char kbytes[24];
    (void)snprintf(kbytes, sizeof(kbytes), "%llu", (unsigned long long)(c->queue / 1024));
    const struct setting settings[] = {
        {"bootstrap.servers", c->target},
        {"client.id", c->kafka_client_id},
        {"compression.codec", c->kafka_compression},
        {"queue.buffering.max.kbytes", kbytes},
        {"enable.idempotence", "true"},
        {"message.timeout.ms", "0"},
        {"linger.ms", "5"},
        {"reconnect.backoff.max.ms", "1000"},
    };
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    bool good = true;
    for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
        good = (settings[i].value[0] == '\0' || set(conf, &settings[i], err)) && good;
    }
    for (size_t i = 0; i < c->kafka_settings.n; i++) {
        good = set_given(conf, c->kafka_settings.items[i], err) && good;
    }
    if (!good) {
        rd_kafka_conf_destroy(conf);
        return NULL;
    }
    rd_kafka_conf_set_dr_msg_cb(conf, on_report);
    rd_kafka_conf_set_error_cb(conf, on_error);
    rd_kafka_conf_set_log_cb(conf, on_log);
    return conf;
}

static bool makes_brokers(const struct config_output *c)
{
    for (size_t i = 0; i < c->kafka_settings.n; i++) {
        if (span_starts(span_str(c->kafka_settings.items[i]), SPAN("test.mock.num.brokers="))) {
            return true;
        }
    }
    return false;
}

static int kafka_check(const struct config_output *config, struct errbuf *err)
{
    if (config->target[0] == '\0' && !makes_brokers(config)) {
        errbuf_add(err, "an output of type kafka needs a target: its brokers, HOST:PORT,…");
        return -EINVAL;
    }
    if (config->kafka_topic[0] == '\0') {
        errbuf_add(err, "kafka.topic is empty");
        return -EINVAL;
    }
    rd_kafka_conf_t *conf = make_conf(config, err);
    if (conf == NULL) {
        return -EINVAL;
    }
    rd_kafka_conf_destroy(conf);
    return 0;
}

static unsigned kafka_needs(const struct config_output *config)
{
    (void)config;
    return SINK_CONNECT | SINK_THREADS;
}

static void kafka_close(struct sink **s)
{
    if (*s == NULL) {
        return;
    }
    if ((*s)->producer != NULL) {
        rd_kafka_destroy((*s)->producer);
    }
    mem_free(*s);
    *s = NULL;
}

static int kafka_open(const struct sink_options *options, struct sink **ret_sink,
                      struct errbuf *err)
{
    char text[256];
    int rc = kafka_check(options->config, err);
    struct sink *s = rc == 0 ? mem_alloc(sizeof(*s)) : NULL;
    if (s == NULL) {
        return rc != 0 ? rc : -ENOMEM;
    }
    s->config = options->config;
    rd_kafka_conf_t *conf = make_conf(options->config, err);
    if (conf != NULL) {
        rd_kafka_conf_set_opaque(conf, s);
        s->producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof(text));
    }
    if (s->producer == NULL) {
        if (conf != NULL) {
            errbuf_add(err, "kafka: %s", text);
            rd_kafka_conf_destroy(conf);
        }
        kafka_close(&s);
        return -EINVAL;
    }
    *ret_sink = s;
    return 0;
}

/* --- records
 * -------------------------------------------------------------------------------------------- */

static struct span key_of(const struct config_output *c, struct span line)
{
    if (strcmp(c->kafka_partition_by, "source") == 0) {
        return line_value(line, SPAN("\"src_ip\":\""));
    }
    if (strcmp(c->kafka_partition_by, "flow") == 0) {
        return line_value(line, SPAN("\"flow_id\":"));
    }
    return span_of(NULL, 0);
}

static void name_topic(const struct config_output *c, struct span line, char ret_topic[TOPIC_SIZE])
{
    struct span type = line_value(line, SPAN("\"event_type\":\""));
    struct span pattern = span_str(c->kafka_topic);
    size_t at = span_find(pattern, 0, SPAN("%e"));
    if (at == SPAN_NONE) {
        (void)snprintf(ret_topic, TOPIC_SIZE, "%s", c->kafka_topic);
        return;
    }
    (void)snprintf(ret_topic, TOPIC_SIZE, "%.*s%.*s%s", (int)at, c->kafka_topic, (int)type.len,
                   (const char *)type.data, &c->kafka_topic[at + 2]);
}

static rd_kafka_resp_err_t produce(struct sink *s, struct span line)
{
    char topic[TOPIC_SIZE];
    struct span key = key_of(s->config, line);
    name_topic(s->config, line, topic);
    rd_kafka_vu_t words[] = {
        {.vtype = RD_KAFKA_VTYPE_TOPIC, .u.cstr = topic},
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
        {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {(void *)(uintptr_t)line.data, line.len}},
        {.vtype = RD_KAFKA_VTYPE_KEY, .u.mem = {(void *)(uintptr_t)key.data, key.len}},
    };
    rd_kafka_error_t *error = rd_kafka_produceva(s->producer, words, ARRAY_LEN(words));
    rd_kafka_resp_err_t code =
        error == NULL ? RD_KAFKA_RESP_ERR_NO_ERROR : rd_kafka_error_code(error);
    if (error != NULL) {
        note(s, rd_kafka_error_string(error));
        rd_kafka_error_destroy(error);
    }
    return code;
}

/* Hands over the records that librdkafka has not yet. false when its queue is full. */
static bool submit(struct sink *s, const struct sink_block *block)
{
    struct span rest = block->lines;
    for (size_t i = 0; i < block->n_lines; i++) {
        struct span line = span_split(&rest, '\n');
        if (i < s->submitted) {
            continue;
        }
        rd_kafka_resp_err_t code = produce(s, line);
        if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL) {
            return false;
        }
        s->submitted++;
        s->pending += code == RD_KAFKA_RESP_ERR_NO_ERROR;
        s->n_lost += code != RD_KAFKA_RESP_ERR_NO_ERROR;
    }
    return true;
}

static void settle(struct sink *s)
{
    s->submitted = 0;
    s->n_written = 0;
    s->n_lost = 0;
}

static int kafka_write(struct sink *s, const struct sink_block *block,
                       struct sink_result *ret_result)
{
    bool all = false;
    for (int waited = 0; waited < WAIT_MS && !(all && s->pending == 0); waited += POLL_MS) {
        if (atomic_load(&s->aborted)) {
            return -ECONNABORTED;
        }
        all = submit(s, block);
        (void)rd_kafka_poll(s->producer, all && s->pending == 0 ? 0 : POLL_MS);
    }
    if (!all || s->pending > 0) {
        return -EAGAIN;
    }
    ret_result->n_written = s->n_written;
    ret_result->n_lost = s->n_lost;
    settle(s);
    return ret_result->n_lost > 0 ? -EIO : 0;
}

static size_t kafka_give_up(struct sink *s)
{
    (void)rd_kafka_purge(s->producer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    for (int waited = 0; waited < GIVE_UP_MS && s->pending > 0; waited += POLL_MS) {
        (void)rd_kafka_poll(s->producer, POLL_MS);
    }
    size_t n_written = s->n_written;
    s->pending = 0;
    settle(s);
    return n_written;
}

static int kafka_flush(struct sink *s)
{
    (void)rd_kafka_poll(s->producer, 0);
    return 0;
}

static int kafka_reopen(struct sink *s, struct errbuf *err)
{
    (void)s;
    (void)err;
    return 0;
}

static const char *kafka_why(const struct sink *s)
{
    return s->why[0] != '\0' ? s->why : NULL;
}

static void kafka_abort(struct sink *s)
{
    atomic_store(&s->aborted, true);
}

const struct sink_ops sink_kafka = {
    .name = "kafka",
    .needs = kafka_needs,
    .check = kafka_check,
    .open = kafka_open,
    .write = kafka_write,
    .give_up = kafka_give_up,
    .flush = kafka_flush,
    .reopen = kafka_reopen,
    .why = kafka_why,
    .abort = kafka_abort,
    .close = kafka_close,
};
