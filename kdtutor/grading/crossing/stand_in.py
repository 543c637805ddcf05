"""What a test holds in place of an object that stays with the learner's code."""

import sys
from collections.abc import Iterator
from typing import Any, Protocol

from torch import nn
from torch.optim import Optimizer

_MAX_ITEMS = 1_000_000
# A test asks a tensor these, and believes the answer: no object of the learner's may give it
_TRUTHS = {
    "all", "allclose", "any", "eq", "equal", "ge", "gt", "isclose", "isfinite", "isinf", "isnan", "le", "lt", "ne",
    "is_complex", "is_floating_point",
}  # fmt: skip


class Asks(Protocol):
    """Who puts a stand-in's questions."""

    def ask(self, what: str, *args: Any, **kwargs: Any) -> Any: ...


class StandIn:
    """Asks for whatever is done with it. What it says of itself is the learner's word; what it returns is plain values.

    Equality and hash are identity. It is an instance of torch's own class where the object inside is said to be one.
    """

    def __init__(self, inside: Asks, number: int, said: dict[str, Any]) -> None:
        set_own = object.__setattr__
        set_own(self, "_inside", inside)
        set_own(self, "_number", number)
        set_own(self, "_name", said["name"])
        set_own(self, "_untouched", said["untouched"])
        set_own(self, "_claimed", torch_class(said["claims"]))

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        return object.__getattribute__(self, "_claimed") or type(self)

    def __getattr__(self, name: str) -> Any:
        if name == "__name__" and self._name:
            return self._name
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        value = self._inside.ask("getattr", self, name)
        if name in _TRUTHS and is_stand_in(value):
            raise AttributeError(f"{name} of a {type(self).__name__}: only a tensor is asked for that")
        return value

    def __setattr__(self, name: str, value: Any) -> None:
        self._inside.ask("setattr", self, name, value)

    def __delattr__(self, name: str) -> None:
        self._inside.ask("delattr", self, name)

    def __dir__(self) -> list[str]:
        return [str(name) for name in self._inside.ask("dir", self)]

    def __getitem__(self, key: Any) -> Any:
        return self._inside.ask("getitem", self, key)

    def __setitem__(self, key: Any, value: Any) -> None:
        self._inside.ask("setitem", self, key, value)

    def __delitem__(self, key: Any) -> None:
        self._inside.ask("delitem", self, key)

    def __contains__(self, value: Any) -> bool:
        return any(item == value for item in self)  # compared here, not there

    def __len__(self) -> int:
        return _number(self._inside.ask("len", self))

    def __bool__(self) -> bool:
        return True

    def __iter__(self) -> Iterator[Any]:
        iterator = self._inside.ask("iter", self)
        if not isinstance(iterator, StandIn):
            raise TypeError("not an iterator")
        for _ in range(_MAX_ITEMS):
            try:
                item = next(iterator)
            except StopIteration:
                return
            yield item
        raise OverflowError(f"more than {_MAX_ITEMS} items")

    def __next__(self) -> Any:
        return self._inside.ask("next", self)

    def __deepcopy__(self, memo: Any) -> Any:
        return self._inside.ask("deepcopy", self)

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise TypeError("a learner's object cannot be pickled")

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of the learner's>"


class CallableStandIn(StandIn):
    """A stand-in for something that can be called; one for an untouched stub raises NotImplementedError."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._untouched:
            raise NotImplementedError(f"{self._name} is not written yet")
        return self._inside.ask("call", self, *args, **kwargs)


def stand_in(inside: Asks, number: int, said: dict[str, Any]) -> StandIn:
    """A stand-in whose type has the name that the object's type is said to have, so that messages read well."""
    base = CallableStandIn if said["callable"] is True else StandIn
    name = str(said["type"])[:60]
    kind = type(name, (base,), {}) if name.isidentifier() else base
    return kind(inside, number, {**said, "name": str(said["name"])[:100]})


def is_stand_in(value: Any) -> bool:
    """Whether a value is one, whatever it claims to be an instance of."""
    return issubclass(type(value), StandIn)


def torch_class(claim: str) -> type | None:
    """The module or optimiser class of torch's of that name, if it is one."""
    module, _, name = str(claim).partition(":")
    if not module.startswith("torch."):
        return None
    found = vars(sys.modules[module]).get(name) if module in sys.modules else None
    return found if isinstance(found, type) and issubclass(found, (nn.Module, Optimizer)) else None


def _number(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise TypeError("a length that is no number")
    return value
