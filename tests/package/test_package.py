#!/usr/bin/python3
"""What is installed beside the program, held against the program's own tables: unit, manual pages,
completion, configuration; and what it tells a service manager.

usage: test_package.py PROGRAM --manual FILE
"""
import os
import re
import shutil
import signal
import socket
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.join(HERE, "..", "..")
PACKAGING = os.path.join(TOP, "packaging")
UNITS = ("jndiwatch.service", "jndiwatch-honeypot.service")
sys.path.insert(0, os.path.join(HERE, "..", "live"))

from harness_live import Cables  # noqa: E402  first: it sets where the others are
from harness import Skip, arguments, demand, expect, main, wait_for  # noqa: E402

MOST_EXPOSED = 2.0


def read(*names):
    with open(os.path.join(PACKAGING, *names), encoding="utf-8") as file:
        return file.read()


def tool(name):
    if shutil.which(name) is None:
        raise Skip(f"{name} is not installed")
    return name


def said(*words, **more):
    return subprocess.run(words, capture_output=True, check=True, text=True, **more).stdout


def options_of(lab):
    """The options as --help lists them: long names, each with its letter or None."""
    return {long: letter for letter, long in
            re.findall(r"^  (?:-(\w), |    )--([\w-]+)", said(lab.program, "--help"), re.M)}


def keys_of(lab):
    return [line.split("\t") for line in said(lab.program, "--list-keys").splitlines()]


def start_of(name):
    """The words of a unit's start."""
    command = re.search(r"^ExecStart=((?:.*\\\n)*.*)$", read(name), re.M)[1]
    return command.replace("\\\n", " ").split()


def sockets_have_listeners(lab):
    """Each port that the service manager opens is one of the honeypot's, and the program agrees:
    only the ports here are others, so that nobody needs rights."""
    unit = read("jndiwatch-honeypot.socket")
    opened = re.findall(r"^Listen(Stream|Datagram)=(\d+)$", unit, re.M)
    service = read("jndiwatch-honeypot.service")
    demand(re.search(r"^Requires=jndiwatch-honeypot.socket$", service, re.M),
           "started by itself, the service would have no port")
    words = start_of("jndiwatch-honeypot.service")
    named = [words[at + 1] for at, word in enumerate(words) if word == "--listen"]
    wanted = [("Datagram" if one.startswith("syslog:") else "Stream", one.split(":")[2])
              for one in named]
    demand(opened and sorted(opened) == sorted(wanted), f"{opened} is not {wanted}")
    free = [re.sub(r":\d+", ":0", one).replace("*", "127.0.0.1") for one in named]
    words = [word for one in free for word in ("--listen", one)]
    expect(lab.run("honeypot", "-T", *words, "-o", "-"), 0)


def unit_is_hardened(lab):
    """As systemd itself scores it, without a running one."""
    for name in UNITS:
        unit = shutil.copy(os.path.join(PACKAGING, name), lab.path(name))
        done = subprocess.run([tool("systemd-analyze"), "security", "--offline=true", unit],
                              capture_output=True, check=False, text=True)
        score = re.search(rf"Overall exposure level for {name}: ([\d.]+)", done.stdout)
        demand(score, f"{name}: no score: {done.stdout[-200:]} {done.stderr}")
        demand(float(score[1]) <= MOST_EXPOSED, f"{name}: exposure level {score[1]}")


def units_are_understood(lab):
    """By the systemd of the Debian that the package is for: not a word of them is ignored. Only the
    program is where it is built, and its pages are not installed."""
    paths = []
    for name in (*UNITS, "jndiwatch-honeypot.socket"):
        text = re.sub(r"^Documentation=.*\n", "", read(name), flags=re.M)
        paths.append(lab.write(name, text.replace("/usr/bin/jndiwatch", lab.program)))
    done = subprocess.run([tool("systemd-analyze"), "verify", *paths], capture_output=True,
                          check=False, text=True)
    complaints = [line for line in done.stderr.splitlines() if lab.folder in line
                  or line.startswith("jndiwatch")]
    demand(done.returncode == 0 and not complaints, f"{done.returncode}: {done.stderr}")


def calls_in(group):
    """System calls of one of systemd's groups, and of those within it."""
    listed = said(tool("systemd-analyze"), "syscall-filter", group).splitlines()[1:]
    names = {line.strip() for line in listed if line.strip()[:1] not in ("", "#")}
    inner = [calls_in(name) for name in names if name.startswith("@")]
    return {name for name in names if name[0] != "@"}.union(*inner)


def permitted_by(unit):
    """System calls, as the lines of SystemCallFilter add them and take them away."""
    permitted = set()
    for taken, words in re.findall(r"^SystemCallFilter=(~?)(.*)$", read(unit), re.M):
        named = set().union(*(calls_in(word) if word.startswith("@") else {word}
                              for word in words.split()))
        permitted = permitted - named if taken else permitted | named
    return permitted


def unit_permits_what_is_asked_for(lab):
    """From the start to the end, with what it asks for to give up more by itself."""
    if os.geteuid() != 0:
        raise Skip("starting it without rights needs root")
    nobody = [tool("setpriv"), "--reuid=65534", "--regid=65534", "--clear-groups",
              "--no-new-privs", tool("strace"), "-f", "-qq"]
    os.makedirs(lab.path("log"))
    for path in (lab.folder, lab.path("log")):
        os.chmod(path, 0o777)
    run = lab.start("honeypot", "--listen", "http:127.0.0.1:0", "--listen", "syslog:127.0.0.1:0",
                    "-l", "log", before=[*nobody, "-o", lab.path("trace")])
    run.wait_for(lambda: b"honeypot: listens at" in run.err(), "the listeners")
    if b"no seccomp in this kernel or program" in run.err():
        raise Skip("the program was built without a sandbox")
    run.wait_for(lambda: b" seccomp(" in lab.text("trace"), "the filter")
    with open(f"/proc/{run.pid}/task/{run.pid}/children", encoding="ascii") as file:
        os.kill(int(file.read().split()[0]), signal.SIGTERM)
    run.wait()
    asked = set(re.findall(rb"^\d+ +(\w+)\(", lab.text("trace"), re.M))
    asked = {name.decode() for name in asked}
    demand({"seccomp", "epoll_wait", "exit_group"} <= asked, f"only {asked}")
    refused = asked - permitted_by("jndiwatch-honeypot.service")
    demand(not refused, f"not permitted: {refused}")
    demand(permitted_by(UNITS[0]) == permitted_by(UNITS[1]), "the units differ")


def unit_fits_the_program(lab):
    """Its options exist, and its start is one that the program has checks for."""
    known = options_of(lab)
    letters = set(known.values())
    for name in UNITS:
        for word in start_of(name)[1:]:
            if word.startswith("--"):
                demand(word[2:] in known, f"{name}: no option {word}")
            elif word.startswith("-"):
                demand(word[1:] in letters, f"{name}: no option {word}")
        unit = read(name)
        demand(re.search(r"^Type=notify$", unit, re.M) and "WatchdogSec=" in unit, "no notify")
    about = said(lab.program, "--build-info")
    if "service manager: systemd" not in about:
        raise Skip("the program was built without libsystemd")


def manual_of_options(lab):
    """Every option is in the manual page of the program, and none that does not exist."""
    with open(os.path.join(TOP, "sensor", "app", "jndiwatch.8"), encoding="utf-8") as file:
        page = file.read().split(".SH EXPLAIN")[0].split(".SH OPTIONS")[1].replace("\\-", "-")
    told = set(re.findall(r"(?<![\w-])--([\w-]+)", page))
    known = options_of(lab)
    demand(set(known) <= told, f"not in the manual page: {set(known) - told}")
    demand(told <= set(known), f"no such options: {told - set(known)}")
    for long, letter in known.items():
        demand(not letter or re.search(rf"-{letter}\b", page), f"-{letter} is not told ({long})")


def manual_of_keys(lab):
    """Every key is in the other manual page, with its default."""
    with open(lab.options.manual, encoding="utf-8") as file:
        page = file.read().replace("\\-", "-")
    told = re.findall(r"^\.TP\n\.B (\S+)\n(.*)$", page, re.M)
    keys = keys_of(lab)
    demand([name for name, _ in told] == [key[0] for key in keys], "other keys, or another order")
    for (_, line), key in zip(told, keys):
        demand(key[2].replace("default: ", "default ") in line.replace("\\e", "\\")
               .replace("\\(aq", "'"), f"{key[0]}: {line}")


def manuals_are_formatted(lab):
    """Without a complaint of the formatter."""
    tool("man")
    for page in (lab.options.manual, os.path.join(TOP, "sensor", "app", "jndiwatch.8")):
        done = subprocess.run(["man", "--warnings", "-E", "UTF-8", "-l", page], capture_output=True,
                              check=False, env={**os.environ, "MANWIDTH": "100", "PAGER": "cat",
                                                "LC_ALL": "C.UTF-8"})
        demand(done.returncode == 0 and not done.stderr, f"{page}: {done.stderr.decode()[:300]}")


def completions_are_complete(lab):
    known = options_of(lab)
    bash = set(re.findall(r"--([a-z][\w-]+)", read("completion", "jndiwatch.bash")
                          .split("local options='")[1].split("'")[0]))
    demand(bash == set(known), f"bash: {bash ^ set(known)}")
    zsh = read("completion", "_jndiwatch")
    told = set(re.findall(r"--([a-z][\w-]+)", zsh.replace("2>/dev/null", "")
                          .split("_arguments")[1]))
    demand(told == set(known), f"zsh: {told ^ set(known)}")
    letters = set(re.findall(r"\{-(\w),", zsh))
    demand(letters == {letter for letter in known.values() if letter}, f"zsh: letters {letters}")
    types = said(lab.program, "--help")
    types = re.search(r"event types to write: ([\w,]+)", types)[1].split(",")
    for text in (read("completion", "jndiwatch.bash"), zsh):
        demand(" ".join(types) in text, "other event types")


def complete(lab, *words):
    """What bash offers for the last word."""
    script = ('source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); compopt() { :; }; '
              '_jndiwatch; printf "%s\\n" "${COMPREPLY[@]}"')
    path = os.path.dirname(lab.program) + ":" + os.environ["PATH"]
    return said(tool("bash"), "-c", script, "bash",
                os.path.join(PACKAGING, "completion", "jndiwatch.bash"), "jndiwatch", *words,
                env={**os.environ, "PATH": path}).split()


def completion_works(lab):
    demand(complete(lab, "--list-") == ["--list-fields", "--list-rules", "--list-keys"], "options")
    demand(complete(lab, "-k", "n") == ["none"], "choices")
    demand(complete(lab, "--events", "alert,ht") == ["alert,http"], "lists")
    demand("memory.limit=" in complete(lab, "--set", "mem"), "keys")
    demand("explain" in complete(lab, "e"), "explain")
    demand("honeypot" in complete(lab, "h"), "honeypot")


def configuration_is_right(lab):
    """As it is installed, and with every line in force that stands in it as a comment."""
    text = read("jndiwatch.yaml")
    live = re.sub(r"^#(\w|  )", r"\1", text, flags=re.M)
    demand(live != text, "nothing is a comment")
    for name, content in (("a.yaml", text), ("b.yaml", live)):
        path = lab.write(name, content.replace("/var/cache/jndiwatch", lab.folder))
        expect(lab.run("-T", "-c", path), 0)


def folders_and_user(lab):
    """systemd's own tools make what is asked for."""
    root = lab.path("root")
    os.makedirs(os.path.join(root, "etc"))
    for name in ("passwd", "group", "shadow", "gshadow"):
        lab.write(f"root/etc/{name}", "")
    if os.geteuid() != 0:
        raise Skip("making users needs root")
    lab.write("root/etc/group", "root:x:0:\nadm:x:4:\n")
    subprocess.run([tool("systemd-sysusers"), f"--root={root}",
                    os.path.join(PACKAGING, "jndiwatch.sysusers")], check=True, capture_output=True)
    demand(b"jndiwatch" in lab.text("root/etc/passwd"), "no user was made")
    subprocess.run([tool("systemd-tmpfiles"), f"--root={root}", "--create",
                    os.path.join(PACKAGING, "jndiwatch.tmpfiles")], check=True,
                   capture_output=True)
    for name in ("run", "var/log", "var/lib", "var/cache"):
        demand(os.path.isdir(os.path.join(root, name, "jndiwatch")), f"no folder in {name}")


def log_is_rotated(lab):
    """logrotate reads its file, and would rotate."""
    config = read("jndiwatch.logrotate").replace("su jndiwatch adm\n", "")
    log = lab.write("log/eve.json", "{}\n" * 10)
    path = lab.write("rotate", config.replace("/var/log/jndiwatch", os.path.dirname(log)))
    os.chmod(path, 0o644)
    os.chmod(os.path.dirname(log), 0o755)
    words = [shutil.which("logrotate") or "/usr/sbin/logrotate", "-d", "-s", lab.path("state")]
    if not os.path.exists(words[0]):
        raise Skip("logrotate is not installed")
    done = subprocess.run([*words, path], capture_output=True, check=False, text=True)
    demand(done.returncode == 0 and "error" not in done.stderr.lower(), done.stderr[:300])


def service_manager_is_told(lab):
    """Ready when capture goes on, alive again and again, and stopping; behind the sandbox."""
    if "service manager: systemd" not in said(lab.program, "--build-info"):
        raise Skip("the program was built without libsystemd")
    cables = Cables(lab)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(lab.path("manager"))
        os.chmod(lab.path("manager"), 0o777)
        manager.settimeout(60)
        environment = {**os.environ, "NOTIFY_SOCKET": lab.path("manager"),
                       "WATCHDOG_USEC": "1000000"}
        run = lab.start("-i", "v0", "-o", "-", before=cables.network.enter, env=environment,
                        stdout=subprocess.DEVNULL)
        heard = [manager.recv(100) for _ in range(4)]
        demand(heard[0] == b"READY=1" and set(heard[1:]) == {b"WATCHDOG=1"}, f"heard {heard}")
        os.kill(run.pid, signal.SIGTERM)
        wait_for(lambda: manager.recv(100) == b"STOPPING=1", "a word about the end")
        expect(run.wait(), 0)


TESTS = [
    ("the unit is hardened", unit_is_hardened),
    ("units are understood", units_are_understood),
    ("the unit permits what is asked for", unit_permits_what_is_asked_for),
    ("sockets of the honeypot have listeners", sockets_have_listeners),
    ("the unit fits the program", unit_fits_the_program),
    ("the manual page tells every option", manual_of_options),
    ("the manual page tells every key", manual_of_keys),
    ("the manual pages are formatted", manuals_are_formatted),
    ("the completions know every option", completions_are_complete),
    ("the completion of bash works", completion_works),
    ("the configuration is right", configuration_is_right),
    ("folders and user", folders_and_user),
    ("the log is rotated", log_is_rotated),
    ("a service manager is told", service_manager_is_told),
]

if __name__ == "__main__":
    parser = arguments(__doc__)
    parser.add_argument("--manual", required=True)
    main(__doc__, TESTS, parser)
