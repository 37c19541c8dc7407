#!/usr/bin/python3
"""Fails on a header that does not compile by itself, because it uses what it does not include.

usage: headers.py ROOT COMPILER…
"""
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import tree

FLAGS = ["-std=gnu17", "-D_GNU_SOURCE", "-fsyntax-only", "-I.", "-x", "c"]


def check(root, compiler):
    """Compiles each header alone; returns the complaints and how many there were."""
    complaints = tree.Complaints()
    headers = tree.files(root, ".h")

    def compile_alone(path):
        text = f'#include "{path.as_posix()}"\n'
        return subprocess.run(
            [*compiler, *FLAGS, "-"],
            input=text, capture_output=True, text=True, cwd=root, check=False,
        )

    with ThreadPoolExecutor(2) as pool:
        for path, run in zip(headers, pool.map(compile_alone, headers)):
            if run.returncode != 0:
                errors = [line for line in run.stderr.split("\n") if "error:" in line]
                first = errors[0] if errors else run.stderr
                complaints.add(path, 0, f"does not compile alone: {first}")
    return complaints, len(headers)


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    result, n_files = check(Path(sys.argv[1]), sys.argv[2:])
    sys.exit(result.finish("headers", n_files))
