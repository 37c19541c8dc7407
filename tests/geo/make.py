#!/usr/bin/python3
"""Writes the geo databases of the tests: one for each readable source file, in the layout of each
vendor, and damaged copies of one of them, the same in every run.

usage: make.py OUT_DIR SOURCE.json…
"""
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

GEO = Path(__file__).resolve().parents[2] / "scripts" / "geo"
DAMAGED_FROM = "maxmind-city"
MARKER = b"\xab\xcd\xefMaxMind.com"
SEPARATOR_SIZE = 16


def parts_of(whole):
    """The file's search tree, data section and metadata."""
    marker_at = whole.rindex(MARKER)
    # The separator is the first run of 16 zero bytes, less those that end the tree: no record of
    # these small trees holds so many, and no data section starts with a zero byte.
    data_at = whole.index(bytes(SEPARATOR_SIZE)) + SEPARATOR_SIZE
    while whole[data_at] == 0:
        data_at += 1
    return whole[:data_at], whole[data_at:marker_at], whole[marker_at + len(MARKER):]


def noise(random, size):
    """Bytes that are the same in every run."""
    return bytes(random.getrandbits(8) for _ in range(size))


def damaged_copies(whole):
    """Name -> the content of a broken database."""
    random = Random(20260101)
    tree, data, metadata = parts_of(whole)
    end = MARKER + metadata
    epoch = metadata.index(b"build_epoch") + len("build_epoch")
    return {
        # Cannot be opened.
        "empty": b"",
        "half": whole[: len(whole) // 2],
        "marker": tree + data + MARKER,
        "tail": whole[:-20],
        "noise": noise(random, 5000),
        "metadata": tree + data + MARKER + noise(random, len(metadata)),
        "metadata-map": tree + data + MARKER + b"\xff" * len(metadata),
        # May be opened, and fails (or lies) at some lookups.
        "tree": noise(random, len(tree) - SEPARATOR_SIZE) + bytes(SEPARATOR_SIZE) + data + end,
        "tree-cut": tree[: len(tree) // 2] + end,
        "data": tree + noise(random, len(data)) + end,
        "data-cut": tree + data[: len(data) // 3] + end,
        "data-cycle": tree + b"\x20\x00" * (len(data) // 2) + end,
        "data-deep": tree + b"\xe1\x41a" * (len(data) // 3) + end,
        # Can be opened and asked, and holds what a writer of JSON or dates must survive.
        "text": tree + data.replace(b"Example", b"\xff\xc0\x80\xed\xa0\x80\x00") + end,
        "epoch": tree + data + MARKER + metadata[:epoch]
                 + b"\x08\x02" + b"\xff" * 8 + metadata[epoch + 6:],
    }


def main():
    """Writes all, a process for each source."""
    out_dir = Path(sys.argv[1])
    sources = [Path(name) for name in sys.argv[2:]]

    def write(source):
        out = out_dir / f"{source.stem}.mmdb"
        return subprocess.run([str(GEO), "--from", str(source), str(out)], check=False).returncode

    with ThreadPoolExecutor(2) as pool:
        if any(pool.map(write, sources)):
            return 1
    whole = (out_dir / f"{DAMAGED_FROM}.mmdb").read_bytes()
    for name, content in damaged_copies(whole).items():
        (out_dir / f"damaged-{name}.mmdb").write_bytes(content)
    return 0


if __name__ == "__main__":
    sys.exit(main())
