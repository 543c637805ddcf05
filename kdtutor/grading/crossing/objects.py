"""All objects that one side shares with the other at present, and for how long."""

import itertools
import sys
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from torch import Tensor

from kdtutor.grading.crossing.codec import CodecError
from kdtutor.grading.crossing.table import Table

LASTING = ("handle", "twin")  # they outlive the exchange in which they were announced


class Objects:
    """Objects of the exchanges under way, those of this side's that were lent for longer, and those borrowed.

    Numbers of one side are even, those of the other odd. A borrowed object is given back when nothing here holds it.
    """

    def __init__(self, first_number: int) -> None:
        self.tables: list[Table] = []  # the innermost exchange last
        self.kept = Table()
        self.borrowed: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()
        self.known_of_borrowed: dict[int, bytes] = {}
        self._twins: dict[int, Tensor] = {}  # borrowed tensors, until the other side has heard of their last change
        self._given_back: list[int] = []
        self._first = first_number
        self._numbers = itertools.count(first_number, 2)

    def new_number(self) -> int:
        """A number that no object had."""
        return next(self._numbers)

    def is_own(self, number: int) -> bool:
        """Whether this side gave that number."""
        return number % 2 == self._first % 2

    @contextmanager
    def exchange(self, shared: Sequence[tuple[int, Tensor]]) -> Iterator[Table]:
        """An exchange from question to reply; the tensors given are shared from its beginning."""
        table = Table()
        for number, tensor in shared:
            table.add(number, "shared", tensor)
        self.tables.append(table)
        try:
            yield table
        finally:
            self.tables.remove(table)

    def number_of(self, value: Any) -> int | None:
        """The number under which the other side knows an object, or None."""
        for table in (*reversed(self.tables), self.kept):
            if (number := table.number_of(value)) is not None:
                return number
        return next((number for number, borrowed in list(self.borrowed.items()) if borrowed is value), None)

    def object_of(self, number: int) -> Any:
        """The object of that number. CodecError for one that is not known."""
        for table in (*reversed(self.tables), self.kept):
            if number in table.objects:
                return table.objects[number]
        value = self.borrowed.get(number)
        if value is None:
            raise CodecError(f"nothing has the number {number}")
        return value

    def has(self, number: int) -> bool:
        """Whether an object of that number is still here."""
        return number in self.borrowed or any(number in table.objects for table in (*self.tables, self.kept))

    def kind_of(self, number: int) -> str:
        """What kind of object has that number."""
        for table in (*reversed(self.tables), self.kept):
            if number in table.kinds:
                return table.kinds[number]
        return "twin" if isinstance(self.object_of(number), Tensor) else "handle"

    def tensors(self) -> Iterator[tuple[int, Tensor]]:
        """Every tensor that both sides know."""
        for table in (self.kept, *self.tables):
            yield from ((number, value) for number, value in table.objects.items() if isinstance(value, Tensor))
        yield from ((number, value) for number, value in list(self.borrowed.items()) if isinstance(value, Tensor))

    def tracked(self) -> Iterator[tuple[int, str, Any, bytes]]:
        """Every object whose changes the other side wants to hear of, with its kind and what is known of it."""
        for table in (self.kept, *self.tables):
            for number, known in list(table.known.items()):
                value = table.objects[number]
                if isinstance(value, Tensor) and value.grad_fn is not table.nodes[number]:
                    raise CodecError("a tensor with a history was changed in place while autograd was recording")
                yield number, table.kinds[number], value, known
        for number, value in list(self.borrowed.items()):
            if number in self.known_of_borrowed:
                yield number, "twin", value, self.known_of_borrowed[number]

    def now_known(self, number: int, known: bytes) -> None:
        """Note what both sides know of an object."""
        for table in (*self.tables, self.kept):
            if number in table.known:
                table.known[number] = known
                return
        if number in self.borrowed:
            self.known_of_borrowed[number] = known

    def borrow(self, number: int, value: Any) -> None:
        """Hold an object of the other side's for as long as something here does."""
        self.borrowed[number] = value
        if number in self._given_back:
            self._given_back.remove(number)
        if isinstance(value, Tensor):
            self._twins[number] = value
        weakref.finalize(value, self.give_back, number)

    def release(self) -> None:
        """Let go of borrowed tensors that nothing else here holds. Only when the other side knows their state."""
        for number in list(self._twins):
            if sys.getrefcount(self._twins[number]) == 2:  # the dictionary's and the one of this very question
                del self._twins[number]

    def give_back(self, number: int) -> None:
        """What is kept on the other side under that number is needed no longer."""
        self.known_of_borrowed.pop(number, None)
        self._given_back.append(number)

    def given_back(self) -> list[int]:
        """The numbers given back since this was asked last."""
        numbers = list(self._given_back)
        del self._given_back[: len(numbers)]
        return numbers
