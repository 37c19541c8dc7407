/* fuzz_enrich: what proxies, mail relays and an operator's file of networks may say.
 *
 * The first byte says what the rest is. Whoever is found has an address, and was vouched for; what
 * is read of a file is complete, and what is refused is complained of. */
#include "sensor/enrich/assets.h"
#include "sensor/enrich/client.h"
#include "sensor/enrich/client_mail.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_address(const struct addr *a)
{
    return a->family == 4 || a->family == 6;
}

static void mail(struct span input)
{
    struct addr got = {0};
    CHECK(!received_from(input, &got) || is_address(&got));
    CHECK(!xclient_addr(input, &got) || is_address(&got));
}

/* From a proxy that is trusted, as is each address that begins with an even byte. */
static void headers(struct span input, enum field_id id, struct span name)
{
    struct client_policy *policy = NULL;
    struct errbuf err = {0};
    struct client client = {0};
    char *nets[] = {(char[]){"0.0.0.0/1"}, (char[]){"2000::/4"}};
    char *names[] = {(char[]){"x-forwarded-for"}, (char[]){"forwarded"},
                     (char[]){"true-client-ip"}};
    const struct config_list trusted = {nets, ARRAY_LEN(nets)};
    const struct config_list known = {names, ARRAY_LEN(names)};
    CHECK(client_policy_new(&trusted, &known, &policy, &err) == 0);
    struct conn conn = {.addr[TO_SERVER] = addr_v4(SPAN("\x0a\x00\x00\x01"))};
    struct span rest = input;
    struct kept_field lines[] = {
        {.id = (uint16_t)id, .item = name, .value = span_split(&rest, '\n')},
        {.id = (uint16_t)id, .item = name, .value = rest},
    };
    lines[0].next = &lines[1];
    const struct tx tx = {.conn = &conn, .kept = &lines[0]};
    if (client_find(policy, &tx, &client)) {
        CHECK(is_address(&client.addr) && client.from != NULL && client.trusted_hops > 0);
    }
    client_policy_free(&policy);
}

static void assets(struct span input)
{
    struct assets *a = NULL;
    struct errbuf err = {0};
    char path[64];
    int fd = memfd_create("assets", MFD_CLOEXEC);
    CHECK(fd >= 0 && write(fd, input.data, input.len) == (ssize_t)input.len);
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    bool good = assets_read(path, &a, &err) == 0;
    (void)close(fd);
    CHECK(good == errbuf_is_empty(&err));
    for (size_t i = 0; good && i + 16 <= input.len; i++) {
        struct addr at = addr_v6(span_sub(input, i, 16));
        const struct asset *found = assets_find(a, &at);
        CHECK(found == NULL || found->name[0] != '\0');
        at = addr_v4(span_sub(input, i, 4));
        found = assets_find(a, &at);
        CHECK(found == NULL || found->name[0] != '\0');
    }
    errbuf_free(&err);
    assets_free(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span input = span_of(data, size);
    unsigned first = span_at(input, 0);
    input = span_from(input, 1);
    switch (first % 6) {
    case 0:
        mail(input);
        break;
    case 1:
        assets(input);
        break;
    case 2:
        headers(input, FIELD_HTTP_REQUEST_HEADER, SPAN("x-forwarded-for"));
        break;
    case 3:
        headers(input, FIELD_HTTP_REQUEST_HEADER, SPAN("forwarded"));
        break;
    case 4:
        headers(input, FIELD_HTTP_REQUEST_HEADER, SPAN("true-client-ip"));
        break;
    default:
        headers(input, FIELD_EMAIL_RECEIVED, SPAN(""));
        break;
    }
    return 0;
}
