/* Brokers of Kafka on loopback, as librdkafka mocks them.
 *
 * usage: kafka_brokers TOPIC…
 * Prints their addresses, then obeys a line of standard input each: "down" and "up" (all brokers),
 * "dump" (prints every record as "TOPIC PARTITION KEY VALUE"); each is answered with "done". */
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdio.h>
#include <string.h>

enum { BROKERS = 2, PARTITIONS = 2, WAIT_MS = 10000 };

static rd_kafka_t *consumer_of(const char *brokers)
{
    char text[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    const char *const settings[][2] = {{"bootstrap.servers", brokers},
                                       {"group.id", "test"},
                                       {"enable.auto.commit", "false"},
                                       {"enable.partition.eof", "true"}};
    for (size_t i = 0; i < 4; i++) {
        if (rd_kafka_conf_set(conf, settings[i][0], settings[i][1], text, sizeof(text)) !=
            RD_KAFKA_CONF_OK) {
            return NULL;
        }
    }
    return rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof(text));
}

static void print_record(const rd_kafka_message_t *m)
{
    printf("%s %d %.*s %.*s\n", rd_kafka_topic_name(m->rkt), (int)m->partition, (int)m->key_len,
           m->key != NULL ? (const char *)m->key : "", (int)m->len, (const char *)m->payload);
}

static void dump(const char *brokers, char **topics, int n_topics)
{
    rd_kafka_t *consumer = consumer_of(brokers);
    rd_kafka_topic_partition_list_t *all = rd_kafka_topic_partition_list_new(8);
    int n_open = n_topics * PARTITIONS;
    for (int i = 0; i < n_topics * PARTITIONS; i++) {
        rd_kafka_topic_partition_list_add(all, topics[i / PARTITIONS], i % PARTITIONS)->offset =
            RD_KAFKA_OFFSET_BEGINNING;
    }
    rd_kafka_assign(consumer, all);
    while (n_open > 0) {
        rd_kafka_message_t *m = rd_kafka_consumer_poll(consumer, WAIT_MS);
        if (m == NULL) {
            break;
        }
        if (m->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
            print_record(m);
        }
        n_open -= m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF;
        rd_kafka_message_destroy(m);
    }
    rd_kafka_topic_partition_list_destroy(all);
    rd_kafka_consumer_close(consumer);
    rd_kafka_destroy(consumer);
}

int main(int argc, char **argv)
{
    char text[256];
    char line[64];
    rd_kafka_t *host = rd_kafka_new(RD_KAFKA_PRODUCER, rd_kafka_conf_new(), text, sizeof(text));
    rd_kafka_mock_cluster_t *cluster =
        host != NULL ? rd_kafka_mock_cluster_new(host, BROKERS) : NULL;
    if (cluster == NULL) {
        fprintf(stderr, "kafka_brokers: %s\n", text);
        return 1;
    }
    for (int i = 1; i < argc; i++) {
        rd_kafka_mock_topic_create(cluster, argv[i], PARTITIONS, 1);
    }
    printf("%s\n", rd_kafka_mock_cluster_bootstraps(cluster));
    fflush(stdout);
    while (fgets(line, sizeof(line), stdin) != NULL) {
        for (int i = 1; i <= BROKERS; i++) {
            if (strcmp(line, "down\n") == 0) {
                rd_kafka_mock_broker_set_down(cluster, i);
            } else if (strcmp(line, "up\n") == 0) {
                rd_kafka_mock_broker_set_up(cluster, i);
            }
        }
        if (strcmp(line, "dump\n") == 0) {
            dump(rd_kafka_mock_cluster_bootstraps(cluster), argv + 1, argc - 1);
        }
        printf("done\n");
        fflush(stdout);
    }
    rd_kafka_mock_cluster_destroy(cluster);
    rd_kafka_destroy(host);
    return 0;
}
