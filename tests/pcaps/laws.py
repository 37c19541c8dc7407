"""What holds for every event of every capture, whatever was in it."""

import os
import re

HERE = os.path.dirname(os.path.abspath(__file__))
CORE = os.path.join(HERE, "..", "..", "sensor", "core")
TIMESTAMP = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+0000$")
REVERSED = 500  # added to the id when the server sent it

# signature_id: class, severity, schemes (None: any)
LOOKUPS = {
    9000101: ("attack", 1, {"ldap"}),
    9000102: ("attack", 1, {"ldaps"}),
    9000103: ("attack", 1, {"rmi"}),
    9000104: ("attack", 1, {"dns"}),
    9000105: ("attack", 1, {"iiop", "iiopname", "corbaname"}),
    9000110: ("attack", 2, None),
    9000120: ("conditional", 2, None),
    9000130: ("attempt", 3, None),
    9001101: ("attack", 1, {"script"}),
    9001102: ("attack", 1, {"dns"}),
    9001103: ("attack", 1, {"url"}),
    9001110: ("attack", 2, None),
    9001120: ("conditional", 2, None),
    9001130: ("attempt", 3, None),
}
# jndi.stage: signature_id of what follows an attempt
STAGES = {"resolved": 9000201, "called_back": 9000202, "reference_served": 9000203,
          "class_delivered": 9000204}
COMMONS_TEXT = 9001000  # ids of its look-ups are above


def names_in(file, macro):
    """The names of a table in sensor/core."""
    with open(os.path.join(CORE, file), encoding="utf-8") as table:
        return set(re.findall(rf'^{macro}\(\w+, "([^"]+)"', table.read(), re.M))


ENCODINGS = names_in("encoding.def", "ENCODING")
TRICKS = names_in("trick.def", "TRICK")
FIELDS = names_in("field.def", "FIELD")
LOST = names_in("lost.def", "LOST") - {"kernel_drop"}  # what no flow saw is no flow's


def hollow(value, path=""):
    """Paths of nulls, empty lists and empty objects."""
    if value is None or value == [] or value == {}:
        return [path]
    items = (value.items() if isinstance(value, dict)
             else enumerate(value) if isinstance(value, list) else ())
    return [p for key, inner in items for p in hollow(inner, f"{path}.{key}".lstrip("."))]


def envelope(event):
    if not TIMESTAMP.match(str(event.get("timestamp"))):
        yield f"timestamp {event.get('timestamp')!r}"
    if not isinstance(event.get("event_type"), str):
        yield "no event_type"
    if not 0 <= event.get("flow_id", 0) < 1 << 51:
        yield f"flow_id {event['flow_id']} has more than 51 bits"
    for path in hollow(event):
        yield f"{path} is null or empty"


def look_up(event):
    """An alert about a look-up: id, class, scheme and severity belong together."""
    alert, jndi = event["alert"], event["alert"]["context"]["jndi"]
    base = alert["signature_id"]
    to_client = base not in LOOKUPS and base - REVERSED in LOOKUPS
    if to_client:
        base -= REVERSED
    if base not in LOOKUPS:
        return
    kind, severity, schemes = LOOKUPS[base]
    if alert.get("severity") != severity + to_client:
        yield f"severity {alert.get('severity')} of {alert['signature_id']}"
    if event.get("direction") != ("to_client" if to_client else "to_server"):
        yield f"direction {event.get('direction')} of {alert['signature_id']}"
    if jndi.get("class") != kind:
        yield f"class {jndi.get('class')} of {alert['signature_id']}"
    if jndi.get("dialect") != ("commons-text" if base > COMMONS_TEXT else None):
        yield f"dialect {jndi.get('dialect')} of {alert['signature_id']}"
    if schemes and jndi.get("scheme") not in schemes:
        yield f"scheme {jndi.get('scheme')} of {alert['signature_id']}"
    if kind == "attack" and jndi.get("reaches_network") is not bool(schemes):
        yield f"reaches_network {jndi.get('reaches_network')} of {alert['signature_id']}"
    if kind != "attempt" and jndi.get("decoded") != jndi.get("lookups", [None])[0]:
        yield f"decoded {jndi.get('decoded')!r} is not the first look-up"


def words(event):
    """Words of an alert about a look-up come from the tables."""
    jndi = event["alert"]["context"]["jndi"]
    of_its_own = ("raw", "depth", "repeat") if jndi.get("stage") == "attempt" else ("attempt",)
    for name in ("class", "field", "attack_id", "campaign", "stage", *of_its_own):
        if name not in jndi:
            yield f"jndi.{name} is missing"
    field = jndi.get("field", "")
    if not any(field == name or field.startswith(name + ".") for name in FIELDS):
        yield f"jndi.field {field!r} is no field"
    for name, table in (("encodings", ENCODINGS), ("tricks", TRICKS)):
        for word in jndi.get(name, []):
            if word not in table:
                yield f"jndi.{name} has {word!r}"
    if len(jndi.get("lookups", [])) != len(set(jndi.get("lookups", []))):
        yield "jndi.lookups has a name twice"


def step(event, seen):
    """What follows an attempt comes after it, is severe, and bears its id."""
    alert, jndi = event["alert"], event["alert"]["context"]["jndi"]
    if alert["signature_id"] != STAGES.get(jndi["stage"]):
        yield f"stage {jndi['stage']!r} of {alert['signature_id']}"
    if alert.get("severity") != 1:
        yield f"severity {alert.get('severity')} of {alert['signature_id']}"
    begun = seen.attempts.get(jndi.get("attack_id"))
    if begun is None:
        yield f"no attempt {jndi.get('attack_id')}"
        return
    told = jndi.get("attempt", {})
    if (told.get("timestamp"), told.get("flow_id")) != (begun["timestamp"], begun["flow_id"]):
        yield f"the attempt {jndi['attack_id']} was another"
    if event["timestamp"] < begun["timestamp"]:
        yield f"{jndi['stage']} before the attempt"
    context = begun["alert"]["context"]["jndi"]
    for name in ("campaign", "class", "scheme"):
        if name in jndi and jndi[name] != context.get(name):
            yield f"{name} {jndi.get(name)} of an attempt with {context.get(name)}"


class Seen:
    """What alerts are held against: the events of transactions, and whether a segment repeated
    bytes or came late."""

    def __init__(self, events):
        self.transactions = {(e.get("flow_id"), e.get("tx_id")): e for e in events
                             if e.get("event_type") in ("http", "smtp", "tls")}
        self.attempts = {}
        for e in events:
            context = e.get("alert", {}).get("context", {})
            if context.get("jndi", {}).get("stage") == "attempt":
                self.attempts[context["jndi"].get("attack_id")] = e
        tcp = events[-1].get("stats", {}).get("tcp", {}) if events else {}
        self.repeats = any(tcp.get(name)
                           for name in ("overlap", "overlap_diff_data", "urgent_oob_data",
                                        "reassembly_gap"))


def of_transaction(event, seen):
    """An alert without a number of a transaction is about bytes that belong to none: payload that
    no decoder read, or another reading of segments that came twice."""
    field = event["alert"].get("context", {}).get("jndi", {}).get("field")
    number = event.get("tx_id")
    about = seen.transactions.get((event.get("flow_id"), number))
    if number is None and (field == "tcp.payload" or seen.repeats):
        return
    if about is None:
        yield f"no event of transaction {number} beside its alert"
    elif about["event_type"] in about and about["event_type"] not in event:
        yield f"{about['event_type']} is missing on an alert"


def alert(event, seen):
    """An alert tells all that was known of its transaction; a step of a story is of its flow."""
    context = event["alert"].get("context", {})
    is_step = context.get("jndi", {}).get("stage", "attempt") != "attempt"
    for side in ("source", "destination"):
        if "scope" not in context.get(side, {}):
            yield f"alert.context.{side}.scope is missing"
    for name in ("flow", "flow_id", "app_proto", *(() if is_step else ("payload_printable",))):
        if name not in event:
            yield f"{name} is missing on an alert"
    if event.get("app_proto") in ("http", "smtp", "tls") and not is_step:
        yield from of_transaction(event, seen)
    if "jndi" in context:
        yield from step(event, seen) if is_step else look_up(event)
        yield from words(event)


def accounts(events):
    """Flows tell of every packet that was decoded, and of every byte that was not inspected. (Of an
    aggregate of 802.11 and of fragments that overlap more is told than was captured.)"""
    flows = [event for event in events if event.get("event_type") == "flow"]
    told = events[-1].get("metadata", {}).get("flowints", {})
    homeless = events[-1]["stats"].get("flow", {}).get("memcap", 0)
    if not flows or homeless:
        return  # not asked for, or not all packets found memory for a flow
    n = sum(event["flow"]["pkts_toserver"] + event["flow"]["pkts_toclient"] for event in flows)
    decoys = told.get("flow_wrong_checksum", 0)
    if n + decoys < told.get("packets_decoded", 0):
        yield (f"flows tell of {n} packets, {decoys} were no flow's, "
               f"{told.get('packets_decoded')} were decoded")
    for reason in LOST:
        name = f"bytes_not_inspected_{reason}"
        n_lost = sum(event.get("metadata", {}).get("flowints", {}).get(name, 0) for event in flows)
        if n_lost != told.get(f"lost_{reason}", 0):
            yield (f"flows tell of {n_lost} bytes that were not inspected for {reason}, "
                   f"stats of {told.get(f'lost_{reason}')}")


def figures(events, n_packets):
    """The sum at the end tells of every packet of the capture."""
    if not events or events[-1].get("event_type") != "stats":
        yield "the last event is no stats"
        return
    told = events[-1].get("stats", {}).get("decoder", {}).get("pkts")
    if told != n_packets:
        yield f"stats.decoder.pkts is {told}, the capture has {n_packets} packets"


def broken(events, n_packets):
    """The laws that the events of one run over a capture of so many packets break."""
    seen = Seen(events)
    found = []
    for number, event in enumerate(events, 1):
        faults = list(envelope(event))
        if event.get("event_type") == "alert" and isinstance(event.get("alert"), dict):
            faults += alert(event, seen)
        found += [f"event {number} ({event.get('event_type')}): {fault}" for fault in faults]
    found += figures(events, n_packets)
    return found if found else list(accounts(events))
