#!/usr/bin/python3
"""What the sensor gives up once everything is open, and that it still does what it is asked to.

usage: test_rights.py PROGRAM --breakout BREAKOUT
"""
import ctypes
import errno
import functools
import os
import pwd
import re
import signal
import struct
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "faults"))

import flows  # noqa: E402
from harness import (Network, Skip, arguments, demand, expect, expect_refused,  # noqa: E402
                     figure, main, match_lines, sniffing, unprivileged, waits_for_input)

# What a taken-over thread tries that harms nobody.
HARMLESS = {"allocate"}
RULE = 'alert tcp any any -> any any (msg:"m"; content:"never-sent"; sid:{}; rev:1;)\n'


def built_without(lab):
    about = subprocess.run([lab.program, "--build-info"], capture_output=True, check=True).stdout
    return b"sandbox: none" in about


def break_out(lab, way):
    """How each try ended, by its name; and the walls that stood."""
    if built_without(lab):
        raise Skip("the program was built without a sandbox")
    inside = lab.path("inside-it")
    lab.write("inside-it/inside", "")
    said = subprocess.run([lab.options.breakout, way, inside], capture_output=True, check=True,
                          text=True).stdout.splitlines()
    walls = said[0].split()[1:]
    if way != "free" and "seccomp" not in walls:
        raise Skip("no seccomp here")
    return dict(line.split() for line in said[1:]), walls


def without_sandbox(lab):
    """All that is tried can be done, so that what fails below fails for the sandbox."""
    tries, _ = break_out(lab, "free")
    failed = {name: how for name, how in tries.items() if how != "ok"}
    failed.pop("make_namespace", None)  # of threads, the kernel refuses it anyway
    demand(not failed and len(tries) > 10, f"cannot be done at all: {failed}")


def worker_breaks_out(lab):
    """No file, no connection, no program, no thread: nothing but memory."""
    tries, _ = break_out(lab, "worker")
    demand(len(tries) > 10, f"nothing was tried: {tries}")
    for name, how in tries.items():
        wanted = "ok" if name in HARMLESS else "EPERM"
        demand(how == wanted, f"{name}: {how}, expected {wanted}")
    demand(not os.path.exists(lab.path("outside")), "a file was made")


def process_breaks_out(lab):
    """The threads that read configuration and write output: files of their folders, no more."""
    tries, walls = break_out(lab, "process")
    outside = "EACCES" if "landlock" in walls else "ok"
    wanted = {name: "ok" for name in HARMLESS | {"open_inside", "start_thread"}}
    wanted.update(open_outside=outside, create_outside=outside)
    for name, how in tries.items():
        expected = wanted.get(name, "EPERM")
        demand(how == expected, f"{name}: {how}, expected {expected}")


class Live:
    """A sensor on one end of a cable, started by root."""

    def __init__(self, lab, *args, user="nobody", **more):
        if os.geteuid() != 0:
            raise Skip("giving rights up needs root")
        if built_without(lab):
            raise Skip("the program was built without a sandbox")
        os.chmod(lab.folder, 0o755)
        self.lab = lab
        self.network = Network(lab)
        self.network.ip("link", "add", "v0", "up", "type", "veth", "peer", "name", "v1")
        self.network.ip("link", "set", "v1", "up")
        os.makedirs(lab.path("log"), exist_ok=True)
        os.chown(lab.path("log"), pwd.getpwnam(user).pw_uid, pwd.getpwnam(user).pw_gid)
        self.run = lab.start("-i", "v0", "-l", "log", "--user", user, "--set", "cache=none", *args,
                             before=self.network.enter, **more)
        self.run.wait_for(lambda: self.limit("processes") == "0", "the rights to be given up")

    def status(self, thread=None):
        task = f"/task/{thread}" if thread else ""
        with open(f"/proc/{self.run.pid}{task}/status", encoding="ascii") as file:
            return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)

    def limit(self, name):
        try:
            with open(f"/proc/{self.run.pid}/limits", encoding="ascii") as file:
                return re.search(rf"^Max {name} +(\S+)", file.read(), re.M)[1]
        except OSError:
            return None

    def threads(self):
        return os.listdir(f"/proc/{self.run.pid}/task")

    def end(self, *warnings):
        os.kill(self.run.pid, signal.SIGTERM)
        ended = self.run.wait()
        expect(ended, 0)
        match_lines(besides_cables(ended), warnings, "warning", ended)
        return ended


def besides_cables(ended):
    """The warnings that are not about how a cable of the kernel's is set up."""
    return [line for line in ended.warnings if "ethtool" not in line]


def live_gives_up(lab):
    live = Live(lab)
    nobody = str(pwd.getpwnam("nobody").pw_uid)
    main_thread = live.status()
    demand(main_thread["Uid"].split() == [nobody] * 4, f"Uid is {main_thread['Uid']}")
    demand(not main_thread["Groups"].split()[1:], f"Groups are {main_thread['Groups']}")
    demand(int(main_thread["CapPrm"], 16) == 1 << 13, f"CapPrm is {main_thread['CapPrm']}")
    for name, wanted in (("CapBnd", 0), ("CapInh", 0), ("CapAmb", 0), ("NoNewPrivs", 1),
                         ("Seccomp", 2)):
        demand(int(main_thread[name], 16) == wanted, f"{name} is {main_thread[name]}")
    for name in ("processes", "core file size"):
        demand(live.limit(name) == "0", f"the limit of {name} is {live.limit(name)}")
    tasks = [live.status(thread) for thread in live.threads()]
    bare = [task for task in tasks
            if int(task["CapPrm"], 16) == 0 and int(task["Seccomp_filters"]) == 2]
    demand(len(bare) == 1, f"{len(bare)} workers with nothing at all, of {len(tasks)} threads")
    demand(all(task["Seccomp"] == "2" for task in tasks), "a thread without a filter")
    live.end()
    owner = os.stat(lab.path("log", "eve.json")).st_uid
    demand(owner == int(nobody), f"the output belongs to user {owner}")


def live_is_asked(lab):
    """SIGHUP and SIGUSR2 work as before, also on files that took the place of others."""
    lab.write("rules/a.rules", RULE.format(1))
    live = Live(lab, "-S", "rules/a.rules")
    for n, sids in enumerate(((1, 2), (1, 2, 3))):
        lab.write("rules/new", "".join(RULE.format(sid) for sid in sids))
        os.rename(lab.path("rules", "new"), lab.path("rules", "a.rules"))
        os.kill(live.run.pid, signal.SIGUSR2)
        live.run.wait_for(lambda n=n: live.run.err().count(b"reloaded: ") == n + 1, "a reload")
    os.rename(lab.path("log", "eve.json"), lab.path("log", "old.json"))
    os.kill(live.run.pid, signal.SIGHUP)
    live.run.wait_for(lambda: os.path.exists(lab.path("log", "eve.json")), "a new output")
    live.end()
    events = lab.events("log/eve.json")
    loaded = figure(events, "rules_loaded")
    rules = int(re.search(rb"defaults, (\d+) rules", live.run.err())[1])
    demand(loaded == rules + 2, f"{loaded} rules, {rules} and two more were to be there")


def live_cannot_any_more(lab):
    """What the user will not be able to do is told at the start, and refused later."""
    path = lab.write("secret/a.rules", RULE.format(1))
    os.chmod(path, 0o600)
    live = Live(lab, "-S", "secret/a.rules")
    os.kill(live.run.pid, signal.SIGUSR2)
    live.run.wait_for(lambda: b"reload refused" in live.run.err(), "a refusal")
    os.kill(live.run.pid, signal.SIGTERM)
    ended = live.run.wait()
    demand(ended.code == 0, ended.told())
    match_lines(ended.errors, [r"^reload refused: .*'?secret/a.rules"], "error", ended)
    match_lines(besides_cables(ended), [r"^user 'nobody' cannot read 'secret/a.rules': a reload "
                                        r"will be refused"], "warning", ended)


def live_as_root(lab):
    live = Live(lab, user="root")
    demand(live.status()["Uid"].split() == ["0"] * 4, "root was told to stay root")
    demand(int(live.status()["CapPrm"], 16) == 1 << 13 | 1 << 1, "capabilities are left")
    live.end(r"^goes on as root")


def refuse_landlock(refusal):
    """Called in a process that is to start: a filter as containers have them (seccomp(2)) fails
    the call that asks for Landlock."""
    libc = ctypes.CDLL(None, use_errno=True)
    call = {"x86_64": 444, "aarch64": 444}[os.uname().machine]
    load, equal, give = 0x20, 0x15, 0x06  # BPF: the call's number; is it that one; the verdict
    allow, fail = 0x7FFF0000, 0x00050000 | refusal
    rules = [(load, 0, 0, 0), (equal, 0, 1, call), (give, 0, 0, fail), (give, 0, 0, allow)]
    text = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *rule) for rule in rules))
    program = ctypes.create_string_buffer(struct.pack("@HP", len(rules), ctypes.addressof(text)))
    if libc.prctl(38, 1, 0, 0, 0) != 0 or libc.prctl(22, 2, program, 0, 0) != 0:
        os._exit(99)


def without_landlock(lab):
    """It goes on behind the other wall, and says why this one does not stand."""
    for refusal, words in (
            (errno.ENOSYS, r"^no Landlock in this kernel: the user's files are not held back$"),
            (errno.EOPNOTSUPP, r"^Landlock is switched off in this kernel: .* lsm= parameter$"),
            (errno.EPERM, r"^Landlock cannot be used here: Operation not permitted; .* allow "
                          r"landlock_create_ruleset, landlock_add_rule and ")):
        live = Live(lab, user="root",
                    preexec_fn=functools.partial(refuse_landlock, refusal))
        demand(live.status()["Seccomp_filters"] == "2", "no filter of its own")
        live.end(r"^goes on as root", words)


def no_such_user(lab):
    lab.write("g", flows.pcap(flows.good()))
    expect_refused(lab.run("-r", "g", "--user", "nosuchuser"),
                   r"^no user 'nosuchuser'; useradd --system nosuchuser")


def only_root_can(lab):
    before = unprivileged(lab)
    lab.write("g", flows.pcap(flows.good()))
    expect_refused(lab.run("-r", "g", "-o", "-", "--user", "root", before=before),
                   r"^only root can become user 'root'")


def replay_goes_on(lab):
    """A replay stays who it is, reads what comes later in its folder, and is held all the same."""
    lab.write("all/a", flows.pcap(flows.good()))
    replay = lab.start("-r", "-", "-o", "out.json", stdin=subprocess.PIPE)
    replay.process.stdin.write(flows.pcap(flows.good())[:100])
    replay.process.stdin.flush()
    replay.wait_for(lambda: waits_for_input(replay.pid), "all to be read")
    with open(f"/proc/{replay.pid}/status", encoding="ascii") as file:
        status = file.read()
    if not built_without(lab):
        demand("Seccomp:\t2" in status, "no seccomp")
    demand(f"Uid:\t{os.geteuid()}" in status, "another user")
    replay.process.stdin.write(flows.pcap(flows.good())[100:])
    replay.process.stdin.close()
    replay.process.stdin = None
    expect(replay.wait(), 0)
    expect(lab.run("-r", "all", "-o", "folder.json", "--workers", "2"), 0)
    demand(len(lab.events("folder.json")) == len(lab.events("out.json")), "events are missing")


TESTS = [
    ("without a sandbox everything can be done", without_sandbox),
    ("a worker that is taken over can do nothing", worker_breaks_out),
    ("the process opens files of its folders alone", process_breaks_out),
    ("live capture gives its rights up", live_gives_up),
    ("live capture reopens and reloads behind the drop", live_is_asked),
    ("what the user may not is told", live_cannot_any_more),
    ("root stays root when told to", live_as_root),
    ("Landlock that is refused is told, and why", without_landlock),
    ("no such user", no_such_user),
    ("only root can become another user", only_root_can),
    ("a replay stays who it is", replay_goes_on),
]

if __name__ == "__main__":
    parser = arguments(__doc__)
    parser.add_argument("--breakout", required=True)
    main(__doc__, TESTS, parser)
