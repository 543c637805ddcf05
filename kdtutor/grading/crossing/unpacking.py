"""A message taken in: objects are made and changed as it says, and its value is returned."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from kdtutor.grading.crossing import kinds
from kdtutor.grading.crossing.codec import Caps, CodecError, Ref, encode
from kdtutor.grading.crossing.graphs import Remote
from kdtutor.grading.crossing.objects import LASTING, Objects
from kdtutor.grading.crossing.packing import SCALARS, Message

Build = Callable[[str, Any, int], Any]


class Unpacking:
    """Takes one message in. `build` makes the objects that only the other side can export."""

    def __init__(self, objects: Objects, caps: Caps, build: Build, remote: Callable[[int], Remote]) -> None:
        self._objects = objects
        self._caps = caps
        self._build_export = build
        self._remote = remote

    def value(self, message: Message) -> Any:
        """Everything the message says, done in an order in which each thing finds what it needs."""
        new, graph = message["new"], message.get("graph")
        changed = [[number, description] for number, description in message["changed"] if self._objects.has(number)]
        attached = set(graph["outputs"]) if graph else set()
        tracked = "ask" in message
        for number, description in changed:
            if self._objects.kind_of(number) in kinds.TENSORS:
                self._change(number, description)
        for number, kind, description in new:
            if kind in kinds.TENSORS:
                self._build(number, kind, description, tracked=tracked, attached=number in attached)
        if graph:
            self._attach(graph)
        for number, kind, description in new:
            if kind not in kinds.TENSORS:
                self._build(number, kind, description, tracked=tracked)
        for number, description in changed:
            if self._objects.kind_of(number) not in kinds.TENSORS:
                self._change(number, description)
                self._refuse_endless(self._objects.object_of(number))
        value = self.lift(message["value"])
        self._refuse_endless(value)
        return value

    def lift(self, value: Any) -> Any:
        """A value of the message with the objects in place of the Refs."""
        if isinstance(value, Ref):
            return self._objects.object_of(value.number)
        if isinstance(value, tuple) and not isinstance(value, torch.Size):
            return tuple(self.lift(entry) for entry in value)
        if isinstance(value, slice):
            return slice(self.lift(value.start), self.lift(value.stop), self.lift(value.step))
        if isinstance(value, (*SCALARS, np.generic, frozenset)):
            return value
        raise TypeError(f"a {type(value).__name__} that was not announced")

    def _build(self, number: int, kind: str, description: Any, *, tracked: bool, attached: bool = False) -> None:
        objects, table = self._objects, self._objects.tables[-1]
        if objects.is_own(number) or (kind not in LASTING and number in table.objects):
            raise CodecError(f"the number {number} a second time")
        value = objects.borrowed.get(number) if kind in LASTING else None
        if value is not None:
            if kind == "twin":
                self._change(number, description)
        elif kind in (*kinds.TENSORS, *kinds.BY_VALUE):
            value = kinds.build(kind, description, self.lift, attached=attached)
        else:
            value = self._build_export(kind, description, number)
        table.add(number, kind, value)
        if kind in LASTING and number not in objects.borrowed:
            objects.borrow(number, value)
        if kind == "twin":
            objects.known_of_borrowed[number] = encode(description, self._caps)
        elif tracked and kind not in ("callback", "handle"):
            table.known[number] = encode(kinds.state_in(kind, description), self._caps)

    def _change(self, number: int, description: Any) -> None:
        kind = self._objects.kind_of(number)
        if kind not in (*kinds.TENSORS, *kinds.BY_VALUE, "object"):
            raise CodecError(f"a change of a {kind}")
        kinds.change(kind, self._objects.object_of(number), description, self.lift)
        self._objects.now_known(number, encode(description, self._caps))

    def _attach(self, graph: Message) -> None:
        table = self._objects.tables[-1]
        values = [table.objects[number] for number in graph["outputs"]]
        inputs = [self._objects.object_of(number) for number in graph["inputs"]]
        if not all(isinstance(tensor, Tensor) for tensor in values + inputs):
            raise TypeError("a graph of other things than tensors")
        attached = self._remote(graph["number"]).attach(values, inputs, bool(graph["hidden"]))
        for number, tensor in zip(graph["outputs"], attached, strict=True):
            table.add(number, "tensor", tensor)

    def _refuse_endless(self, value: Any) -> None:
        """Refuse a container that has itself inside or, by references within references, more than may cross."""
        waiting, count = [(value, 0)], 0
        while waiting:
            entry, depth = waiting.pop()
            count += 1
            if count > self._caps.elements or depth > self._caps.depth:
                raise CodecError("a value that is too large, too deep, or contains itself")
            inner = entry.values() if isinstance(entry, dict) else entry if isinstance(entry, (list, tuple)) else ()
            waiting += [(item, depth + 1) for item in inner]
