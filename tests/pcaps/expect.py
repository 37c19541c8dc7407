"""Expectations: what must come out when a capture is replayed (format: README.md here)."""

import dataclasses
import json
import os
import re

# What is written short in an .expect file because nearly every line has it.
SHORT = {"sid": "alert.signature_id", "jndi.": "alert.context.jndi.",
         "client.": "alert.context.client."}
ABSENT = object()


class BadExpectation(Exception):
    """An .expect file that says nothing, or something that cannot be checked."""


@dataclasses.dataclass(frozen=True)
class Line:
    """One line: how many events must match these fields."""
    where: str
    least: int
    most: float
    fields: dict
    when: str


@dataclasses.dataclass
class Plan:
    """All that an .expect file demands."""
    alerts: int = None
    exit: int = 0
    args: list = dataclasses.field(default_factory=list)
    lines: list = dataclasses.field(default_factory=list)


def full_name(name):
    for short, long in SHORT.items():
        if name == short or (short.endswith(".") and name.startswith(short)):
            return long + name[len(short):]
    return name


def read_count(count, where):
    if isinstance(count, int) and not isinstance(count, bool):
        return count, count
    if isinstance(count, dict) and count and set(count) <= {"min", "max"}:
        return count.get("min", 0), count.get("max", float("inf"))
    raise BadExpectation(f"{where}: count is neither a number nor min and max: {count!r}")


def read_line(item, where):
    least, most = read_count(item.pop("count", 1), where)
    when = item.pop("when", "")
    if when not in ("", "geo"):
        raise BadExpectation(f"{where}: unknown condition {when!r}")
    if "event_type" not in item:
        raise BadExpectation(f"{where}: no event_type")
    for value in item.values():
        if isinstance(value, dict):
            check_operator(value, where)
    return Line(where, least, most, {full_name(k): v for k, v in item.items()}, when)


def check_operator(value, where):
    if not value or set(value) - {"has", "re", "min", "max", "absent"}:
        raise BadExpectation(f"{where}: unknown comparison {value!r}")
    if "re" in value:
        re.compile(value["re"])


def include(plan, item, where, folder):
    """Takes over another file's lines (of the event types named by "only"), and its alerts."""
    other = load(os.path.join(folder, item["include"] + ".expect"))
    only = item.get("only")
    unknown = set(item) - {"include", "only"}
    if unknown:
        raise BadExpectation(f"{where}: unknown {', '.join(sorted(unknown))}")
    plan.lines += [line for line in other.lines
                   if only is None or line.fields["event_type"] in only]
    plan.args += other.args
    if only is None or "alert" in only:
        plan.alerts = (plan.alerts or 0) + other.alerts


def set_options(plan, item, where, folder):
    for name, value in item.items():
        if name == "args":
            plan.args += [os.path.join(folder, a[1:]) if a.startswith("@") else a for a in value]
        elif name in ("alerts", "exit"):
            setattr(plan, name, value)
        else:
            raise BadExpectation(f"{where}: unknown option {name!r}")


def load(path):
    """Reads an .expect file; the number of alerts must be said."""
    plan, folder = Plan(), os.path.dirname(os.path.abspath(path))
    with open(path, encoding="utf-8") as file:
        for number, text in enumerate(file, 1):
            where = f"{os.path.basename(path)}:{number}"
            if not text.strip() or text.startswith("#"):
                continue
            try:
                item = json.loads(text)
            except ValueError as error:
                raise BadExpectation(f"{where}: {error}") from error
            if "include" in item:
                include(plan, item, where, folder)
            elif "event_type" in item or "count" in item:
                plan.lines.append(read_line(item, where))
            else:
                set_options(plan, item, where, folder)
    if plan.alerts is None:
        raise BadExpectation(f"{os.path.basename(path)}: says not how many alerts there are")
    return plan


def get(event, name):
    """The value at a dotted path; steps into lists by number."""
    for step in name.split("."):
        if isinstance(event, dict) and step in event:
            event = event[step]
        elif isinstance(event, list) and step.isdigit() and int(step) < len(event):
            event = event[int(step)]
        else:
            return ABSENT
    return event


def same(wanted, value):
    """Equal as JSON: true is not 1."""
    return type(wanted) is type(value) and wanted == value


def fits(wanted, value):
    """Whether a value is what an expectation wants."""
    if not isinstance(wanted, dict):
        return same(wanted, value)
    if "absent" in wanted:
        return (value is ABSENT) == wanted["absent"]
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if "min" in wanted and not (number and value >= wanted["min"]):
        return False
    if "max" in wanted and not (number and value <= wanted["max"]):
        return False
    if "re" in wanted and not (isinstance(value, str) and re.search(wanted["re"], value)):
        return False
    if "has" in wanted:
        return isinstance(value, list) and any(same(wanted["has"], v) for v in value)
    return True


def misfits(line, event):
    """The fields of a line that an event does not have so: name -> (wanted, value)."""
    found = {}
    for name, wanted in line.fields.items():
        value = get(event, name)
        if not fits(wanted, value):
            found[name] = (wanted, value)
    return found


def show(value):
    return "nothing" if value is ABSENT else json.dumps(value, ensure_ascii=True)


def nearest(line, events):
    """Says how the event that comes nearest differs from a line."""
    same_type = [e for e in events if e.get("event_type") == line.fields["event_type"]]
    if not same_type:
        return "no such event_type"
    best = min((misfits(line, e) for e in same_type), key=len)
    if not best:
        return "the others match as well"
    return "nearest has " + ", ".join(f"{name} {show(value)} (wanted {show(wanted)})"
                                      for name, (wanted, value) in best.items())


def problems(plan, events, conditions=()):
    """What the events fail to be; empty when all is as expected."""
    found = []
    alerts = sum(e.get("event_type") == "alert" for e in events)
    if alerts != plan.alerts:
        found.append(f"expected {plan.alerts} alerts, found {alerts}")
    for line in plan.lines:
        if line.when and line.when not in conditions:
            continue
        n = sum(not misfits(line, e) for e in events)
        if not line.least <= n <= line.most:
            wanted = str(line.least) if line.least == line.most else f"{line.least}..{line.most}"
            found.append(f"{line.where}: expected {wanted}, found {n} of "
                         f"{json.dumps(line.fields)}: {nearest(line, events)}")
    return found
