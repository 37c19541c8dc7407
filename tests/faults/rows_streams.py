"""What an attacker, or a span port, does to TCP: each test is one way in which the sensor and the
server could come to read different bytes."""

import functools

import flows
import frames
from frames import ACK, PSH, URG
from flows import Talk, lookup, request, response
from harness import demand, of_type, parse, urls
import laws
import packets
from rows_capture import callbacks
import run

DATA = PSH | ACK


def attack(name, url="/a"):
    """A request whose User-Agent is a look-up."""
    return request(url, [(b"User-Agent", lookup(name))])


def harmless(name, filler=b"x"):
    """The same request with as many letters in place of the look-up."""
    return attack(name).replace(lookup(name), filler * len(lookup(name)))


@functools.lru_cache(maxsize=1)
def schema():
    """Tells how an event breaks EVE's schema; None where that is not at hand."""
    return run.schema_check()


def replay(lab, capture, *more):
    """The events of a capture, given as bytes. They break no law, and not the schema."""
    path = lab.write("one.pcap", capture)
    ended = lab.run("-r", path, "-o", "-", *more)
    demand(ended.code == 0, ended.told())
    events = parse(ended.out)
    broken = laws.broken(events, packets.count(path))
    if schema() is not None:
        broken += [text for event in events for text in schema()(event)]
    demand(not broken, "; ".join(broken[:3]))
    return events


def play(lab, parts, *more):
    """The events of these segments."""
    parts = getattr(parts, "parts", parts)
    return replay(lab, flows.pcap([frames.build(part) for part in parts]), *more)


def anomalies(events):
    return {event["anomaly"]["event"] for event in of_type(events, "anomaly")}


def expect_told(events, wanted_urls, names, wanted_anomalies=None):
    """Exactly these requests, alerts about exactly these look-ups, and exactly these anomalies."""
    demand(urls(events) == wanted_urls, f"requests {urls(events)}, sent were {wanted_urls}")
    found, sent = sorted(callbacks(events), key=str), sorted(f"/{name}" for name in names)
    demand(found == sent, f"look-ups {found}, sent were {sent}")
    if wanted_anomalies is not None:
        demand(anomalies(events) == set(wanted_anomalies),
               f"anomalies {anomalies(events)}, expected {wanted_anomalies}")


# --- bytes that come twice, and not alike -------------------------------------------------------


VERSIONS = {"real": attack("real"), "decoy": harmless("real"), "other": harmless("real", b"y")}


def in_place_of_each_other(order, skip=0):
    """One request sent several times under the same numbers before anybody answers. With skip the
    first bytes come last, so that all versions have to wait."""
    talk = Talk().open()
    start = talk.seq[0]
    for name in order:
        talk.seq[0] = start + skip
        talk.send(0, DATA, VERSIONS[name][skip:])
    if skip:
        talk.seq[0] = start
        talk.send(0, DATA, VERSIONS["real"][:skip])
    talk.seq[0] = start + len(VERSIONS["real"])
    return talk.server(response()).close()


def versions(*order):
    def test(lab):
        for skip in (0, 20):
            events = play(lab, in_place_of_each_other(order, skip))
            expect_told(events, ["/a"], ["real"], ["overlap_different_data"])
    return test


def small_decoys(lab):
    """Each piece of seven bytes has a decoy before it."""
    talk, start = Talk().open(), 0
    for at in range(0, len(attack("real")), 7):
        start = start or talk.seq[0]
        piece = attack("real")[at:at + 7]
        for content in (b"z" * len(piece), piece):
            talk.seq[0] = start + at
            talk.send(0, DATA, content)
    events = play(lab, talk.server(response()).close())
    demand(callbacks(events) == ["/real"], f"look-ups {callbacks(events)}")
    demand("overlap_different_data" in anomalies(events), "nothing was said of the decoys")


def repetition(lab):
    """The same bytes again are no event of their own."""
    talk = Talk().open().client(attack("once"))
    talk.parts.insert(-1, talk.parts[-2])
    expect_told(play(lab, talk.server(response()).close()), ["/a"], ["once"], [])


def acknowledged_bytes_again(lab):
    """What was acknowledged a receiver ignores when it comes again."""
    talk = Talk().open().client(attack("one"))
    sent = talk.parts[-2]
    talk.parts.append(sent.with_(payload=sent.payload.replace(b"one", b"two")))
    expect_told(play(lab, talk.server(response()).close()), ["/a"], ["one"])


# --- urgent data --------------------------------------------------------------------------------


def urgent(inline):
    """One byte of a look-up is urgent. Most receivers take it out of the stream."""
    def test(lab):
        name = lookup("urgent")
        agent = name if inline else name[:5] + b"Z" + name[5:]
        content = request("/a", [(b"User-Agent", agent)])
        talk = Talk().open().send(0, DATA | URG, content)
        talk.parts[-1] = talk.parts[-1].with_(urgent=content.index(agent) + 6)
        expect_told(play(lab, talk.server(response()).close()), ["/a"], ["urgent"], [])
    return test


def side_by_side(isn, handshake):
    """Two conversations on the same addresses and ports, their segments in turn."""
    def test(lab):
        talks = [Talk(isn=numbers).open().client(attack(name, "/" + name)).server(response())
                 .client(attack(name + "-2", "/" + name + "-2")).server(response())
                 for name, numbers in (("one", (1000, 900000)), ("two", isn))]
        first, second = [[part for part in talk.parts if handshake or not part.flags & frames.SYN]
                         for talk in talks]
        at = 0 if handshake else 5  # both ways of the first are known by then
        parts = first[:at]
        for pair in zip(first[at:], second):
            parts += pair
        events = play(lab, parts + second[len(first) - at:])
        wanted = ["/one", "/one-2", "/two", "/two-2"]
        demand(sorted(urls(events)) == wanted, f"requests {urls(events)}")
        demand(sorted(callbacks(events)) == wanted, f"look-ups {callbacks(events)}")
    return test


def handfuls(first, second, n):
    """n of the one, n of the other, and so on, a millisecond apart."""
    made = []
    while first or second:
        made += first[:n] + second[:n]
        first, second = first[n:], second[n:]
    return [part.with_(time_us=flows.START_US + i * 1000) for i, part in enumerate(made)]


SEEN = {
    "all": lambda part: True,
    "clients": lambda part: part.target == flows.SERVER[1],
    "payload": lambda part: part.payload,
}


def taken_up_together(isn, seen, begun, n):
    """Two conversations on the same addresses and ports, neither of whose start was seen: the
    second one comes when no more than `begun` segments of the first have been seen."""
    def test(lab):
        talks = [Talk(isn=numbers).open().client(attack(name, "/" + name)).server(response())
                 .client(attack(name + "-2", "/" + name + "-2")).server(response()).close()
                 for name, numbers in (("one", (1000, 900000)), ("two", isn))]
        first, second = [[part for part in talk.parts
                          if not part.flags & frames.SYN and SEEN[seen](part)] for talk in talks]
        events = play(lab, first[:begun] + handfuls(first[begun:], second, n))
        sent = [part.payload.split()[1].decode() for part in first + second
                if part.payload.startswith(b"GET")]
        demand(sorted(urls(events)) == sorted(sent), f"requests {urls(events)}, sent {sent}")
        demand(sorted(callbacks(events)) == sorted(sent), f"look-ups {callbacks(events)}")
    return test


def after_silence(silence_s, handshake):
    """A conversation that begins when nothing has been captured for long is one flow, although no
    clock believes its first segment alone."""
    def test(lab):
        late_us = flows.START_US + silence_s * 10 ** 6
        talk = Talk((flows.CLIENT[0], 40001), start_us=late_us).open()
        talk.client(attack("late", "/late")).server(response()).close()
        late = [part for part in talk.parts if handshake or not part.flags & frames.SYN]
        late = late if handshake else late[1:]  # the request itself comes first
        events = play(lab, flows.exchange(url="/early").parts + late)
        expect_told(events, ["/early", "/late"], ["late"], [])
        told = [event for event in of_type(events, "flow") if event["src_port"] == 40001]
        demand(len(told) == 1, f"{len(told)} flows")
        packets_told = [told[0]["flow"][key] for key in ("pkts_toserver", "pkts_toclient")]
        demand(sum(packets_told) == len(late), f"{packets_told} of {len(late)} packets")
        http = of_type(events, "http")[-1]["http"]
        demand(http.get("status") == 200, f"told without the answer: {http}")
    return test


TESTS = [
    ("time: silence for a minute", after_silence(60, True)),
    ("time: silence for a day", after_silence(86400, True)),
    ("time: silence for a day, taken up", after_silence(86400, False)),
    ("time: silence for a week, taken up", after_silence(7 * 86400 - 1, False)),
    ("reuse: two conversations at once", side_by_side((2 ** 31, 2 ** 30), True)),
    ("reuse: two conversations at once, taken up", side_by_side((2 ** 31, 2 ** 30), False)),
] + [
    (f"reuse: two taken up together, {seen}, {begun} before, {n} in turn, from {isn[0]}",
     taken_up_together(isn, seen, begun, n))
    for isn in ((2 ** 31, 2 ** 30), (2 ** 30, 17 * 2 ** 24)) for seen in SEEN
    for begun in range(4) for n in (1, 2)
] + [
    ("overlap: decoy, real", versions("decoy", "real")),
    ("overlap: real, decoy", versions("real", "decoy")),
    ("overlap: decoy, real, decoy", versions("decoy", "real", "decoy")),
    ("overlap: decoy, real, another", versions("decoy", "real", "other")),
    ("overlap: two decoys, real", versions("decoy", "other", "real")),
    ("overlap: real between three decoys", versions("decoy", "real", "decoy", "other")),
    ("overlap: small decoys", small_decoys),
    ("urgent: left in the stream", urgent(True)),
    ("urgent: taken out of it", urgent(False)),
    ("overlap: the same again", repetition),
    ("overlap: acknowledged bytes again", acknowledged_bytes_again),
]
