"""Data without a network: `load(name)` makes, unpacks or reads one data set, and never substitutes another."""

from functools import cache
from importlib import import_module
from typing import Any

from kdtutor.data.dataset import Dataset, Split

__all__ = ["Dataset", "Split", "load", "names"]

# name -> module and function; a module is imported when its data set is asked for
_SOURCES = {
    "glyphs": ("glyphs", "glyphs"),
    "colour-glyphs": ("colour_glyphs", "colour_glyphs"),
    "digits": ("digits", "digits"),
    "spoken": ("spoken", "spoken"),
    "language": ("language", "language"),
    "mnist": ("vision", "mnist"),
    "fashion-mnist": ("vision", "fashion_mnist"),
    "cifar-10": ("vision", "cifar10"),
    "cifar-100": ("vision", "cifar100"),
}


def names() -> tuple[str, ...]:
    """The names that `load` knows; those of MNIST and CIFAR need files on disk, the others nothing."""
    return tuple(_SOURCES)


@cache
def load(name: str, **options: Any) -> Dataset:
    """The data set called `name`, read or made once a process and then kept.

    options: what the data set's own function takes, such as `load("cifar-10", download=True)`.
    Raises ValueError for a name that is not one of `names()`, FileNotFoundError where files are needed and not there,
    with the way to get them or what to use instead.
    """
    if name not in _SOURCES:
        raise ValueError(f"there is no data set {name!r}: choose one of {', '.join(map(repr, _SOURCES))}")
    module, function = _SOURCES[name]
    dataset: Dataset = getattr(import_module(f"kdtutor.data.{module}"), function)(**options)
    return dataset
