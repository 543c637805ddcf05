"""Modules, optimisers and other objects of a test on their way to the learner, and what became of them.

They go in pickled, each by itself; tensors, modules and optimisers within them are said by number, so that a model and
its optimiser keep referring to the same parameters. What comes back is their state in plain values.
"""

import importlib
import io
import pickle
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from kdtutor.grading.crossing.codec import CodecError, decode, encode

Lower = Callable[[Any], Any]
Lift = Callable[[Any], Any]

_LIBRARIES = ("torch", "math", "operator", "builtins", "numpy", "_operator")
_SHARED = (Tensor, nn.Module, Optimizer, torch.Generator)


def from_a_library(function: Any) -> bool:
    """Whether a callable is a library's own and can be named instead of sent."""
    module, name = getattr(function, "__module__", None), getattr(function, "__qualname__", None)
    if not isinstance(module, str) or not isinstance(name, str) or module.split(".")[0] not in _LIBRARIES:
        return False
    try:
        found: Any = importlib.import_module(module)
        for part in name.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError):
        return False
    return found is function


def packed(value: Any, number_of: Callable[[Any], int], is_known: Callable[[Any], bool]) -> bytes:
    """An object pickled, with the shared objects in it by number. CodecError where it cannot be."""
    buffer = io.BytesIO()
    pickler = _pickler(buffer, value, number_of, is_known)
    try:
        pickler.dump(value)
    except CodecError:
        raise
    except Exception as error:
        raise CodecError(f"a {type(value).__name__} that cannot be sent: {error}") from None
    return buffer.getvalue()


def unpacked(data: bytes, object_of: Callable[[int], Any]) -> Any:
    """The object again. Only for bytes from the trusted side."""
    unpickler = pickle.Unpickler(io.BytesIO(data))
    unpickler.persistent_load = object_of  # type: ignore[method-assign]
    return unpickler.load()


def _pickler(
    buffer: io.BytesIO, root: Any, number_of: Callable[[Any], int], is_known: Callable[[Any], bool]
) -> pickle.Pickler:
    """cloudpickle's where it is installed: it can send a class that a test cell defines."""
    base: Any = pickle.Pickler
    with suppress(ImportError):
        base = importlib.import_module("cloudpickle").CloudPickler

    class Pickler(base):
        def persistent_id(self, value: Any) -> int | None:
            if value is root or not (isinstance(value, _SHARED) or is_known(value)):
                return None
            return number_of(value)

    return Pickler(buffer)


def state(value: Any, lower: Lower) -> Any:
    """What can change of an object that went in: None for one that is neither a module nor an optimiser."""
    if isinstance(value, Optimizer):
        groups = [(_entries(group, lower), [lower(p) for p in group["params"]]) for group in value.param_groups]
        return groups, [(lower(p), _entries(kept, lower)) for p, kept in value.state.items()]
    if isinstance(value, nn.Module):
        public = {name: entry for name, entry in vars(value).items() if not name.startswith("_") and _is_plain(entry)}
        tables = (value._parameters, value._buffers, value._modules)
        return encode(public), [{name: lower(entry) for name, entry in table.items()} for table in tables]
    return None


def change(value: Any, changed: Any, lift: Lift) -> None:
    """Bring a module or an optimiser to the state that came back."""
    if isinstance(value, Optimizer):
        groups, kept = changed
        for group, (entries, parameters) in zip(value.param_groups, groups, strict=True):
            group.update(_lifted(entries, lift))
            group["params"][:] = [lift(p) for p in parameters]
        value.state.clear()
        value.state.update({lift(p): _lifted(entries, lift) for p, entries in kept})
    elif isinstance(value, nn.Module):
        public, (parameters, buffers, modules) = changed
        for name, entry in decode(public).items():
            if not name.startswith("_") and (name in vars(value) or not hasattr(type(value), name)):
                vars(value)[name] = entry
        if {name: id(lift(m)) for name, m in modules.items()} != {name: id(m) for name, m in value._modules.items()}:
            raise CodecError("a module inside a model was replaced in place; only a new model can come back")
        _rebind(value._parameters, {name: lift(p) for name, p in parameters.items()}, nn.Parameter)
        _rebind(value._buffers, {name: lift(b) for name, b in buffers.items()}, Tensor)


def _entries(mapping: dict[str, Any], lower: Lower) -> tuple[bytes, dict[str, Any]]:
    plain = {name: entry for name, entry in mapping.items() if _is_plain(entry)}
    return encode(plain), {name: lower(entry) for name, entry in mapping.items() if isinstance(entry, Tensor)}


def _lifted(entries: tuple[bytes, dict[str, Any]], lift: Lift) -> dict[str, Any]:
    plain, tensors = entries
    return decode(plain) | {name: lift(entry) for name, entry in tensors.items()}


def _rebind(table: dict[str, Any], new: dict[str, Any], kind: type) -> None:
    if any(entry is not None and not isinstance(entry, kind) for entry in new.values()):
        raise CodecError(f"something other than a {kind.__name__} in a module")
    for name in set(table) - set(new):
        del table[name]
    for name, entry in new.items():
        if name not in table or table[name] is not entry:
            table[name] = entry


def _is_plain(value: Any, depth: int = 0) -> bool:
    if isinstance(value, (list, tuple)) and depth < 8:
        return all(_is_plain(entry, depth + 1) for entry in value)
    return value is None or type(value) in (bool, int, float, str)
