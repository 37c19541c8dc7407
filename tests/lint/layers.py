#!/usr/bin/python3
"""Reads every #include and fails on one that the layers forbid, on a circle, on a path that is not
written from the root, and on a header without #pragma once.

usage: layers.py ROOT
"""
import sys

import tree

# What the headers of a folder may be used by: folder -> the folders it may use beside itself.
BELOW = ("sensor/base", "sensor/core")
MAY_USE = {
    "sensor/base": (),
    "sensor/core": ("sensor/base",),
    "sensor/codec": ("sensor/base",),
    "sensor/capture": ("sensor/base", "sensor/codec", "sensor/core"),
    "sensor/packet": BELOW,
    "sensor/decoy": (*BELOW, "sensor/capture", "sensor/codec", "sensor/packet"),
    "sensor/flow": BELOW,
    "sensor/enrich": BELOW,
    "sensor/output": BELOW,
    "decoders": ("sensor/base", "sensor/codec", "sensor/core"),
    "signatures": ("sensor/base", "sensor/codec", "sensor/core"),
}
MAY_USE["sensor/app"] = tuple(MAY_USE)
MAY_USE["tests"] = tuple(MAY_USE)


def folder_of(name, known):
    """The longest known folder that a path lies in, or None."""
    fitting = [folder for folder in known if name.startswith(folder + "/")]
    return max(fitting, key=len, default=None)


def check_source(source, existing, complaints):
    """One file's includes against the table; returns those that are files of the tree."""
    own = folder_of(source.path.as_posix(), MAY_USE)
    if own is None:
        complaints.add(source.path, 0, "this folder is in no layer; add it to tests/lint/layers.py")
        return []
    used = []
    for line, name in source.includes():
        if line in source.silenced:
            continue
        folder = folder_of(name, MAY_USE)
        if folder is None or name not in existing:
            complaints.add(source.path, line, f'"{name}" is no file by its path from the root')
        elif folder != own and folder not in MAY_USE[own]:
            complaints.add(source.path, line, f'{own} may not use {folder} ("{name}")')
        else:
            used.append((line, name))
    return used


def find_circles(graph, complaints):
    """Depth first over the headers; a way back to one that is still open is a circle."""
    done = set()
    for start in sorted(graph):
        way, todo = [], [(start, iter(graph[start]))]
        while todo:
            name, rest = todo[-1]
            if name not in way:
                way.append(name)
            line, following = next(rest, (0, None))
            if following is None:
                todo.pop()
                way.pop()
                done.add(name)
            elif following in way:
                circle = " → ".join([*way[way.index(following):], following])
                complaints.add(name, line, f"circle of includes: {circle}")
            elif following not in done and following in graph:
                todo.append((following, iter(graph[following])))


def check(root):
    """Checks a tree; returns the complaints and how many files there were."""
    complaints = tree.Complaints()
    found = tree.sources(root, ".c", ".h", ".def")
    existing = {source.path.as_posix() for source in found}
    graph = {}
    for source in found:
        graph[source.path.as_posix()] = check_source(source, existing, complaints)
        if source.path.suffix == ".h" and not source.text.startswith("#pragma once\n"):
            complaints.add(source.path, 1, "a header begins with #pragma once")
    find_circles(graph, complaints)
    return complaints, len(found)


if __name__ == "__main__":
    result, n_files = check(tree.root_argument(__doc__))
    sys.exit(result.finish("layers", n_files))
