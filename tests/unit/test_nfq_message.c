/* Tests of what the kernel says of queued packets: messages as linux/netfilter/nfnetlink_queue.h
 * and netlink(7) lay them out. */
#include "sensor/base/bytes.h"
#include "sensor/capture/nfq_message.h"
#include "tests/unit/frame.h"
#include "tests/unit/runner.h"

#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <linux/netlink.h>

static void put_native16(struct frame *f, uint16_t value)
{
    put(f, span_of(&value, sizeof(value)));
}

static void put_native32(struct frame *f, uint32_t value)
{
    put(f, span_of(&value, sizeof(value)));
}

static size_t begin_message(struct frame *f, uint16_t type)
{
    size_t at = f->len;
    put_native32(f, 0);
    put_native16(f, type);
    put_native16(f, 0);
    put_native32(f, 0);
    put_native32(f, 0);
    return at;
}

static void end_message(struct frame *f, size_t at)
{
    uint32_t len = (uint32_t)(f->len - at);
    bytes_copy(f->bytes + at, &len, sizeof(len));
}

static void put_attribute(struct frame *f, uint16_t type, struct span value)
{
    put_native16(f, (uint16_t)(4 + value.len));
    put_native16(f, type);
    put(f, value);
    while (f->len % 4 != 0) {
        put8(f, 0);
    }
}

static size_t begin_packet(struct frame *f, unsigned queue)
{
    size_t at = begin_message(f, NFNL_SUBSYS_QUEUE << 8 | NFQNL_MSG_PACKET);
    put8(f, 2); /* AF_INET */
    put8(f, NFNETLINK_V0);
    put16(f, queue);
    return at;
}

static void a_packet_is_read_with_its_queue_id_and_interface(void)
{
    struct frame f = {.len = 0};
    struct nfq_message m;
    size_t at = begin_packet(&f, 7);
    put_attribute(&f, NFQA_PACKET_HDR, SPAN("\0\0\1\2\x08\0\3"));
    put_attribute(&f, NFQA_IFINDEX_INDEV, SPAN("\0\0\0\5"));
    put_attribute(&f, NFQA_IFINDEX_OUTDEV, SPAN("\0\0\0\6"));
    put_attribute(&f, 999, SPAN("whatever"));
    put_attribute(&f, NFQA_CAP_LEN, SPAN("\0\0\x27\x10"));
    put_attribute(&f, NFQA_PAYLOAD, SPAN("payload"));
    end_message(&f, at);
    struct span rest = frame_span(&f);
    CU_ASSERT_TRUE_FATAL(nfq_next(&rest, &m));
    CU_ASSERT_EQUAL(m.kind, NFQ_PACKET);
    CU_ASSERT_EQUAL(m.queue, 7);
    CU_ASSERT_EQUAL(m.id, 0x102);
    CU_ASSERT_EQUAL(m.iface_in, 5);
    CU_ASSERT_EQUAL(m.iface_out, 6);
    CU_ASSERT_EQUAL(m.wire_len, 10000);
    CU_ASSERT_TRUE(span_equal(m.payload, SPAN("payload")));
    CU_ASSERT_FALSE(nfq_next(&rest, &m));
}

static void answers_and_packets_come_one_behind_the_other(void)
{
    struct frame f = {.len = 0};
    struct nfq_message m;
    size_t at = begin_message(&f, NLMSG_ERROR);
    put_native32(&f, (uint32_t)-1); /* EPERM */
    end_message(&f, at);
    at = begin_packet(&f, 0);
    put_attribute(&f, NFQA_PAYLOAD, SPAN("no id"));
    end_message(&f, at);
    at = begin_message(&f, 0x1234);
    end_message(&f, at);
    struct span rest = frame_span(&f);
    CU_ASSERT_TRUE(nfq_next(&rest, &m));
    CU_ASSERT_EQUAL(m.kind, NFQ_ANSWER);
    CU_ASSERT_EQUAL(m.error, -1);
    CU_ASSERT_TRUE(nfq_next(&rest, &m));
    CU_ASSERT_EQUAL(m.kind, NFQ_OTHER); /* no verdict could be given */
    CU_ASSERT_TRUE(nfq_next(&rest, &m));
    CU_ASSERT_EQUAL(m.kind, NFQ_OTHER);
    CU_ASSERT_FALSE(nfq_next(&rest, &m));
}

static void what_is_cut_anywhere_is_read_as_far_as_it_goes(void)
{
    struct frame f = {.len = 0};
    size_t at = begin_packet(&f, 1);
    put_attribute(&f, NFQA_PACKET_HDR, SPAN("\0\0\0\1\x08\0\3"));
    put_attribute(&f, NFQA_PAYLOAD, SPAN("payload"));
    end_message(&f, at);
    for (size_t len = 0; len < f.len; len++) {
        struct nfq_message m;
        struct span rest = span_head(frame_span(&f), len);
        CU_ASSERT_FALSE(nfq_next(&rest, &m) && m.kind == NFQ_PACKET); /* the header says more */
        CU_ASSERT_EQUAL(rest.len, 0);
    }
    f.bytes[20] = 3; /* an attribute shorter than its own header */
    struct nfq_message m;
    struct span rest = frame_span(&f);
    CU_ASSERT_TRUE(nfq_next(&rest, &m));
    CU_ASSERT_EQUAL(m.kind, NFQ_OTHER);
}

#define TEST(name)                                                                                 \
    {                                                                                              \
#name, name                                                                                \
    }

static CU_TestInfo message_tests[] = {
    TEST(a_packet_is_read_with_its_queue_id_and_interface),
    TEST(answers_and_packets_come_one_behind_the_other),
    TEST(what_is_cut_anywhere_is_read_as_far_as_it_goes),
    CU_TEST_INFO_NULL,
};

int main(void)
{
    CU_SuiteInfo suites[] = {
        {.pName = "nfq_message", .pTests = message_tests},
        CU_SUITE_INFO_NULL,
    };
    return run_suites(suites);
}
