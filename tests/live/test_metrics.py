#!/usr/bin/python3
"""The figures for Prometheus: scraped by hand over loopback, and by the real one.

usage: test_metrics.py PROGRAM

JNDIWATCH_PROMETHEUS names the folder that holds prometheus and promtool, where they are not on the
path (Debian's package starts a service, so scripts/setup does not install it).
"""
import json
import os
import re
import shutil
import subprocess
import sys

from harness_live import Cables, stop  # first: it sets where the others are
import flows
from harness import Skip, demand, expect, expect_refused, figure, main, of_type, wait_for

WHERE = "127.0.0.1:9917"
ASK = """
import http.client, sys
host, port, method, path = sys.argv[1:]
connection = http.client.HTTPConnection(host, int(port), timeout=30)
connection.request(method, path)
answer = connection.getresponse()
print(answer.status, answer.getheader("Content-Type"))
sys.stdout.write(answer.read().decode())
"""
SAMPLE = re.compile(r'^([a-z_][a-z0-9_]*)(?:\{((?:[a-z]+="(?:[^"\\]|\\.)*",?)+)\})? ([0-9.]+)$')


def ask(network, path="/metrics", method="GET", where=WHERE):
    """Status, type and text; None when nobody answers."""
    host, _, port = where.rpartition(":")
    words = [host.strip("[]"), port, method, path]
    done = subprocess.run([*network.enter, sys.executable, "-c", ASK, *words], capture_output=True,
                          text=True, check=False, timeout=60)
    if done.returncode != 0:
        return None
    first, _, text = done.stdout.partition("\n")
    status, _, kind = first.partition(" ")
    return int(status), kind, text


def read(text):
    """Samples by name and labels. Every family has its help and type once, before its samples."""
    samples, types = {}, {}
    for line in text.splitlines():
        if line.startswith("# HELP "):
            name = line.split()[2]
            demand(name not in types, f"{name} is there twice")
            types[name] = None
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split()
            types[name] = kind
        else:
            found = SAMPLE.match(line)
            demand(found, f"no sample: {line}")
            name, labels, value = found.groups()
            demand(name == list(types)[-1] and types[name] in ("counter", "gauge"),
                   f"{line}: not its family")
            key = (name, labels or "")
            demand(key not in samples, f"{key} is there twice")
            samples[key] = float(value)
    return samples


def scrape(network):
    status, kind, text = ask(network)
    demand(status == 200 and kind == "text/plain; version=0.0.4; charset=utf-8", f"{status} {kind}")
    return read(text)


def total(samples, name, *words):
    """The sum of a family's samples with all of these in their labels."""
    return sum(value for (family, labels), value in samples.items()
               if family == name and all(word in labels for word in words))


def live(lab, *args, listen=WHERE, user="root"):
    cables = Cables(lab)
    cables.network.ip("link", "set", "lo", "up")
    run = cables.start("-o", "out.json", "--set", f"metrics.listen={listen}", *args, user=user)
    return cables, run


def after(cables, run, packets):
    """Sends them; the samples once they are counted."""
    cables.send("v1", packets)
    run.wait_for(lambda: total(scrape(cables.network), "jndiwatch_packets_total") >= len(packets),
                 "the packets")
    return scrape(cables.network)


def figures_are_right(lab):
    os.chmod(lab.folder, 0o777)
    cables, run = live(lab, "--workers", "2", user="nobody")
    quiet = scrape(cables.network)
    demand(total(quiet, "jndiwatch_dollar_brace_total") == 0, "sightings before the first packet")
    samples = after(cables, run, flows.good(5))
    agent = ('proto="http"', 'field="http.user_agent"')
    demand(total(samples, "jndiwatch_dollar_brace_total", *agent) == 5,
           f"{[key for key in samples if 'brace' in key[0]]}")
    demand(total(samples, "jndiwatch_jndi_attempts_total", *agent, 'scheme="ldap"',
                 'class="attack"') == 5, "attempts")
    demand(total(samples, "jndiwatch_jndi_attempts_total") == 5, "other attempts")
    demand(total(samples, "jndiwatch_jndi_unique_sources") == 1, "unique sources")
    demand(total(samples, "jndiwatch_interface_packets_total", 'interface="v0"') == 50, "v0")
    demand(total(samples, "jndiwatch_interface_up", 'interface="v0"') == 1, "it is up")
    demand(total(samples, "jndiwatch_rules_loaded") > 10, "rules")
    demand(total(samples, "suricata_detect_alerts_total") == 5, "names of the exporter")
    demand(total(samples, "jndiwatch_memory_resident_bytes") > 1e6, "resident memory")
    demand(("jndiwatch_output_dropped_total", 'output="file"') in samples, "the output")
    demand(("jndiwatch_packet_lag_seconds", "") in samples, "the lag")
    reasons = {labels for name, labels in samples if name == "jndiwatch_bytes_not_inspected_total"}
    demand('reason="gap"' in reasons and 'reason="tls"' in reasons, f"{reasons}")
    stop(run)
    events = lab.events("out.json")
    demand(len(of_type(events, "alert")) == 5 and figure(events, "decoder.pkts") == 50, "events")


# Counters that stand still once the traffic does; the others go on until the end.
MOVING = {"EVENTS_WRITTEN", "EVENTS_LOST", "FLOW_ACTIVE", "FLOW_MEMUSE", "TCP_REASSEMBLY_MEMUSE"}
# What dashboards made for others ask for.
NAMES = """
 jndiwatch_jndi_unique_sources jndiwatch_jndi_campaigns_active
 jndiwatch_rules_selftest_passed jndiwatch_packet_lag_seconds suricata_uptime_seconds
 suricata_capture_kernel_packets_total suricata_capture_kernel_drops_total
 suricata_capture_errors_total suricata_decoder_packets_total suricata_decoder_bytes_total
 suricata_flow_tcp_total suricata_flow_memuse_bytes suricata_tcp_sessions_total
 suricata_tcp_reassembly_gap_total suricata_tcp_ssn_memcap_drop_total
 suricata_tcp_segment_memcap_drop_total suricata_tcp_midstream_pickups_total
 suricata_detect_alerts_total suricata_detect_alerts_suppressed_total
 suricata_detect_alert_queue_overflows_total"""
LABELLED = [
    ("jndiwatch_dollar_brace_total", ("proto=", "field=")),
    ("jndiwatch_jndi_attempts_total", ("proto=", "field=", "scheme=", "class=")),
    ("jndiwatch_callbacks_total", ("scheme=", "outcome=")),
    ("jndiwatch_bytes_not_inspected_total", ("reason=",)),
    ("jndiwatch_output_dropped_total", ("output=",)),
    ("suricata_detect_engine_rules_loaded", ('id="0"',)),
    ("suricata_detect_engine_rules_failed", ('id="0"',)),
    ("suricata_detect_engine_last_reload_timestamp_seconds", ('id="0"',)),
    ("suricata_app_layer_flows_total", ("app=",)),
]


def rows_of(table, name):
    """Rows of a table of the program: their words, without quotation marks."""
    path = os.path.join(os.path.dirname(__file__), "../../sensor", table)
    with open(path, encoding="utf-8") as source:
        return re.findall(rf'^{name}\((\w+), "?([^",]+)"?, ', source.read(), re.M)


def agrees_with_stats(lab):
    """All names that are asked for are there, and each says what the last stats say."""
    cables, run = live(lab, "--workers", "2")
    samples = after(cables, run, flows.good(7))
    for name in ("jndiwatch_alerts_total", "jndiwatch_jndi_campaigns_active"):
        run.wait_for(lambda name=name: total(scrape(cables.network), name) == 7, name)
    samples = scrape(cables.network)
    stop(run)
    events = lab.events("out.json")
    there = {name for name, _ in samples}
    missing = [name for name in NAMES.split() if (name, "") not in samples]
    demand(not missing, f"not there: {missing}")
    for name, labels in LABELLED:
        demand(any(name == family and all(word in text for word in labels)
                   for family, text in samples), f"{name} {labels}: not among {sorted(there)}")
    paths = dict(rows_of("core/stats.def", "STAT"))
    rows = [row for row in rows_of("output/metrics.def", "METRIC") if row[0] not in MOVING]
    demand(len(rows) > 70, f"{len(rows)} rows were read")
    for counter, name in rows:
        path = counter.lower() if paths[counter] == "NULL" else paths[counter]
        demand(samples[(name, "")] == figure(events, path), f"{name} is not {path}")
    campaigns = {alert["alert"]["context"]["jndi"]["campaign"]
                 for alert in of_type(events, "alert")}
    demand(samples[("jndiwatch_jndi_campaigns_active", "")] == len(campaigns) > 0, f"{campaigns}")


def what_followed(lab):
    """A connection to the call-back, by the host that was attacked, and one by another."""
    cables, run = live(lab, "--workers", "2")
    samples = after(cables, run, flows.good(2))
    count = "jndiwatch_callbacks_total"
    ldap = ('scheme="ldap"', 'outcome="called_back"')
    demand(count in {name for name, _ in samples} and total(samples, count) == 0, "too early")
    run.wait_for(lambda: total(scrape(cables.network), "jndiwatch_callbacks_watched") == 1,
                 "the call-back")
    called = [flows.Talk((host, 41000 + i), ("203.0.113.9", 1389)).open().close().frames
              for i, host in enumerate(("192.0.2.10", "192.0.2.10", "192.0.2.77"))]
    cables.send("v1", [frame for frames in called for frame in frames])
    run.wait_for(lambda: total(scrape(cables.network), count, *ldap) == 2, "two steps")
    demand(total(scrape(cables.network), count) == 2, "others, too")
    stop(run)
    steps = [event for event in of_type(lab.events("out.json"), "alert")
             if event["alert"]["signature_id"] == 9000202]
    demand([s["alert"]["target"]["ip"] for s in steps] == ["192.0.2.10", "192.0.2.77"], steps)


def other_questions(lab):
    cables, run = live(lab, listen="9917")
    demand(ask(cables.network, "/")[0] == 404, "there is nothing but /metrics")
    demand(ask(cables.network, "/metrics", "POST")[0] == 405, "POST")
    status, _, text = ask(cables.network, "/metrics", "HEAD")
    demand(status == 200 and text == "", "HEAD")
    demand(ask(cables.network, "/metrics?x=1")[0] == 200, "a query")
    stop(run)
    demand(ask(cables.network) is None, "it answers after the end")


def wrong_addresses(lab):
    lab.write("g", flows.pcap(flows.good()))
    for where in ("nowhere", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:70000", "localhost:9917",
                  "::1:9917"):
        expect_refused(lab.run("-r", "g", "-o", "-", "--set", f"metrics.listen={where}"),
                       rf"^metrics.listen: '{re.escape(where)}' is not an address and a port; ")
    cables, run = live(lab)
    second = lab.start("-r", lab.path("g"), "-o", "-", "--set", f"metrics.listen={WHERE}",
                       before=cables.network.enter)
    expect(second.wait(), 2,
           rf"^cannot listen at '{WHERE}' for metrics.listen: Address already in use")
    stop(run)


def of_a_file(lab):
    """There, too, and no event is another for it."""
    lab.write("g", flows.pcap(flows.good()))
    expect(lab.run("-r", "g", "-o", "without.json"), 0)
    cables = Cables(lab)
    cables.network.ip("link", "set", "lo", "up")
    run = lab.start("-r", lab.path("g"), "-o", "with.json", "--set", f"metrics.listen={WHERE}",
                    before=cables.network.enter)
    expect(run.wait(), 0)
    alerts = [of_type(lab.events(name), "alert") for name in ("with.json", "without.json")]
    demand(alerts[0] == alerts[1] and len(alerts[0]) == 3, "other alerts")


def tool(name):
    folder = os.environ.get("JNDIWATCH_PROMETHEUS")
    found = os.path.join(folder, name) if folder else shutil.which(name)
    if not found or not os.path.exists(found):
        raise Skip(f"{name} is not installed")
    return found


def prometheus(lab):
    """The real one scrapes, its own tool finds nothing to complain of."""
    check, server = tool("promtool"), tool("prometheus")
    cables, run = live(lab)
    after(cables, run, flows.good(5))
    done = subprocess.run([check, "check", "metrics"], input=ask(cables.network)[2], text=True,
                          capture_output=True, check=False, timeout=60)
    demand(done.returncode == 0 and not done.stderr, f"promtool: {done.stdout}{done.stderr}")
    lab.write("prometheus.yml", "scrape_configs:\n- job_name: jndiwatch\n  scrape_interval: 1s\n"
              f"  static_configs:\n  - targets: ['{WHERE}']\n")
    process = subprocess.Popen(
        [*cables.network.enter, server, f"--config.file={lab.path('prometheus.yml')}",
         f"--storage.tsdb.path={lab.path('tsdb')}", "--web.listen-address=127.0.0.1:9090"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    lab.cleanups.callback(process.wait)
    lab.cleanups.callback(process.kill)

    def seen():
        answer = ask(cables.network, "/api/v1/query?query=sum(jndiwatch_jndi_attempts_total)",
                     where="127.0.0.1:9090")
        result = json.loads(answer[2])["data"]["result"] if answer and answer[0] == 200 else []
        return result and result[0]["value"][1] == "5"
    wait_for(seen, "Prometheus to have scraped")
    stop(run)


TESTS = [
    ("the figures are right", figures_are_right),
    ("they are those of the stats", agrees_with_stats),
    ("what followed attempts", what_followed),
    ("what else is asked", other_questions),
    ("addresses that cannot be", wrong_addresses),
    ("figures of a file", of_a_file),
    ("the real Prometheus", prometheus),
]

if __name__ == "__main__":
    main(__doc__, TESTS)
