"""One message in the making: new objects, changed objects, and a value in which Refs stand for objects."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from kdtutor.grading.crossing import kinds
from kdtutor.grading.crossing.codec import Caps, CodecError, Ref, TooLarge, encode, is_array, is_key
from kdtutor.grading.crossing.graphs import Graph, graph_of
from kdtutor.grading.crossing.objects import LASTING, Objects

Message = dict[str, Any]
SCALARS = (type(None), bool, int, float, complex, str, bytes, type(...), torch.dtype, torch.device, torch.Size)
Export = Callable[[Any, "Packing"], tuple[str, Any]]


class Packing:
    """Says values to the other side. `export` gives kind and description of what no plain value can say."""

    def __init__(self, objects: Objects, caps: Caps, export: Export, *, replying: bool) -> None:
        self._objects = objects
        self._caps = caps
        self._export = export
        self._replying = replying
        self._new: dict[int, tuple[str, Any]] = {}
        self._known: dict[int, bytes] = {}
        self._under_way: set[int] = set()

    def message(self, value: Any) -> Message:
        """The parts of a message that say a value, and everything else that the other side should know by then."""
        with torch._C.DisableTorchFunctionSubclass():  # a learner's subclass has no say in how it is read
            lowered = self.lower(value)
            changed = self._changes()
        new = [[number, kind, description] for number, (kind, description) in self._new.items()]
        return {"value": lowered, "new": new, "changed": changed, "dropped": self._objects.given_back()}

    def graph(self) -> Graph | None:
        """The graph behind the tensors announced, for the other side to attach them to; None where they have none."""
        outputs = [self._objects.object_of(number) for number in self._graph_numbers()]
        if not outputs:
            return None
        shared = [(number, tensor) for number, tensor in self._objects.tensors() if number not in self._new]
        twins = [(n, self._objects.object_of(n)) for n, (kind, _) in self._new.items() if kind == "twin"]
        return graph_of(outputs, shared + twins)

    def graph_message(self, number: int, graph: Graph) -> Message:
        """What the other side is told of a graph that is kept under that number."""
        inputs = list(graph.inputs)
        return {"number": number, "outputs": self._graph_numbers(), "inputs": inputs, "hidden": bool(graph.hidden)}

    def sent(self) -> None:
        """The message is on its way: from now on the other side knows."""
        for number, known in self._known.items():
            self._objects.now_known(number, known)

    def lower(self, value: Any) -> Any:
        """A value in which Refs stand for objects; those that are new to the other side are announced."""
        if isinstance(value, (*SCALARS, np.generic, frozenset)) and _is_plain(value):
            return value
        number = self._objects.number_of(value)
        if number is not None and not (self._objects.is_own(number) and self._objects.kind_of(number) in LASTING):
            return Ref(number)
        if number is None and isinstance(value, tuple):
            return tuple(self._inside(value, lambda: [self.lower(entry) for entry in tuple.__iter__(value)]))
        if number is None and isinstance(value, slice):
            return slice(self.lower(value.start), self.lower(value.stop), self.lower(value.step))
        return Ref(self._announce(value, number))

    def number(self, value: Any) -> int:
        """The number of an object, which is announced if it is new."""
        return self.lower(value).number

    def _announce(self, value: Any, number: int | None) -> int:
        if number is not None and number in self._new:
            return number
        kind = self._objects.kind_of(number) if number is not None else kinds.kind_of(value)
        if kind == "tensor" and self._replying and value.is_leaf and value.requires_grad:
            kind = "twin"
        if kind is None or kind == "handle":
            kind, description = self._inside(value, lambda: self._export(value, self))
        else:
            description = self._inside(value, lambda: kinds.describe(kind, value, self.lower))
        number = self._objects.new_number() if number is None else number
        tracked = kind == "twin" or not (self._replying or kind in ("callback", "handle"))
        known = encode(kinds.state_in(kind, description), self._caps) if tracked else None
        table = self._objects.kept if kind in LASTING else self._objects.tables[-1]
        table.add(number, kind, value, known)
        self._new[number] = kind, description
        return number

    def _inside(self, value: Any, make: Callable[[], Any]) -> Any:
        if id(value) in self._under_way:
            raise CodecError(f"a {type(value).__name__} that contains itself")
        if len(self._under_way) > self._caps.depth:
            raise TooLarge(f"nested deeper than the {self._caps.depth} levels that may cross")
        self._under_way.add(id(value))
        try:
            return make()
        finally:
            self._under_way.discard(id(value))

    def _changes(self) -> list[list[Any]]:
        changed = []
        for number, kind, value, known in list(self._objects.tracked()):
            if number not in self._new:
                description = kinds.describe(kind, value, self.lower)
                encoded = encode(description, self._caps)
                if encoded != known:
                    self._known[number] = encoded
                    changed.append([number, description])
        return changed

    def _graph_numbers(self) -> list[int]:
        tensors = [number for number, (kind, _) in self._new.items() if kind == "tensor"]
        return [number for number in tensors if self._objects.object_of(number).grad_fn is not None]


def _is_plain(value: Any) -> bool:
    if isinstance(value, np.generic):
        return is_array(value)
    return not isinstance(value, frozenset) or all(is_key(entry) for entry in value)
