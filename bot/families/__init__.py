"""One file per kind of model: load, preprocess, forward, postprocess. Worker side only.

Folders named by ``MENAGERIE_FAMILIES`` (parted as in ``PATH``) add families of the operator's own.
"""

import os

__path__ = [*__path__, *filter(None, os.environ.get("MENAGERIE_FAMILIES", "").split(os.pathsep))]
