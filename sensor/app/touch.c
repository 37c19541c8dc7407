/* touch: the alerts of a decoy, which need no contents. */
#include "sensor/app/touch.h"

#include "sensor/app/selftest.h"

static void tell(const struct report *report, struct conn *conn, const struct signature *signature)
{
    struct tx tx = {.conn = conn, .dir = TO_SERVER};
    const struct finding finding = {
        .signature = signature,
        .dir = TO_SERVER,
        .time_us = conn->last_us,
        .clock_us = conn->clock_us,
        .number = conn->number,
    };
    report_alert(report, &tx, &finding, conn->clock_us);
}

bool touch_mark_probe(const struct decoys *decoys, const struct conn *conn, struct finding *finding)
{
    if (!conn->selftest) {
        return false;
    }
    finding->signature = &decoys_signatures(decoys)->selftest;
    finding->jndi = NULL;
    return true;
}

void touch_told(const struct decoys *decoys, const struct conn *conn)
{
    if (conn->selftest) {
        selftest_told(decoys_selftest(decoys), conn);
    }
}

void touch_flow(const struct decoys *decoys, const struct report *report, struct conn *conn)
{
    const struct decoy *decoy = decoys_touched(decoys, conn);
    if (decoy == NULL) {
        return;
    }
    struct conn_extra *extra = conn_extend(conn);
    if (extra != NULL) {
        extra->decoy = decoy; /* without memory the alerts tell less */
    }
    conn->selftest = selftest_knows(decoys_selftest(decoys), conn);
    if (conn->selftest) {
        return; /* what it sends is told, or the test fails */
    }
    const struct decoy_signatures *signatures = decoys_signatures(decoys);
    if (decoys_is_scanner(decoys, &conn->addr[TO_SERVER])) {
        tell(report, conn, &signatures->scanner);
        return;
    }
    bool inside = decoys_is_inside(decoys, &conn->addr[TO_SERVER]);
    tell(report, conn, inside ? &signatures->inside : &signatures->outside);
    if (inside) {
        tell(report, conn, &signatures->alarm);
    }
}
