"""Writes bot/tasks/imagenet.toml: the names of ImageNet's 1000 classes, in the order of their ids.

    pip download timm==1.0.31 --no-deps --dest /tmp
    python docs/class_names.py /tmp/timm-1.0.31-py3-none-any.whl > bot/tasks/imagenet.toml

The wheel is only unpacked, never installed.
"""

from __future__ import annotations

import sys
import zipfile

FOLDER = "timm/data/_info/"

HEAD = """\
# The 1000 classes of ILSVRC 2012 by their ids in WordNet, in the order in which nets number them,
# each with its names in English. Written by docs/class_names.py from {wheel}
# (Apache-2.0, Ross Wightman); the names are WordNet's, Copyright 2006 by Princeton University.

"""


def main(wheel: str) -> None:
    """Print the table that a wheel of timm holds."""
    with zipfile.ZipFile(wheel) as archive:
        ids = archive.read(FOLDER + "imagenet_synsets.txt").decode().split()
        lines = archive.read(FOLDER + "imagenet_synset_to_lemma.txt").decode().splitlines()
    names = dict(line.split("\t") for line in lines)
    if len(ids) != 1000 or ids != sorted(ids):
        raise SystemExit(f"{wheel}: these are not the 1000 classes in order.")
    sys.stdout.write(HEAD.format(wheel=wheel.rpartition("/")[2]))
    sys.stdout.writelines(f'{number} = "{names[number]}"\n' for number in ids)


if __name__ == "__main__":
    main(*sys.argv[1:])
