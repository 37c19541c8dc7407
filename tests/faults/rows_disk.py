"""Files as outputs whose disk is full, or whose folder goes away, for a while."""

import os
import shutil
import subprocess

from harness import demand, expect, needs_mounts
from rows_output import Fed, has_lines, lines_of
from rows_sinks import configure, same, told_lost, whole


def space_comes_back(lab):
    """File input waits until the disk has room; nothing is lost, and no line is half there."""
    needs_mounts()
    os.mkdir(lab.path("D"))
    script = ("mount -t tmpfs -o size=1m none D || exit 77; "
              'head -c 900k /dev/zero >D/filler; exec "$@"')
    fed = Fed(lab, *configure(lab, "target: out.json", "target: D/eve.json"),
              before=["unshare", "--mount", "sh", "-c", script, "sh"])
    fed.until(lambda: b"No space left on device" in fed.running.err(), "the disk to be full")
    keeper = os.open(f"/proc/{fed.running.pid}/ns/mnt", os.O_RDONLY)
    lab.cleanups.callback(os.close, keeper)
    inside = ["nsenter", f"--mount=/proc/self/fd/{keeper}"]
    subprocess.run([*inside, "rm", lab.path("D", "filler")], check=True, pass_fds=[keeper])
    expect(fed.end(), 0)
    data = subprocess.run([*inside, "cat", lab.path("D", "eve.json")], check=True,
                          capture_output=True, pass_fds=[keeper]).stdout
    same(data, whole(lab), "the disk that was full")


def folder_is_deleted(lab):
    """Lines for a file that is nowhere are not called written; the folder that comes back gets
    them, where the sandbox lets it."""
    for sandbox in ("no", "yes"):
        where = lab.path(f"D{sandbox}")
        os.mkdir(where)
        file = os.path.join(where, "eve.json")
        fed = Fed(lab, "--set", f"rights.sandbox={sandbox}",
                  *configure(lab, f"target: {sandbox}.json",
                             f"target: {file}, timeout: {'20 s' if sandbox == 'no' else '1 s'}"))
        fed.until(has_lines(file), "the first records")
        with open(file, "rb") as old:
            shutil.rmtree(where)
            fed.until(lambda: b"trying again" in fed.running.err(), "the loss of the folder")
            if sandbox == "no":
                os.mkdir(where)
            ended = fed.end()
            old.seek(0)
            data = old.read()
        if sandbox == "no":
            expect(ended, 0)
            same(data + lab.text(file), whole(lab, "no.json"), "both files together")
            continue
        demand(ended.code == 3, ended.told())
        lines = whole(lab, "yes.json")
        demand(told_lost(ended) + len(lines_of(data)) == len(lines),
               f"{len(lines_of(data))} of {len(lines)} are there; {ended.told()}")


TESTS = [
    ("files: space comes back", space_comes_back),
    ("files: the folder is deleted", folder_is_deleted),
]
