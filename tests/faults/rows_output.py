"""Faults of the output and of the surroundings: rows 33 to 49 of the list of errors."""

import ctypes
import os
import re
import resource
import shutil
import signal
import subprocess

import flows
from harness import (Network, Skip, demand, expect, expect_packets, expect_refused, figure,
                     needs_mounts, of_type, parse, replay, sniffing, unprivileged, urls, wait_for)
from rows_capture import GOOD_PACKETS, OUT, expect_good, good_file

TWO_SECONDS = 2
MANY = 400  # conversations that make more output than a pipe holds


def lines_of(data):
    """Complete JSON lines, whatever they say."""
    return replay.parse(data) if data else []


def lost_in(ended):
    """How many records were lost in the end. A line tells of the fault when it happens, and only if
    more is lost until the end one more has the sum."""
    told = [int(n) for line in ended.errors for n in re.findall(r"; (\d+) records? lost", line)]
    demand(len(told) == len(ended.errors) in (1, 2), f"not one line, or two; {ended.told()}")
    demand(told == sorted(set(told)), f"the same is said twice; {ended.told()}")
    return told[-1]


def full_device(lab):
    good_file(lab)
    os.mkdir(lab.path("D"))
    os.symlink("/dev/full", lab.path("D", "eve.json"))
    expect(lab.run("-r", "good.pcap", *OUT), 0)
    ended = lab.run("-r", "good.pcap", "-l", "D")
    demand(ended.code == 3, ended.told())
    for line in ended.errors:
        demand(line.startswith("cannot write 'D/eve.json': No space left on device; "), line)
    demand(lost_in(ended) == len(lab.events()), f"a wrong number is told; {ended.told()}")


def full_disk(lab):
    """What fits is whole lines, and what does not is counted."""
    needs_mounts()
    good_file(lab, n=MANY)
    expect(lab.run("-r", "good.pcap", *OUT), 0)
    os.mkdir(lab.path("D"))
    script = ('mount -t tmpfs -o size=64k none D || exit 77\n"$@"\ncode=$?\n'
              "cat D/eve.json >kept.json\nexit $code")
    lab.write("d.yaml", "outputs: [{target: D/eve.json, timeout: 300 ms}]\n")
    ended = lab.run("-r", "good.pcap", "-c", "d.yaml",
                    before=["unshare", "--mount", "sh", "-c", script, "sh"])
    if ended.code == 77:
        raise Skip("mounting a file system is not permitted")
    demand(ended.code == 3, ended.told())
    for line in ended.errors:
        demand(line.startswith("cannot write 'D/eve.json': No space left on device; "), line)
    kept, whole = lines_of(lab.text("kept.json")), lab.events()
    demand(0 < len(kept) < len(whole), f"{len(kept)} records fit into 64 kB")
    demand(lost_in(ended) == len(whole) - len(kept),
           f"{len(whole)} records, {len(kept)} written; {ended.told()}")


def file_size_limit(lab):
    """Wherever a write fails, whole lines are kept, and what is not written is counted."""
    good_file(lab)
    expect(lab.run("-r", "good.pcap", *OUT), 0)
    whole = lab.events()
    ends = [at + 1 for at, byte in enumerate(lab.text("out.json")) if byte == 10]
    for limit in (0, 1, ends[0] - 1, ends[0], ends[0] + 1, ends[3] - 1, ends[3], ends[-1] - 1):
        # Standard error is a pipe: the limit holds for its file too.
        reader, writer = os.pipe()
        ended = lab.run("-r", "good.pcap", "-o", f"{limit}.json", stderr=writer,
                        preexec_fn=lambda n=limit: resource.setrlimit(
                            resource.RLIMIT_FSIZE, (n, n)))
        os.close(writer)
        with os.fdopen(reader, "rb") as said:
            ended.err = said.read().decode()
        demand(ended.code == 3, f"with {limit} bytes; {ended.told()}")
        kept = lines_of(lab.text(f"{limit}.json"))
        demand(kept == whole[:len(kept)] and len(kept) == sum(end <= limit for end in ends),
               f"{len(kept)} records within {limit} bytes")
        demand(lost_in(ended) == len(whole) - len(kept),
               f"{len(whole)} records, {len(kept)} written; {ended.told()}")


def names_that_look_up(lab):
    """What standard error says may be read by what it warns of, too."""
    expect_refused(lab.run("-r", "${jndi:ldap://a/b}.pcap", *OUT),
                   r"^cannot open capture '\?\{jndi:ldap://a/b\}\.pcap': No such file")
    name = flows.OPENER + "jndi:x}"
    good_file(lab, f"{name}.pcap")
    lab.write("c.yaml", f"host: '{name}'\noutputs: [{{name: '{name}', target: '{name}.json'}}]\n")
    ended = lab.run("-r", f"{name}.pcap", "-c", "c.yaml", "--exposure", f"{name}.txt")
    expect(ended, 0)
    for told in (ended.err.encode(), lab.text(f"{name}.json"), lab.text(f"{name}.txt")):
        demand(told and flows.OPENER.encode() not in told, f"a look-up: {told[:200]}")


def no_output_directory(lab):
    good_file(lab, "G")
    expect_refused(lab.run("-r", "G", "-l", "none/"),
                   r"^output directory 'none/?' does not exist[;.] mkdir -p none")
    expect_refused(lab.run("-r", "G", "-o", "none/x.json"),
                   r"^output directory 'none' does not exist[;.] mkdir -p none")
    expect_refused(lab.run("-r", "G", "-l", "/proc"), r"'/proc")
    expect_refused(lab.run("-r", "G", "-l", "G"), r"'G' is not a directory")
    expect_refused(lab.run("-r", "G", "-o", "."), r"'\.'")


def output_not_writable(lab):
    before = unprivileged(lab)
    good_file(lab)
    os.mkdir(lab.path("D"), 0o555)
    expect_refused(lab.run("-r", "good.pcap", "-l", "D", before=before),
                   r"^cannot write 'D/eve\.json': Permission denied")


class Fed:
    """A run that reads what is fed to it piece by piece."""

    def __init__(self, lab, *words, **more):
        self.lab = lab
        self.running = lab.start("-r", "-", *words, stdin=subprocess.PIPE, **more)
        self.n = 0
        self.write(flows.pcap([]))

    def write(self, content):
        self.running.process.stdin.write(content)
        self.running.process.stdin.flush()

    def exchange(self):
        """One more conversation, later than those before."""
        start_us = flows.START_US + self.n * 60000000
        talk = flows.exchange(("198.51.100.7", 40000 + self.n), start_us, f"/fed/{self.n}")
        self.write(b"".join(map(flows.record, talk.frames)))
        self.n += 1

    def until(self, condition, what):
        """Feeds until the condition holds."""
        def step():
            if condition():
                return True
            self.running.must_live()
            if self.n < 20000:
                self.exchange()
            return False
        wait_for(step, what)

    def end(self):
        """Ends the input."""
        self.running.process.stdin.close()
        self.running.process.stdin = None
        return self.running.wait()


def has_lines(path):
    return lambda: os.path.exists(path) and os.path.getsize(path) > 0


def expect_fed(n, *parts):
    """The outputs together tell of n conversations, each once."""
    events = [event for part in parts for event in lines_of(part)]
    found = urls(events)
    demand(sorted(found) == sorted(f"/fed/{i}" for i in range(n)),
           f"{len(set(found))} of {n} conversations are told of, {len(found)} times in all")
    demand(len(of_type(events, "flow")) == n, "a flow is missing or twice there")


def renamed_log(lab, number):
    fed = Fed(lab, *OUT)
    path, old = lab.path("out.json"), lab.path("old.json")
    fed.until(has_lines(path), "the first records")
    os.rename(path, old)
    if number is not None:
        fed.running.signal(number)
    fed.until(has_lines(path), "a new file under the old name")
    expect(fed.end(), 0)
    expect_fed(fed.n, lab.text("old.json"), lab.text("out.json"))


def log_renamed_and_sighup(lab):
    renamed_log(lab, signal.SIGHUP)


def log_renamed(lab):
    renamed_log(lab, None)


def sighup_in_vain(lab):
    """The name cannot be opened any more: one whole line says so, and the old file goes on."""
    os.mkdir(lab.path("D"))
    fed = Fed(lab, "-o", "D/out.json")
    fed.until(has_lines(lab.path("D", "out.json")), "the first records")
    os.rename(lab.path("D"), lab.path("E"))
    fed.running.signal(signal.SIGHUP)
    fed.until(lambda: b"going on with the old one" in fed.running.err(), "the complaint")
    expect(fed.end(), 0, r"^(cannot write|output directory) '[^'?]*'[^?]*; going on with the old "
           r"one$")
    expect_fed(fed.n, lab.text(os.path.join("E", "out.json")))


def log_deleted(lab):
    fed = Fed(lab, *OUT)
    path = lab.path("out.json")
    fed.until(has_lines(path), "the first records")
    with open(path, "rb") as old:
        os.remove(path)
        fed.until(has_lines(path), "a new file")
        expect(fed.end(), 0)
        old.seek(0)
        expect_fed(fed.n, old.read(), lab.text("out.json"))


def signals_at_the_start(lab):
    """A rotation of logs, or an update of rules, while rules are still read ends nothing."""
    good_file(lab)
    os.mkfifo(lab.path("late.rules"))
    running = lab.start("-r", "good.pcap", "-S", "late.rules", *OUT)
    with open(lab.path("late.rules"), "w", encoding="ascii") as rules:
        running.signal(signal.SIGHUP)
        running.signal(signal.SIGUSR2)
        rules.write('alert http any any -> any any (msg:"late"; http.uri; content:"/"; sid:7;)\n')
    os.remove(lab.path("late.rules"))
    ended = running.wait()
    demand(ended.code == 0, ended.told())
    demand(lab.events(), "nothing was written")


def write_rule(lab, sid, keyword=""):
    with open(lab.path("fed.rules"), "w", encoding="ascii") as file:
        file.write(f'alert http any any -> any any (msg:"fed"; http.uri; content:"/fed/"; '
                   f'{keyword} sid:{sid};)\n')


def alert_of(lab, sid):
    """Whether the output has an alert of that rule; looks again only when it has grown."""
    path, needle, looked_at = lab.path("out.json"), f'"signature_id":{sid},'.encode(), [0]

    def condition():
        size = os.path.getsize(path) if os.path.exists(path) else 0
        if size == looked_at[0]:
            return False
        looked_at[0] = size
        return needle in lab.text("out.json")
    return condition


def sids(lab):
    """The numbers of our rules in the alerts, without repeats beside one another."""
    found = []
    for event in of_type(lines_of(lab.text("out.json")), "alert"):
        sid = event["alert"]["signature_id"]
        if sid < 100 and found[-1:] != [sid]:
            found.append(sid)
    return found


def rules_reloaded(lab, *words):
    """New rules are taken, wrong ones refused in one line; no conversation is missed."""
    write_rule(lab, 1)
    fed = Fed(lab, *OUT, "-S", "fed.rules", *words)
    fed.until(alert_of(lab, 1), "an alert of the first rule")
    write_rule(lab, 2)
    fed.running.signal(signal.SIGUSR2)
    fed.until(lambda: b"reloaded: " in fed.running.err(), "the new rules")
    fed.until(alert_of(lab, 2), "an alert of the second rule")
    write_rule(lab, 3, 'nosuch:"a";')
    fed.running.signal(signal.SIGUSR2)
    fed.until(lambda: b"reload refused: " in fed.running.err(), "the refusal")
    n = fed.n
    fed.until(lambda: fed.n > n + 3, "more conversations")
    expect(fed.end(), 0, r"^reload refused: fed\.rules:1: sid 3: unknown keyword 'nosuch'; "
           r"the old rules stay in use$")
    expect_fed(fed.n, lab.text("out.json"))
    demand(sids(lab) == [1, 2], f"alerts of the rules {sids(lab)}")


def rules_reloaded_by_workers(lab):
    rules_reloaded(lab, "--workers", "2")


def stopped(lab, number):
    """A signal ends a replay: what was read is told of, and where it stopped is said."""
    fed = Fed(lab, *OUT)
    fed.until(has_lines(lab.path("out.json")), "the first records")
    os.kill(fed.running.pid, number)
    ended = fed.running.wait(TWO_SECONDS if not lab.sanitized else 20)
    expect(ended, 1, r"^stopped .*at packet \d+")
    events = lab.events()
    n = figure(events, "decoder.pkts")
    expect_packets(events, n)
    at = int(re.search(r"at packet (\d+)", ended.errors[0])[1])
    demand(at in (n, n + 1), f"{n} packets were read; {ended.told()}")
    demand(len(urls(events)) >= n // flows.PER_EXCHANGE, "open transactions were not written")


def sigterm(lab):
    stopped(lab, signal.SIGTERM)


def sigint(lab):
    stopped(lab, signal.SIGINT)


def second_signal(lab):
    """Held up by an output that nobody reads, a second signal ends it at once."""
    good_file(lab, n=MANY)
    for number in (signal.SIGTERM, signal.SIGINT):
        path = lab.path(f"fifo{int(number)}")
        os.mkfifo(path)
        reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        lab.cleanups.callback(os.close, reader)
        running = lab.start("-r", "good.pcap", "-o", path)
        # Full: no event of this replay fits any more.
        running.wait_for(lambda: blocked(running.pid), "the pipe to be full")
        running.signal(number)
        demand(running.alive(), "did not wait for its output")
        os.kill(running.pid, number)
        ended = running.wait()
        demand(ended.code == 128 + number, f"expected {128 + number}; {ended.told()}")
        demand(len(ended.errors) == 1 and re.search("not (yet )?written", ended.errors[0]),
               f"what was not written is not said; {ended.told()}")


def blocked(pid):
    """Whether a thread of the process waits in write()."""
    for thread in os.listdir(f"/proc/{pid}/task"):
        try:
            with open(f"/proc/{pid}/task/{thread}/syscall", encoding="ascii") as file:
                call = file.read().split()
        except OSError:
            continue
        if call and call[0] == str({"x86_64": 1, "aarch64": 64}.get(os.uname().machine)):
            return True
    return False


def signal_and_its_echo(lab):
    """One after the other, as timeout(1) sends it to a process and to its group: the run ends with
    all written. To a process that stands still, and to its thread, so that they are two."""
    network = Network(lab)
    network.ip("link", "set", "lo", "up")
    live = lab.start("-i", "lo", "-o", "out.json", before=network.enter)
    live.wait_for(lambda: sniffing(live.pid), "the capture to start")
    os.kill(live.pid, signal.SIGSTOP)
    os.kill(live.pid, signal.SIGTERM)
    demand(ctypes.CDLL(None).tgkill(live.pid, live.pid, int(signal.SIGTERM)) == 0, "not sent")
    os.kill(live.pid, signal.SIGCONT)
    expect(live.wait(), 0)
    lab.events("out.json")


def live_sigterm(lab):
    """A live capture that is told to end has done what it was to do: 0."""
    network = Network(lab)
    network.ip("link", "set", "lo", "up")
    for number in (signal.SIGTERM, signal.SIGINT):
        name = f"{int(number)}.json"
        live = lab.start("-i", "lo", "-o", name, before=network.enter)
        live.wait_for(lambda: sniffing(live.pid), "the capture to start")
        os.kill(live.pid, number)
        expect(live.wait(), 0)
        lab.events(name)


def killed(lab):
    """After a kill at most the last line is broken; the next run ends it and appends."""
    fed = Fed(lab, *OUT)
    path = lab.path("out.json")
    fed.until(has_lines(path), "the first records")
    fed.running.process.kill()
    fed.running.process.wait()
    whole = lab.text("out.json")
    lines_of(whole[:whole.rindex(b"\n") + 1])
    lab.write("out.json", whole.rstrip(b"\n")[:-10])
    broken = len(lab.text("out.json").splitlines())
    good_file(lab)
    expect(lab.run("-r", "good.pcap", *OUT), 0)
    after = lab.text("out.json").split(b"\n")
    expect_good(parse(b"\n".join(after[broken:])))


def closed_stdout(lab):
    """A reader that goes away is a lost output, not a signal that kills."""
    good_file(lab, n=MANY)
    reader, writer = os.pipe()
    os.close(reader)
    running = lab.start("-r", "good.pcap", "-o", "-", stdout=writer)
    os.close(writer)
    ended = running.wait()
    demand(ended.code == 3, f"expected exit code 3; {ended.told()}")
    demand(lost_in(ended) > MANY, ended.told())


def head_of_stdout(lab):
    good_file(lab, n=MANY)
    running = lab.start("-r", "good.pcap", "-o", "-")
    first = running.process.stdout.readline()
    running.process.stdout.close()
    running.process.stdout = None
    demand(len(lines_of(first)) == 1, f"not a line of JSON: {first[:80]!r}")
    ended = running.wait()
    demand(ended.code == 3, f"expected exit code 3; {ended.told()}")


def standard_output(lab):
    """-o - writes events to standard output, and nothing else."""
    good_file(lab)
    ended = lab.run("-r", "good.pcap", "-o", "-")
    expect(ended, 0)
    expect_good(parse(ended.out))


def closed_at_start(lab):
    """Without standard input, output and error no file takes their places."""
    good_file(lab)
    lab.write("cut.pcap", flows.pcap(flows.good())[:-7])
    whole = lab.text("cut.pcap")
    os.mkdir(lab.path("D"))
    for closing in ("<&- >&- 2>&-", ">&-", "2>&-", "<&-", "<&- 2>&-", ">&- 2>&-"):
        for name, code in (("good.pcap", 0), ("cut.pcap", 1)):
            ended = lab.run("-r", name, "-l", "D",
                            before=["sh", "-c", f'exec "$@" {closing}', "sh"])
            demand(ended.code == code, f"{closing}: expected {code}; {ended.told()}")
            events = parse(lab.text("D/eve.json"))
            expect_packets(events, GOOD_PACKETS - (name == "cut.pcap"))
            os.remove(lab.path("D/eve.json"))
    demand(lab.text("cut.pcap") == whole, "the capture was written to")


def few_descriptors(lab):
    """With too few descriptors it says so and does not start; with enough all is as always."""
    good_file(lab)
    results = set()
    for n in range(5, 24):
        ended = lab.run("-r", "good.pcap", "-o", f"{n}.json",
                        preexec_fn=lambda n=n: resource.setrlimit(resource.RLIMIT_NOFILE, (n, n)))
        if ended.code == 127 and "error while loading shared libraries" in ended.err:
            continue
        results.add(ended.code)
        if ended.code == 0:
            expect_good(lab.events(f"{n}.json"))
        else:
            expect(ended, 2, r"Too many open files.*[Rr]aise LimitNOFILE")
    demand(0 in results, "23 descriptors are not enough")


def small_memory(lab):
    """With too little memory it says so and does not start; it never dies of it."""
    if lab.sanitized:
        raise Skip("address space cannot be limited under AddressSanitizer")
    good_file(lab)
    mib = 1024 * 1024
    codes = {}
    for limit in (24, 48, 96, 150, 195, 300, 400, 600, 4096):
        def before_exec(limit=limit):
            resource.setrlimit(resource.RLIMIT_AS, (limit * mib, limit * mib))
        ended = lab.run("-r", "good.pcap", "-o", f"{limit}.json", preexec_fn=before_exec)
        if ended.code == 127 and "error while loading shared libraries" in ended.err:
            continue
        codes[limit] = ended.code
        if ended.code == 0:
            expect_packets(lab.events(f"{limit}.json"), GOOD_PACKETS)
        else:
            demand(ended.code == 2 and len(ended.errors) == 1,
                   f"with {limit} MiB of address space; {ended.told()}")
            demand(re.search(r"memory", ended.errors[0]), ended.told())
    demand(codes.get(4096) == 0, f"4 GiB are not enough: {codes}")


def limit_beyond_the_address_space(lab):
    """A memory limit that the system will not grant is told at the start."""
    if lab.sanitized:
        raise Skip("address space cannot be limited under AddressSanitizer")
    good_file(lab)
    lab.write("s.yaml", "memory: {limit: 1 GiB}\n")
    limit = 800 * 1024 * 1024
    ended = lab.run("-r", "good.pcap", "-c", "s.yaml", *OUT, preexec_fn=lambda: resource.setrlimit(
        resource.RLIMIT_AS, (limit, limit)))
    expect_refused(ended, r"needs \d+ MiB.*limit is 800 MiB.*lower memory\.limit")


def output_in_use(lab):
    fed = Fed(lab, *OUT)
    fed.running.wait_for(lambda: os.path.exists(lab.path("out.json")), "the start")
    good_file(lab)
    ended = lab.run("-r", "good.pcap", *OUT)
    expect_refused(ended, r"^output 'out\.json' is in use by ")
    fed.exchange()
    expect(fed.end(), 0)
    expect_fed(1, lab.text("out.json"))


def same_everywhere(lab, settings):
    """The surroundings of the process change no byte of the events."""
    good_file(lab)
    expect(lab.run("-r", "good.pcap", "-o", "plain.json"), 0)
    wanted = lab.text("plain.json")
    for i, setting in enumerate(settings):
        expect(lab.run("-r", "good.pcap", "-o", f"{i}.json", env={**os.environ, **setting}), 0)
        demand(lab.text(f"{i}.json") == wanted, f"{setting} changes the output")


def time_zones(lab):
    same_everywhere(lab, [{"TZ": zone} for zone in ("Nowhere", "Asia/Kathmandu", ":/etc/passwd",
                                                     "XYZ-99:99", "")])


def wall_clock(lab):
    if shutil.which("faketime") is None:
        raise Skip("another wall clock needs faketime")
    good_file(lab)
    expect(lab.run("-r", "good.pcap", "-o", "plain.json"), 0)
    # faketime is preloaded, and AddressSanitizer wants to be told that it does not come first.
    options = os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"
    expect(lab.run("-r", "good.pcap", *OUT, before=["faketime", "1999-12-31 23:59:59"],
                   env={**os.environ, "ASAN_OPTIONS": options.lstrip(":")}), 0)
    demand(lab.text("out.json") == lab.text("plain.json"), "the wall clock changes the output")


def make_locale(lab, name, source):
    """A locale of the lab's own."""
    if shutil.which("localedef") is None:
        raise Skip("making a locale needs localedef")
    done = subprocess.run(["localedef", "--no-archive", "-i", source, "-f", "UTF-8",
                           lab.path("locales", name)], capture_output=True, check=False)
    # Exit code 1: made, with warnings.
    if done.returncode > 1 or not os.path.isdir(lab.path("locales", name)):
        raise Skip(f"the source of the locale {source} is not installed")


def locales(lab):
    os.mkdir(lab.path("locales"))
    made = []
    for name, source in (("de_DE.UTF-8", "de_DE"), ("tr_TR.UTF-8", "tr_TR")):
        make_locale(lab, name, source)
        made.append({"LOCPATH": lab.path("locales"), "LC_ALL": name})
    same_everywhere(lab, made)


def strange_locale_names(lab):
    same_everywhere(lab, [{"LC_ALL": name} for name in ("xx_XX.UTF-99", "C", "../../../etc", "")])


STRANGE = {
    "nul": b"a\0b", "not-utf8": b"\xff\xfe\xc3\x28\xc0\x80", "surrogate": b"\xed\xa0\x80",
    "quotes": b'"\\"\'\\u0041{}[]', "controls": bytes(range(1, 9)) + b"\x0b\x0c\x1b\x7f",
    "separators": "\u2028\u2029\u0085\ufeff".encode(), "wide": "\U0001f4a3".encode(),
    "half": "\U0001f4a3".encode()[:3], "dollar": b"$" + b"{x}$$" + b"{",
}


def strange_bytes(lab):
    """Whatever bytes stand in a message, every line is one JSON object in UTF-8."""
    packets = []
    for i, (name, value) in enumerate(STRANGE.items()):
        attack = flows.lookup(name) + value
        talk = flows.Talk((flows.CLIENT[0], 41000 + i), start_us=flows.START_US + i * 100000)
        talk.open().client(flows.request(
            b"/" + value, [(b"User-Agent", attack), (b"X-" + value, value), (b"Cookie", value)],
            host=value)).server(flows.response(value, [(b"X-Is", value)])).close()
        packets += talk.frames
    lab.write("strange", flows.pcap(packets))
    expect(lab.run("-r", "strange", *OUT), 0)
    events = lab.events()
    expect_packets(events, len(packets))
    text = lab.text("out.json")
    demand(not re.search(rb"[\x00-\x09\x0b-\x1f\x7f]", text), "a control byte is in the output")
    seen = {event["alert"]["context"]["jndi"]["callback"]["path"] for event
            in of_type(events, "alert")}
    missing = {f"/{name}" for name in STRANGE} - {path[:len(path)] for path in seen}
    demand(not missing, f"no alert about {missing}")


def jq_agrees(lab):
    if shutil.which("jq") is None:
        raise Skip("jq is not installed")
    strange_bytes(lab)
    done = subprocess.run(["jq", "-e", ".event_type", lab.path("out.json")], capture_output=True,
                          check=False)
    demand(done.returncode == 0, f"jq: {done.stderr.decode(errors='replace')}")


def huge_header(lab):
    """A header of a megabyte is no longer than the cap in the output, and the look-ups at its
    start, in it, and behind it are found."""
    long = (flows.lookup("start") + b"A" * 500000 + flows.lookup("middle") + b"A" * 500000
            + flows.lookup("end"))
    talk = flows.Talk().open().client(flows.request("/", [
        (b"X-Long", long), (b"User-Agent", flows.lookup("behind"))]))
    talk.server(flows.response()).close()
    lab.write("long", flows.pcap(talk.frames))
    expect(lab.run("-r", "long", *OUT), 0)
    events = lab.events()
    expect_packets(events, len(talk.parts))
    found = {name.rpartition("/")[2] for event in of_type(events, "alert")
             for name in event["alert"]["context"]["jndi"]["lookups"]}
    demand(found == {"start", "middle", "end", "behind"}, f"look-ups found: {sorted(found)}")
    longest = max(map(len, lab.text("out.json").splitlines()))
    demand(longest <= 65536, f"a line of {longest} bytes")


def strange_mail(lab):
    packets = []
    for i, (name, value) in enumerate(STRANGE.items()):
        talk = flows.Talk((flows.CLIENT[0], 42000 + i), (flows.SERVER[0], 25),
                          flows.START_US + i * 1000000).open().server(b"220 mail\r\n")
        for line in (b"EHLO " + value, b"MAIL FROM:<" + value + b"@x>", b"RCPT TO:<a@b>"):
            talk.client(line + b"\r\n").server(b"250 ok\r\n")
        talk.client(b"DATA\r\n").server(b"354 go\r\n")
        talk.client(b"Subject: " + flows.lookup(name) + value + b"\r\nMIME-Version: 1.0\r\n"
                    b'Content-Type: application/octet-stream; name="' + value + b'"\r\n'
                    b'Content-Disposition: attachment; filename="' + value + b'"\r\n\r\n'
                    b"x\r\n.\r\n")
        talk.server(b"250 ok\r\n").client(b"QUIT\r\n").server(b"221 bye\r\n").close()
        packets += talk.frames
    lab.write("mail", flows.pcap(packets))
    expect(lab.run("-r", "mail", *OUT), 0)
    events = lab.events()
    expect_packets(events, len(packets))
    about = {name.rpartition("/")[2] for event in of_type(events, "alert")
             for name in event["alert"]["context"]["jndi"]["lookups"]}
    demand(set(STRANGE) <= about, f"no alert about {set(STRANGE) - about}")


TESTS = [
    ("row 49 names that look up", names_that_look_up),
    ("row 33 full device", full_device),
    ("row 33 full disk", full_disk),
    ("row 33 file size limit", file_size_limit),
    ("row 34 no output directory", no_output_directory),
    ("row 34 output not writable", output_not_writable),
    ("row 35 log renamed, SIGHUP", log_renamed_and_sighup),
    ("row 35 log renamed, no signal", log_renamed),
    ("row 35 SIGHUP in vain", sighup_in_vain),
    ("row 35 log deleted", log_deleted),
    ("row 35 signals at the start", signals_at_the_start),
    ("row 36 rules reloaded", rules_reloaded),
    ("row 36 rules reloaded, two workers", rules_reloaded_by_workers),
    ("row 37 SIGTERM", sigterm),
    ("row 37 SIGINT", sigint),
    ("row 37 second signal", second_signal),
    ("row 37 live capture told to end", live_sigterm),
    ("row 37 a signal and its echo", signal_and_its_echo),
    ("row 38 killed", killed),
    ("row 39 closed standard output", closed_stdout),
    ("row 39 one line of standard output", head_of_stdout),
    ("row 39 standard output", standard_output),
    ("row 40 closed at start", closed_at_start),
    ("row 41 few descriptors", few_descriptors),
    ("row 42 small memory", small_memory),
    ("row 42 limit beyond the address space", limit_beyond_the_address_space),
    ("row 45 output in use", output_in_use),
    ("row 47 time zones", time_zones),
    ("row 47 wall clock", wall_clock),
    ("row 48 locales", locales),
    ("row 48 strange names of locales", strange_locale_names),
    ("row 49 strange bytes", strange_bytes),
    ("row 49 jq agrees", jq_agrees),
    ("row 49 header of a megabyte", huge_header),
    ("row 49 strange mail", strange_mail),
]
