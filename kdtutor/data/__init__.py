"""Data without a network: `load(name)` makes, unpacks or reads one data set, and never substitutes another."""

from collections.abc import Callable
from functools import cache

from kdtutor.data.dataset import Dataset, Split
from kdtutor.data.digits import digits
from kdtutor.data.glyphs import glyphs

__all__ = ["Dataset", "Split", "load", "names"]

_SOURCES: dict[str, Callable[[], Dataset]] = {"glyphs": glyphs, "digits": digits}


def names() -> tuple[str, ...]:
    """The names that `load` knows."""
    return tuple(_SOURCES)


@cache
def load(name: str) -> Dataset:
    """The data set called `name`, read or made once a process and then kept.

    Raises ValueError for a name that is not one of `names()`.
    """
    if name not in _SOURCES:
        raise ValueError(f"there is no data set {name!r}: choose one of {', '.join(map(repr, _SOURCES))}")
    return _SOURCES[name]()
