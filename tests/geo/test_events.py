#!/usr/bin/python3
"""What events say of an address is what MaxMind's own reader finds in the database: in the layout
of each vendor, for addresses of either version and those that carry another, of one file and of
several.

usage: test_events.py PROGRAM DATABASE_DIR    (exit code 77: the packages for it are missing)
"""
import ipaddress
import json
import subprocess
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "faults"))

import flows  # noqa: E402

PROXY = "10.1.2.3"
CLOSE = 1e-4  # degrees: some files hold floats
# Where each thing stands in the records of a layout; the first that is there and not empty counts.
MAXMIND = {
    "country_iso_code": ["country/iso_code", "registered_country/iso_code"],
    "country_name": ["country/names/en", "registered_country/names/en"],
    "continent_code": ["continent/code"],
    "region_name": ["subdivisions/0/names/en"],
    "city_name": ["city/names/en"],
    "postal_code": ["postal/code"],
    "timezone": ["location/time_zone"],
    "lat": ["location/latitude"],
    "lon": ["location/longitude"],
    "number": ["autonomous_system_number"],
    "organization": ["autonomous_system_organization"],
}
FLAT = {
    "country_iso_code": ["country_code"], "region_name": ["state1"], "city_name": ["city"],
    "postal_code": ["postcode"], "timezone": ["timezone"], "lat": ["latitude"],
    "lon": ["longitude"], "number": ["autonomous_system_number"],
    "organization": ["autonomous_system_organization"],
}
IPINFO = {"country_iso_code": ["country_code"], "country_name": ["country"],
          "continent_code": ["continent_code"], "number": ["asn"], "organization": ["as_name"]}
IPINFO_OLD = {"country_iso_code": ["country"], "country_name": ["country_name"],
              "continent_code": ["continent"], "number": ["asn"], "organization": ["as_name"]}
LAYOUTS = {
    "maxmind-city": MAXMIND, "maxmind-country": MAXMIND, "maxmind-asn": MAXMIND,
    "maxmind-isp": MAXMIND, "documentation-city": MAXMIND, "documentation-asn": MAXMIND,
    "ip-location-country-v4": FLAT, "ip-location-country-v6": FLAT, "ip-location-city-v4": FLAT,
    "ip-location-asn": FLAT, "ipinfo-lite": IPINFO, "ipinfo-country-asn": IPINFO_OLD,
}
SETS = [[name] for name in LAYOUTS] + [
    ["ip-location-country-v4", "ip-location-country-v6", "ip-location-asn"],
    ["maxmind-city", "maxmind-asn"],
    ["maxmind-asn", "ip-location-city-v4", "ipinfo-lite"],
]


def carried(text):
    """The IPv6 addresses that carry an IPv4 one: mapped, 6to4, NAT64, Teredo."""
    four = int(ipaddress.IPv4Address(text))
    six = [0xffff << 32 | four, 0x2002 << 112 | four << 80 | 1, 0x64ff9b << 96 | four,
           0x20010000 << 96 | 0xc0000201 << 64 | 0x8000 << 48 | (four ^ 0xffffffff)]
    return [str(ipaddress.IPv6Address(one)) for one in six]


def addresses_of(networks):
    """(address as a client's, address that is looked up) for the ends of each network, and of what
    lies beside them."""
    for network in networks:
        net = ipaddress.ip_network(network)
        for number in {int(net[0]), int(net[-1]), int(net[-1]) + 1}:
            if number >= 1 << net.max_prefixlen:
                continue
            plain = str(type(net[0])(number))
            yield plain, plain
            if net.version == 4:
                yield from ((one, plain) for one in carried(plain))


def read(path, addresses):
    """Records by address, as MaxMind's reader finds them; none of a version that the file lacks."""
    command = ["perl", str(HERE / "read.pl"), str(path)]
    head = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    good = [one for one in addresses if head["ip_version"] == 6 or ":" not in one]
    lines = subprocess.run([*command, *good], check=True, capture_output=True).stdout.splitlines()
    return dict(zip(good, (json.loads(line) for line in lines[1:])))


def at_path(record, path):
    for step in path.split("/"):
        if isinstance(record, list):
            record = record[int(step)] if int(step) < len(record) else None
        elif isinstance(record, dict):
            record = record.get(step)
        else:
            return None
    return record


def values(layout, record):
    """What of a record is to be told."""
    found = {}
    for name, paths in layout.items():
        told = [value for value in (at_path(record, path) for path in paths)
                if value is not None and value != "" and not isinstance(value, (dict, list))]
        if told:
            found[name] = told[0]
    if "number" in found:
        digits = str(found.pop("number")).removeprefix("AS")
        found |= {"number": int(digits)} if digits.isdigit() and int(digits) else {}
    for name in ("lat", "lon"):
        if name in found:
            found[name] = float(found[name])
    return found


def told(place):
    """The same of an event's `client`."""
    geo, system = dict(place.get("geo", {})), place.get("as", {})
    found = {name: geo[name] for name in MAXMIND if name in geo}
    found |= {name: geo["location"][name] for name in ("lat", "lon") if "location" in geo}
    if "number" in system:
        found["number"] = system["number"]
    if "organization" in system:
        found["organization"] = system["organization"]["name"]
    return found


def same(one, other):
    if one.keys() != other.keys():
        return False
    return all(abs(value - other[name]) < CLOSE if name in ("lat", "lon") else value == other[name]
               for name, value in one.items())


def is_asked(address):
    """No database is asked about private and loopback addresses."""
    ip = ipaddress.ip_address(address)
    local = [ipaddress.ip_network(net) for net in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16",
                                                   "127.0.0.0/8", "fc00::/7", "::1/128")]
    return not any(ip.version == net.version and ip in net for net in local)


def capture(addresses):
    """A request that attacks from each client behind the proxy."""
    made = []
    for i, text in enumerate(addresses):
        talk = flows.Talk((PROXY, 20000 + i), start_us=flows.START_US + i * 100000).open()
        talk.client(flows.request(headers=[(b"X-Forwarded-For", text.encode()),
                                           (b"User-Agent", flows.lookup(str(i)))]))
        made += talk.server(flows.response()).close().frames
    return flows.pcap(made)


def clients(program, folder, databases, addresses):
    """`alert.context.client` by the number in its call-back."""
    Path(folder, "c.pcap").write_bytes(capture(addresses))
    Path(folder, "c.yaml").write_text(f"client:\n  trusted: [{PROXY}]\n", encoding="ascii")
    words = [word for path in databases for word in ("--geoip", str(path))]
    subprocess.run([program, "-q", "-c", "c.yaml", "-r", "c.pcap", "-o", "out.json", *words],
                   cwd=folder, check=True, stdin=subprocess.DEVNULL)
    found = {}
    for line in Path(folder, "out.json").read_bytes().splitlines():
        event = json.loads(line)
        if event["event_type"] == "alert":
            context = event["alert"]["context"]
            found[int(context["jndi"]["callback"]["path"][1:])] = context.get("client", {})
    return found


def faults(program, directory, names):
    networks = set()
    for name in names:
        source = next(path for path in (HERE / f"{name}.json",
                                        HERE.parents[1] / "scripts" / "overlay" / f"{name}.json")
                      if path.exists())
        networks |= set(json.loads(source.read_text(encoding="utf-8"))["networks"])
    pairs = sorted(set(addresses_of(sorted(networks))))
    plain = sorted({looked_up for _, looked_up in pairs if is_asked(looked_up)})
    wanted = {address: {} for address in plain}
    for name in names:
        records = read(directory / f"{name}.mmdb", plain)
        for address, record in records.items():
            wanted[address] = values(LAYOUTS[name], record) | wanted[address]
    with tempfile.TemporaryDirectory(prefix="jndiwatch-geo-") as folder:
        found = clients(program, folder, [directory / f"{name}.mmdb" for name in names],
                        [as_client for as_client, _ in pairs])
    n_known = 0
    for i, (as_client, looked_up) in enumerate(pairs):
        right = wanted.get(looked_up, {})
        n_known += bool(right)
        if not same(told(found.get(i, {})), right):
            yield f"{as_client}: events say {told(found.get(i, {}))}, the database {right}"
    if n_known == 0:
        yield "no address is known"


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    program, directory = str(Path(sys.argv[1]).resolve()), Path(sys.argv[2])
    if not (directory / "maxmind-city.mmdb").exists():
        print("skipped: libmaxmind-db-writer-perl is not installed")
        return 77
    n_failed = 0
    for names in SETS:
        why = list(faults(program, directory, names))
        print(f"not ok {', '.join(names)}" if why else f"ok {', '.join(names)}")
        print("".join(f"    {line}\n" for line in why[:5]), end="", flush=True)
        n_failed += bool(why)
    print(f"{len(SETS) - n_failed} passed, {n_failed} failed")
    return 1 if n_failed else 0


if __name__ == "__main__":
    sys.exit(main())
