"""Transformations of what is in a capture.

Each takes the parts of a capture (TCP segments, and frames that hold none) and a source of chance,
and returns new parts, or None where there is nothing to transform. The first group changes nothing
that a server behind the sensor would see.
"""

import dataclasses

import frames
import shelf

MAX_BYTEWISE = 20000  # bytes of payload that are cut into single bytes; more would be slow
COARSE = 40


def at_time(part, time_us):
    return dataclasses.replace(part, time_us=time_us)


def payload_size(parts):
    return sum(len(part.payload) for part in parts if shelf.is_segment(part))


def cut_at(segment, sizes):
    """Cuts a segment into pieces of the sizes that the function gives."""
    pieces, at = [], 0
    while at < len(segment.payload):
        end = at + sizes()
        last = end >= len(segment.payload)
        flags = segment.flags if last else segment.flags & ~(frames.FIN | frames.PSH)
        pieces.append(segment.with_(seq=segment.seq + at, payload=segment.payload[at:end],
                                    flags=flags))
        at = end
    return pieces or [segment]


def cut_all(parts, sizes):
    return [piece for part in parts
            for piece in (cut_at(part, sizes) if shelf.is_segment(part) else [part])]


def single_bytes(parts, chance):
    """Every segment in pieces of one byte (large captures: of up to 40)."""
    if not payload_size(parts):
        return None
    fine = payload_size(parts) <= MAX_BYTEWISE
    return cut_all(parts, (lambda: 1) if fine else lambda: chance.randint(1, COARSE))


def pieces(parts, chance):
    """Every segment in pieces of some bytes."""
    return cut_all(parts, lambda: chance.randint(1, 700)) if payload_size(parts) else None


def duplicates(parts, chance):
    """Every segment with payload twice, the second time at once or a few packets later."""
    if not payload_size(parts):
        return None
    parts, made = pieces(parts, chance), []
    late = []
    for part in parts:
        made.append(part)
        late = [(n - 1, again) for n, again in late]
        made += [at_time(again, part.time_us) for n, again in late if n <= 0]
        late = [(n, again) for n, again in late if n > 0]
        if shelf.is_segment(part) and part.payload:
            late.append((chance.randint(1, 4), part))
            if chance.random() < 0.3:
                made.append(part)
    return made + [at_time(again, parts[-1].time_us) for _, again in late]


def swapped(parts, chance):
    """Neighbours of one way change places. Where a handshake is missing the first ones of a way
    stay: nobody could tell that something comes before them."""
    if not payload_size(parts):
        return None
    made = pieces(parts, chance)
    begun = {part.way for part in made if shelf.is_segment(part) and part.flags & frames.SYN}
    at = 0
    while at + 1 < len(made):
        here, there = made[at], made[at + 1]
        swappable = (shelf.is_segment(here) and shelf.is_segment(there) and here.way == there.way
                     and here.payload and there.payload)
        known = swappable and here.way in begun
        if swappable:
            begun.add(here.way)
        if known and chance.random() < 0.7:
            made[at] = at_time(there, here.time_us)
            made[at + 1] = at_time(here, there.time_us)
            at += 1
        at += 1
    return made


def answers_first(parts, chance):
    """What one way sends passes up to three of the other way's segments that follow it, as where
    two taps are merged."""
    if not payload_size(parts):
        return None
    made = list(parts)
    begun = {part.way for part in made if shelf.is_segment(part) and part.flags & frames.SYN}
    stay = frames.SYN | frames.RST
    for at in range(len(made) - 2, -1, -1):
        here = made[at]
        if not (shelf.is_segment(here) and here.payload and here.way in begun):
            continue
        for _ in range(chance.randint(0, 3)):
            there = made[at + 1] if at + 1 < len(made) else None
            if not (shelf.is_segment(there) and there.flow == here.flow and there.way != here.way
                    and there.way in begun and not (here.flags | there.flags) & stay):
                break
            made[at], made[at + 1] = (at_time(there, here.time_us), at_time(here, there.time_us))
            at, here = at + 1, made[at + 1]
    return made


def wrapped(parts, chance):
    """Sequence numbers shifted so that each way passes 2^32 somewhere in its payload."""
    if not payload_size(parts):
        return None
    ranges = {}
    for part in filter(shelf.is_segment, parts):
        first, end = ranges.get(part.way, (part.seq, 0))
        # The initial number may lie just below 2^32 already.
        ranges[part.way] = (first, max(end, (part.seq - first & 0xFFFFFFFF) + len(part.payload)))
    shift = {way: -(first + chance.randint(0, max(0, size))) for way, (first, size)
             in ranges.items()}
    made = []
    for part in parts:
        if shelf.is_segment(part):
            here, there, source, target = part.way
            back = shift.get((there, here, target, source), 0)
            # Selective acknowledgements name numbers, too: they are left out.
            part = part.with_(seq=part.seq + shift[part.way] & 0xFFFFFFFF,
                              ack=part.ack + back & 0xFFFFFFFF if part.flags & frames.ACK else 0,
                              options=part.options if part.flags & frames.SYN else b"")
        made.append(part)
    return made


def tagged(parts, chance):
    """All in a VLAN."""
    number = chance.randint(1, 4094)
    made = []
    for part in parts:
        frame = shelf.build(part)
        wire_len = frame.wire_len + 4 if shelf.is_cut(frame) else 0
        made.append(dataclasses.replace(frames.tag(frame, number), wire_len=wire_len))
    return made


def fragmented(parts, chance):
    """IPv4 packets in fragments."""
    made, number = [], 0
    for part in parts:
        if (shelf.is_segment(part) and part.version == 4 and len(part.ether) == 14
                and len(part.ip) == 20 and len(part.payload) > 40):
            number += 1
            cut = frames.fragment4(frames.build(part), 8 * chance.randint(3, 60), number & 0xFFFF)
            if chance.random() < 0.5:
                cut.reverse()
            made += cut
        else:
            made.append(part)
    return made if number else None


def moved(parts, offset_us):
    """All at another time."""
    return [at_time(part, part.time_us + offset_us) for part in parts]


def without_handshake(parts, _chance):
    """No segment with SYN."""
    made = [part for part in parts if not shelf.is_segment(part) or not part.flags & frames.SYN]
    return made if len(made) < len(parts) and payload_size(made) else None


def starts_are_plain(parts):
    """Whether each connection was seen both ways, and the first payload that comes on each way is
    the first that was sent."""
    syns, firsts, ways = {}, {}, set()
    for part in filter(shelf.is_segment, parts):
        ways.add(part.way)
        if part.flags & frames.SYN:
            syns[part.way] = part.seq
        elif part.payload:
            firsts.setdefault(part.way, part.seq)
    return (all((there, here, target, source) in ways for here, there, source, target in ways)
            and all(firsts[way] == syns[way] + 1 & 0xFFFFFFFF for way in firsts if way in syns))


def clients_of(parts):
    """The ways that clients send on: those whose sender opened."""
    return {part.way for part in parts if shelf.is_segment(part)
            and part.flags & frames.SYN and not part.flags & frames.ACK}


def one_way(parts, to_server):
    """What clients sent, or what servers sent; the handshake of that way with it."""
    clients = clients_of(parts)
    if not clients:
        return None
    return [part for part in parts if shelf.is_segment(part)
            and (part.way in clients) == to_server]


# --- what destroys ------------------------------------------------------------------------------


def ended_early(data, chance):
    """A capture file cut somewhere."""
    return data[:chance.randrange(len(data))]


def spoiled(data, chance, first, rate):
    """Some bytes of a file replaced, from an offset on."""
    made = bytearray(data)
    for _ in range(max(1, int((len(data) - first) * rate))):
        made[chance.randrange(first, len(made))] = chance.getrandbits(8)
    return bytes(made)


def spoiled_frames(packets, chance):
    """Some bytes of packets replaced, what holds them left whole; some cut, some made longer."""
    made = []
    for frame in packets:
        data = bytearray(frame.data)
        kind = chance.random()
        if kind < 0.3 and data:
            for _ in range(chance.randint(1, 4)):
                data[chance.randrange(len(data))] = chance.getrandbits(8)
        elif kind < 0.36:
            del data[chance.randrange(len(data) + 1):]
        elif kind < 0.4:
            data += bytes(chance.getrandbits(8) for _ in range(chance.randint(1, 30)))
        elif kind < 0.44:
            data = bytearray(chance.getrandbits(8) for _ in range(len(data)))
        made.append(frames.Frame(frame.time_us, bytes(data), max(len(data), frame.wire_len)))
    return made
