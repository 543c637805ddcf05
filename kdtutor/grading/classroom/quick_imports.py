"""Imports of large libraries without what they cost beside."""

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quick_imports() -> Iterator[None]:
    """Import in a `with` block: no collector of garbage, no grammars of URIs for jsonschema.

    The collector looks again and again through hundreds of thousands of objects, none of which is ever garbage. The
    grammars, forty of them, are compiled for strings of a format that the schema of notebooks has nowhere; jsonschema
    does without where their package is not installed.
    """
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()
