#!/usr/bin/python3
"""The same traffic in other packets gives the same events; spoiled traffic does no harm.

test_metamorphic.py PROGRAM [--only PART]...

Every capture of pcaps/ is transformed in every way of transform.py, and the events of both are
compared. What chance decides follows from JNDIWATCH_SEED (default 1) and the test's name, so that
a failure is repeated with the same seed and --only NAME.
"""

import collections
import copy
import datetime
import functools
import json
import os
import random
import sys

sys.dont_write_bytecode = True

import harness  # noqa: E402
from harness import (Moot, demand, expect_no_fault, expect_packets, figure,  # noqa: E402
                     of_type, parse)
import expect as plans  # noqa: E402  (tests/pcaps: reads .expect files)
import flows  # noqa: E402
import frames  # noqa: E402
import laws  # noqa: E402
import packets  # noqa: E402
import run as replay  # noqa: E402
import shelf  # noqa: E402
import transform  # noqa: E402

SEED = os.environ.get("JNDIWATCH_SEED", "1")
FOLDER = os.path.abspath(os.path.join(harness.TOP, "pcaps"))
CAPTURES = replay.captures(FOLDER)
DAMAGES = 4  # copies of each capture spoiled in each way

# Figures that do not depend on how the bytes were cut into packets.
LASTING = ("app_layer.flow.http", "app_layer.flow.smtp", "app_layer.tx.http", "app_layer.tx.smtp",
           "detect.alert", "tx_begun", "payload_bytes", "lost_gap", "lost_starttls",
           "lost_encoding")
DECODED = ("http", "smtp")
# Keys that come from the server's part of an HTTP transaction, wholly or at times.
ANSWER_KEYS = ("status", "length", "http_content_type", "redirect")


def chance_of(name):
    return random.Random(f"{SEED}/{name}")


@functools.lru_cache(maxsize=None)
def arguments_of(name):
    """More arguments that a capture is replayed with."""
    return tuple(plans.load(os.path.join(FOLDER, name + ".expect")).args)


@functools.lru_cache(maxsize=4)
def parts_of(name):
    return tuple(map(shelf.parse, shelf.read(CAPTURES[name])))


def replay_file(lab, name, path, *more, codes=(0,)):
    """Replays a file; the bytes of its events."""
    out = path + ".json"
    ended = lab.run("-r", path, "-o", out, *arguments_of(name), *more)
    demand(ended.code in codes, ended.told())
    expect_no_fault(ended)
    with open(out, "rb") as file:
        data = file.read()
    os.remove(out)
    return data


def replay_parts(lab, name, parts):
    """Replays parts as an Ethernet pcap; its events, which break no law."""
    path = lab.write("parts.pcap", flows.pcap(list(map(shelf.build, parts))))
    events = parse(replay_file(lab, name, path))
    expect_packets(events, len(parts))
    broken = laws.broken(events, len(parts))
    demand(not broken, "; ".join(broken[:3]))
    return events


BASES = {}


def base_of(lab, name):
    """The events of a capture as it is, but for its link types."""
    if name not in BASES:
        BASES.clear()
        BASES[name] = replay_parts(lab, name, parts_of(name))
    return BASES[name]


# --- what is compared ---------------------------------------------------------------------------


def pruned(event):
    """An event without what tells of packets: numbers, counts, times, and ids made from them."""
    event = copy.deepcopy(event)
    for key in ("timestamp", "pcap_cnt", "flow_id", "ether", "in_iface"):
        event.pop(key, None)
    flow = event.get("flow", {})
    for key in list(flow):
        if key not in ("state", "reason", "alerted", "tx_cnt"):
            del flow[key]
    jndi = event.get("alert", {}).get("context", {}).get("jndi", {})
    jndi.pop("attack_id", None)
    for key in ("flow_id", "timestamp"):
        jndi.get("attempt", {}).pop(key, None)
    return event


def is_step(event):
    """An alert for what followed an attempt: to know it takes both directions."""
    return event["event_type"] == "alert" and 9000201 <= event["alert"]["signature_id"] <= 9000204


def without_marks(event, marks):
    """Without words in metadata.flowbits; and without what is empty then."""
    metadata = event.get("metadata", {})
    left = [word for word in metadata.pop("flowbits", []) if word not in marks]
    if left:
        metadata["flowbits"] = left
    if not metadata:
        event.pop("metadata", None)
    return event


def without_client(event):
    """Without who the client is, as proxies told it: they are believed only where it was seen that
    a message begins. What is known of the source goes by the client, too."""
    context = event.get("alert", {}).get("context", {})
    for named in (context, event.get("alert", {}), event):
        named.pop("client", None)
        named.pop("xff", None)
    metadata = event.get("metadata", {})
    metadata["flowvars"] = [var for var in metadata.get("flowvars", [])
                            if not any(key.startswith(("src_", "client_")) for key in var)]
    return event


def told(event):
    return json.dumps(event, sort_keys=True)


def compare(before, after, view):
    """What `view` shows of the events (None: nothing) is the same, each as often."""
    sides = [collections.Counter(told(seen) for event in events
                                 for seen in [view(event)] if seen is not None)
             for events in (before, after)]
    missing, more = list((sides[0] - sides[1]).elements()), list((sides[1] - sides[0]).elements())
    demand(not missing and not more,
           f"{len(missing)} events are missing, {len(more)} are more: "
           + differing(missing[0] if missing else "", more[0] if more else ""))


def differing(missing, more):
    """Two lines from where they part on."""
    at = 0
    while at < min(len(missing), len(more)) and missing[at] == more[at]:
        at += 1
    at = max(0, at - 60)
    return f"- …{missing[at:at + 260]} + …{more[at:at + 260]}"


def same(event):
    """All but stats."""
    return None if event["event_type"] == "stats" else pruned(event)


def same_where_decoded(event):
    """All but stats; of flows that no decoder claims not their protocol either: it is guessed from
    their first packets, and how much is in them is what was changed."""
    seen = same(event)
    if seen and seen["event_type"] == "flow" and seen["app_proto"] not in DECODED:
        for key in ("app_proto", "ndpi"):
            seen.pop(key, None)
        seen.pop("metadata", None)
    return seen


def expect_figures(before, after):
    for name in LASTING:
        demand(figure(before, name) == figure(after, name),
               f"{name}: {figure(before, name)} before, {figure(after, name)} now")


# --- laws: each is given the lab and the capture's name ------------------------------------------


def whole_segments(name):
    """The parts of a capture, all of whose TCP segments can be taken apart."""
    parts = parts_of(name)
    if any(isinstance(part, frames.Frame) and (shelf.is_cut(part) or shelf.is_fragment(part))
           for part in parts):
        raise Moot("some of its packets are fragments, or cut")
    return list(parts)


def alike(change, view=None):
    """A law: the transformation changes no event."""
    def law(lab, name):
        changed = change(whole_segments(name), chance_of(f"{change.__name__} {name}"))
        if changed is None:
            raise Moot("there is nothing to transform")
        base = base_of(lab, name)
        after = replay_parts(lab, name, changed)
        compare(base, after, view or same)
        expect_figures(base, after)
    return law


def original(lab, name):
    """The file itself gives what its packets as Ethernet frames give."""
    data = replay_file(lab, name, CAPTURES[name], codes=(0, 1))
    compare(base_of(lab, name), parse(data), same)


def in_a_vlan(lab, name):
    def view(event):
        seen = same(event)
        if seen:
            seen.pop("vlan", None)
        return seen
    parts = transform.tagged(parts_of(name), chance_of(f"tagged {name}"))
    after = replay_parts(lab, name, parts)
    for event in after:
        demand("flow_id" not in event or event.get("vlan"), f"no vlan on {told(event)[:200]}")
    compare(base_of(lab, name), after, view)


STAMP = "%Y-%m-%dT%H:%M:%S.%f+0000"


def earlier(text, offset_us):
    when = datetime.datetime.strptime(text, STAMP) - datetime.timedelta(microseconds=offset_us)
    return when.strftime(STAMP)


def at_another_time(lab, name):
    """All times are moved, and nothing else."""
    parts = list(parts_of(name))
    for offset_us in (chance_of(name).randrange(10 ** 15), -parts[0].time_us,
                      (1 << 31) * 10 ** 6 - parts[len(parts) // 2].time_us):
        after = replay_parts(lab, name, transform.moved(parts, offset_us))
        if of_type(after, "stats") != after[-1:]:
            after = [event for event in after if event["event_type"] != "stats"]

        def view(event, offset_us=0):
            if event["event_type"] == "stats":
                return None
            seen = pruned(event)
            seen["timestamp"] = earlier(event["timestamp"], offset_us)
            for key in ("start", "end"):
                if key in event.get("flow", {}):
                    seen["flow"][key] = earlier(event["flow"][key], offset_us)
            return seen
        moved_back = [view(event, offset_us) for event in after]
        compare([view(event) for event in base_of(lab, name)], moved_back, lambda seen: seen)


def without_handshake(lab, name):
    whole = whole_segments(name)
    parts = transform.without_handshake(whole, None)
    if parts is None:
        raise Moot("there is no handshake, or nothing behind it")
    if not transform.starts_are_plain(whole):
        raise Moot("without the handshake nobody can tell where it begins")
    after = replay_parts(lab, name, parts)

    def view(event):
        if event["event_type"] in ("stats", "flow"):
            return None
        return without_client(without_marks(pruned(event), ("midstream",)))
    compare(base_of(lab, name), after, view)


def request_of(event):
    """What clients sent, in an event."""
    if event["event_type"] not in ("alert", "http", "smtp") or is_step(event):
        return None
    if event.get("direction") == "to_client":
        return None
    if "http" in event and "http_method" not in event["http"]:
        return None
    seen = pruned(event)
    seen.get("metadata", {}).pop("flowints", None)
    seen = without_marks(seen, ("one_sided", "starttls"))
    for key in ANSWER_KEYS:
        seen.get("http", {}).pop(key, None)
    seen.get("tls", {}).pop("version", None)  # the one that the answer chose
    seen.pop("flow", None)
    seen.pop("tx_id", None)
    return seen


def clients_only(lab, name):
    parts = transform.one_way(whole_segments(name), True)
    if not parts:
        raise Moot("no connection is opened in it, or nothing was sent")
    compare(base_of(lab, name), replay_parts(lab, name, parts), request_of)


def answer_of(event):
    """What servers sent that is alerted."""
    if event["event_type"] != "alert" or event.get("direction") != "to_client" or is_step(event):
        return None
    seen = pruned(event)
    return {"sid": seen["alert"]["signature_id"], "context": seen["alert"]["context"],
            "src": (seen["src_ip"], seen["src_port"]), "dest": (seen["dest_ip"], seen["dest_port"])}


def servers_only(lab, name):
    parts = transform.one_way(whole_segments(name), False)
    if not parts:
        raise Moot("no connection is opened in it, or nothing was answered")
    compare(base_of(lab, name), replay_parts(lab, name, parts), answer_of)


def without_stats(data):
    return [line for line in data.splitlines() if b'"event_type":"stats"' not in line]


def twice(lab, name):
    """Two runs give the same bytes."""
    runs = [replay_file(lab, name, CAPTURES[name], codes=(0, 1)) for _ in range(2)]
    demand(without_stats(runs[0]) == without_stats(runs[1]), "two runs differ")


def workers(lab, name):
    """Any number of workers gives the same bytes in the same order."""
    alone = without_stats(replay_file(lab, name, CAPTURES[name], "--workers", "0", codes=(0, 1)))
    for n in ("1", "3"):
        data = replay_file(lab, name, CAPTURES[name], "--workers", n, codes=(0, 1))
        demand(without_stats(data) == alone, f"{n} workers give other events than none")
        parse(data)


# --- what destroys ------------------------------------------------------------------------------


def ended_early(lab, name):
    """A file that ends anywhere: all whole packets are decoded."""
    chance = chance_of(f"ended early {name}")
    data = packets.read(CAPTURES[name])
    for _ in range(DAMAGES):
        path = lab.write("ended", transform.ended_early(data, chance))
        events = parse(replay_file(lab, name, path, codes=(0, 1)))
        if os.path.getsize(path) >= 24:
            expect_packets(events, packets.count(path))


def spoiled_file(lab, name):
    """A file with wrong bytes anywhere."""
    chance = chance_of(f"spoiled file {name}")
    data = packets.read(CAPTURES[name])
    for number in range(DAMAGES):
        path = lab.write("spoiled", transform.spoiled(data, chance, 4 if number else 0,
                                                      10 ** -chance.randint(1, 4)))
        events = parse(replay_file(lab, name, path, codes=(0, 1)))
        expect_packets(events, figure(events, "decoder.pkts"))


def spoiled_packets(lab, name):
    """Packets with wrong bytes, with checksums honoured and not."""
    chance = chance_of(f"spoiled packets {name}")
    for number in range(DAMAGES):
        made = transform.spoiled_frames(shelf.read(CAPTURES[name]), chance)
        path = lab.write("spoiled.pcap", flows.pcap(made))
        data = replay_file(lab, name, path, "-k", ("none", "auto", "all")[number % 3])
        events = parse(data)
        expect_packets(events, len(made))
        broken = laws.broken(events, len(made))
        demand(not broken, "; ".join(broken[:3]))
        threaded = replay_file(lab, name, path, "-k", ("none", "auto", "all")[number % 3],
                               "--workers", "3")
        demand(without_stats(threaded) == without_stats(data), "3 workers differ from none")


def together(lab):
    """Several captures in one run, merged by time, give the events of each."""
    def view(event):
        seen = same(event)
        if seen and seen["event_type"] == "flow":
            del seen["flow"]["reason"]  # time goes on behind the end of a capture
        if seen and "jndi" in seen.get("alert", {}).get("context", {}):
            seen["alert"]["context"]["jndi"].pop("repeat", None)  # campaigns reach across
        return seen
    names = [name for name in CAPTURES if not arguments_of(name)
             and not name.startswith(("crooked-", "link-", "file-"))]
    before = []
    for name in names:
        data = replay_file(lab, name, CAPTURES[name])
        before += [event for event in parse(data) if event["event_type"] != "stats"]
    words = [word for name in names[1:] for word in ("-r", CAPTURES[name])]
    for more in ([], ["--workers", "3"]):
        path = lab.path(f"first{len(more)}.pcap")
        os.symlink(CAPTURES[names[0]], path)
        after = parse(replay_file(lab, names[0], path, *words, *more))
        expect_packets(after, sum(packets.count(CAPTURES[name]) for name in names))
        compare(before, after, view)


def unsanitized(law):
    """A law about contents: a sanitizer would find nothing in it new."""
    def limited(lab, name):
        if lab.sanitized:
            raise Moot("only without a sanitizer")
        law(lab, name)
    return limited


LAWS = [
    ("original", original),
    ("single bytes", alike(transform.single_bytes, same_where_decoded)),
    ("pieces", alike(transform.pieces)),
    ("duplicates", alike(transform.duplicates)),
    ("swapped", alike(transform.swapped, same_where_decoded)),
    ("answers first", alike(transform.answers_first, same_where_decoded)),
    ("wrapped", alike(transform.wrapped)),
    ("fragmented", alike(transform.fragmented)),
    ("in a VLAN", unsanitized(in_a_vlan)),
    ("at another time", unsanitized(at_another_time)),
    ("without handshake", without_handshake),
    ("clients only", unsanitized(clients_only)),
    ("servers only", unsanitized(servers_only)),
    ("twice", unsanitized(twice)),
    ("workers", workers),
    ("ended early", ended_early),
    ("spoiled file", spoiled_file),
    ("spoiled packets", spoiled_packets),
]


def tests():
    return [(f"{name}: {law_name}", lambda lab, law=law, name=name: law(lab, name))
            for name in CAPTURES for law_name, law in LAWS] + [("all: together", together)]


if __name__ == "__main__":
    print(f"# JNDIWATCH_SEED={SEED}")
    harness.main(__doc__, tests())
