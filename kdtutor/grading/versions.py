"""What graded: the versions of everything that a verdict may depend on."""

import functools
import hashlib
import platform
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType

import kdtutor

PACKAGE = Path(kdtutor.__file__).parent
PACKAGES = ("torch", "numpy", "ipython")
WITHOUT_A_SAY = ("bench", "demos", "plots", "scaffold", "site", "teaching")  # rooms that no verdict depends on


@functools.cache
def versions() -> Mapping[str, str]:
    """Name -> version. That of kdtutor ends in a hash of its sources, so that a changed check grades anew."""
    own = {"kdtutor": f"{kdtutor.__version__}+{_sources()}", "python": platform.python_version()}
    return MappingProxyType(own | {name: version(name) for name in PACKAGES})


def _sources() -> str:
    digest = hashlib.sha256()
    paths = (path for path in PACKAGE.rglob("*.py") if path.relative_to(PACKAGE).parts[0] not in WITHOUT_A_SAY)
    for path in sorted(paths):
        digest.update(path.relative_to(PACKAGE).as_posix().encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()[:12]
