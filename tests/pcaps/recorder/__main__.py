"""recorder NAME...: plays the scenes named (all without a name) and writes pcaps/NAME.pcap.

A scene that cannot be played ends the recording with its reason; captures are replaced whole.
"""

import os
import subprocess
import sys

import harmless  # noqa: F401  (registers its scenes)
import inside  # noqa: F401
import mail  # noqa: F401
import story  # noqa: F401
import web  # noqa: F401
import crooked  # noqa: F401  (last: its scenes are made from the others)
from lab import Lab, PacketsLost
from scene import SCENES

PCAPS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "pcaps")


def play(scene, draft):
    """Plays a scene; one that happens in the lab again when tcpdump lost packets."""
    if scene.needs:
        scene.play(draft, *(os.path.join(PCAPS, name + ".pcap") for name in scene.needs))
        return
    for tries_left in (2, 1, 0):
        try:
            with Lab() as lab:
                scene.play(lab, draft)
            return
        except PacketsLost:
            if not tries_left:
                raise


def record(scene):
    path = os.path.join(PCAPS, scene.name + scene.suffix)
    draft = path + ".part"
    try:
        play(scene, draft)
        os.chmod(draft, 0o644)
        os.replace(draft, path)
    finally:
        if os.path.exists(draft):
            os.remove(draft)
    print(f"{scene.name}: {os.path.getsize(path)} bytes", flush=True)


def main(names):
    unknown = [name for name in names if name not in SCENES]
    if unknown:
        sys.exit(f"no scene named {', '.join(unknown)}; there are: {' '.join(SCENES)}")
    wanted = set(names or SCENES)
    for name, scene in SCENES.items():
        if wanted & {name, *scene.needs}:
            wanted.add(name)  # what is derived from a new capture is made anew, too
            try:
                record(scene)
            except subprocess.CalledProcessError as error:
                sys.exit(f"{name}: {error}\n{error.stderr.decode(errors='replace')}")


main(sys.argv[1:])
