#!/usr/bin/python3
"""Fails on words that do not belong in a finished tree: work left for later, paths of somebody's
machine, numbers of tickets, documents that are not here, credentials.

usage: words.py ROOT
"""
import re
import sys
from pathlib import Path

import tree

# Written so that this file does not hold what it looks for.
WORDS = (
    (r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b", "work left for later: do it, or file it"),
    (r"(?<![\w.$}/])/(home|Users|root|work|workspace|mnt/c)/\w", "a path of one machine"),
    (r"(?<![\w.])(\.\./)?sha" r"red/(?!data/eve-schema\.json)\w", "a folder that is not here"),
    (r"(?i)\b(issue|ticket|pull request|pr) ?#?\d+\b", "tickets end; say the reason itself"),
    (r"-----BEGIN [A-Z ]*PRIVATE KEY-----", "a private key"),
    (r"\bAKIA[0-9A-Z]{16}\b|\bgh[pousr]_[A-Za-z0-9]{30,}", "a credential"),
)
DOCUMENT = re.compile(r"(?<![\w/.*])([\w.-]+(?:/[\w.-]+)*\.md)\b")
# Data in which any word may stand: what attackers and programs sent.
DATA = (".pcap", ".pcapng", ".expect", ".rules", ".flow", ".bin", ".mmdb", ".html")


def check_documents(root, path, line, number, complaints):
    """Every document that is named must be in the tree, by its path or by its name."""
    for name in DOCUMENT.findall(line):
        beside = (root / path).parent / name
        if not (root / name).exists() and not beside.exists():
            complaints.add(path, number, f"'{name}' is not in the tree")


def check(root):
    """Checks a tree; returns the complaints and how many files there were."""
    root = Path(root)
    complaints = tree.Complaints()
    n_files = 0
    for path in tree.files(root):
        content = (root / path).read_bytes()
        if path.suffix in DATA or path.name == "LICENSE" or b"\0" in content:
            continue
        n_files += 1
        for number, line in enumerate(content.decode("utf-8", errors="replace").split("\n"), 1):
            for pattern, text in WORDS:
                match = re.search(pattern, line)
                if match:
                    complaints.add(path, number, f"'{match.group(0)}': {text}")
            check_documents(root, path, line, number, complaints)
    return complaints, n_files


if __name__ == "__main__":
    result, total = check(tree.root_argument(__doc__))
    sys.exit(result.finish("words", total))
