"""One side of a conversation about objects that each side keeps for itself.

Every message says new objects by number, how shared ones have changed since the other side last heard of them, and a
value in which Refs stand for objects. A question may be answered by a question (the other side calls back) before its
reply comes; both see each other's changes throughout.
"""

import itertools
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor

from kdtutor.grading.crossing.channel import Channel
from kdtutor.grading.crossing.codec import CAPS, Caps, CodecError, Failure, TooLarge, decode, encode
from kdtutor.grading.crossing.failures import exception_of, failure_of
from kdtutor.grading.crossing.faults import CannotCross, ProtocolError
from kdtutor.grading.crossing.graphs import Graph, Remote
from kdtutor.grading.crossing.objects import Objects
from kdtutor.grading.crossing.packing import Message, Packing
from kdtutor.grading.crossing.unpacking import Unpacking

_MAX_NESTING = 16  # exchanges within exchanges: a callback that calls back, and so on
_ABOUT_GRAPHS = ("products", "accumulate")
NOTHING: Message = {"value": None, "new": [], "changed": [], "dropped": []}


class Peer:
    """What both sides have in common; Agent and Inside say what each exports and what it lets itself be asked."""

    def __init__(self, channel: Channel, *, first_number: int, caps: Caps = CAPS) -> None:
        self.channel = channel
        self.caps = caps
        self.objects = Objects(first_number)
        self._graphs: dict[int, Graph] = {}
        self._questions = itertools.count(first_number, 2)

    # What a side decides

    def export(self, value: Any, packing: Packing) -> tuple[str, Any]:
        """The kind and description of an object that no plain value can say."""
        raise NotImplementedError

    def build(self, kind: str, description: Any, number: int) -> Any:
        """An object of a kind that the other side exports."""
        raise NotImplementedError

    def operate(self, what: str, *args: Any, **kwargs: Any) -> Any:
        """Answer a question of the other side's."""
        raise NotImplementedError

    def around(self, question: Message) -> AbstractContextManager[Any]:
        """The surroundings in which a question is answered."""
        return nullcontext()

    def remarks(self) -> Message:
        """What to add to a reply."""
        return {}

    def lets_pass(self, error: BaseException) -> bool:
        """Whether an exit or an interruption goes on through this side instead of being an answer."""
        return True

    def transmit(self, frame: bytes) -> None:
        """Send one message."""
        self.channel.send(frame)

    def receive(self) -> bytes:
        """Wait for one message."""
        return self.channel.receive()

    # Asking

    def ask(
        self,
        what: str,
        *args: Any,
        about: int | None = None,
        shared: Sequence[tuple[int, Tensor]] = (),
        extra: Message | None = None,
        **kwargs: Any,
    ) -> Any:
        """Put a question to the other side and return its answer, or raise what its code raised.

        about, shared: a graph of the other side's, and its inputs, to be shared under these numbers.
        """
        if len(self.objects.tables) >= _MAX_NESTING:
            raise RecursionError(f"more than {_MAX_NESTING} calls across within each other")
        with self.objects.exchange(shared):
            number = next(self._questions)
            packing = self._packing(replying=False)
            question = {"ask": what, "question": number, "about": about, "shared": [n for n, _ in shared]}
            question |= {"grad": torch.is_grad_enabled(), **(extra or {}), **packing.message((args, kwargs))}
            self.transmit(encode(question, self.caps))
            packing.sent()
            held = list(self.objects.borrowed.values())  # nothing borrowed goes back before the reply is read
            while "ask" in (message := self._next()):
                self._answer(message)
            if message.get("reply") != number:
                raise ProtocolError("a reply to another question")
            if "refused" in message:
                raise CannotCross(str(message["refused"]))
            failure, value = message.get("failure"), self._taken_in(message)
            if not isinstance(failure, (Failure, type(None))):
                raise ProtocolError("a failure in other words")
            self.heard(message)
            del held
        self.objects.release()
        if failure is not None:
            raise exception_of(failure)
        return value

    def heard(self, reply: Message) -> None:
        """Look at the remarks of a reply."""

    def _next(self) -> Message:
        message = decode(self.receive(), self.caps)
        if not isinstance(message, dict):
            raise ProtocolError("a message that is no dictionary")
        return message

    # Answering

    def _answer(self, question: Message) -> None:
        number = question["question"]
        with self.objects.exchange(self._graph_inputs(question)):
            try:
                args, kwargs = self._taken_in(question)
            except Exception as error:
                self.transmit(self._refusal(number, error))
                return
            with torch.set_grad_enabled(bool(question["grad"])), self.around(question):
                packing, frame = self._outcome(number, question["ask"], args, kwargs)
            self.transmit(frame)
            if packing:
                packing.sent()

    def _outcome(self, number: int, what: str, args: Any, kwargs: Any) -> tuple[Packing | None, bytes]:
        try:
            value = self._about_graph(what, *args) if what in _ABOUT_GRAPHS else self.operate(what, *args, **kwargs)
            failure = None
        except BaseException as error:
            if not isinstance(error, Exception) and self.lets_pass(error):
                raise
            value, failure = None, failure_of(error)
        try:
            return self._reply(number, value, failure)
        except TooLarge as error:
            too_large = Failure("TooLarge", "Exception", str(error))
            return None, encode({"reply": number, "failure": too_large, **NOTHING, **self.remarks()}, self.caps)
        except CodecError as error:
            return None, self._refusal(number, error)

    def _reply(self, number: int, value: Any, failure: Failure | None) -> tuple[Packing, bytes]:
        packing = self._packing(replying=True)
        message = {"reply": number, "failure": failure, **packing.message(value), **self.remarks()}
        graph = packing.graph()
        if graph is not None:
            kept_as = self.objects.new_number()
            self._graphs[kept_as] = graph
            message["graph"] = packing.graph_message(kept_as, graph)
        return packing, encode(message, self.caps)

    def _refusal(self, number: int, error: Exception) -> bytes:
        return encode({"reply": number, "refused": f"{type(error).__name__}: {error}"[:2000]}, self.caps)

    # Gradients

    def _about_graph(self, what: str, number: int, grads: list[Tensor | None], create_graph: bool) -> Any:
        if what == "accumulate":
            return self._graphs[number].accumulate(grads)
        return self._graphs[number].products(grads, create_graph)

    def _graph_inputs(self, question: Message) -> list[tuple[int, Tensor]]:
        """The inputs of a graph under the numbers by which a question shares them anew."""
        if not question["shared"]:
            return []
        return list(zip(question["shared"], self._graphs[question["about"]].inputs.values(), strict=True))

    def _remote(self, number: int) -> Remote:
        def products(
            grads: Sequence[Tensor | None], inputs: Sequence[Tensor], create_graph: bool
        ) -> Sequence[Tensor | None]:
            shared = [(self.objects.new_number(), tensor) for tensor in inputs] if create_graph else []
            found = self.ask("products", number, list(grads), create_graph, about=number, shared=shared)
            if not isinstance(found, list) or not _fit(found, inputs):
                raise CannotCross("gradients of other shapes than their tensors'")
            return found

        def accumulate(grads: Sequence[Tensor | None]) -> None:
            self.ask("accumulate", number, list(grads), False)

        objects = self.objects
        return Remote(products, accumulate, lambda: objects.give_back(number))

    # Messages

    def _packing(self, *, replying: bool) -> Packing:
        return Packing(self.objects, self.caps, self.export, replying=replying)

    def _taken_in(self, message: Message) -> Any:
        for number in message["dropped"]:
            self.objects.kept.drop(number)
            self._graphs.pop(number, None)
        return Unpacking(self.objects, self.caps, self.build, self._remote).value(message)


def _fit(grads: list[Any], inputs: Sequence[Tensor]) -> bool:
    return len(grads) == len(inputs) and all(
        grad is None or (isinstance(grad, Tensor) and grad.shape == tensor.shape)
        for grad, tensor in zip(grads, inputs, strict=True)
    )
