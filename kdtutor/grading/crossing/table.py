"""Objects that both sides know by a number, for as long as one exchange lasts."""

from typing import Any

from torch import Tensor


class Table:
    """Objects by number and numbers by object; of each that has a state, what the other side last knew of it."""

    def __init__(self) -> None:
        self.objects: dict[int, Any] = {}
        self.kinds: dict[int, str] = {}
        self.known: dict[int, bytes] = {}
        self.nodes: dict[int, Any] = {}
        self._numbers: dict[int, int] = {}

    def add(self, number: int, kind: str, value: Any, known: bytes | None = None) -> None:
        """Register an object; `known` is its description, for one whose changes matter."""
        self.objects[number] = value
        self.kinds[number] = kind
        self._numbers[id(value)] = number
        if known is not None:
            self.known[number] = known
        if isinstance(value, Tensor):
            self.nodes[number] = value.grad_fn

    def number_of(self, value: Any) -> int | None:
        """The object's number, or None."""
        number = self._numbers.get(id(value))
        return number if number is not None and self.objects.get(number) is value else None

    def drop(self, number: int) -> None:
        """Forget an object."""
        value = self.objects.pop(number, None)
        if self._numbers.get(id(value)) == number:
            del self._numbers[id(value)]
        for column in (self.kinds, self.known, self.nodes):
            column.pop(number, None)
