"""Outside the sandbox, in the grader: opens the learner's names, and trusts nothing that comes back but its values."""

import time
from typing import Any

from torch import nn
from torch.optim import Optimizer

from kdtutor.grading.crossing import parts
from kdtutor.grading.crossing.channel import Channel, ChannelClosed, ChannelTimeout, FrameTooLong
from kdtutor.grading.crossing.codec import CAPS, Caps, CodecError
from kdtutor.grading.crossing.failures import LearnerError, came_from_inside
from kdtutor.grading.crossing.faults import CannotCross, InsideDied, InsideFault, ProtocolError, TimeoutInside
from kdtutor.grading.crossing.packing import Message, Packing
from kdtutor.grading.crossing.peer import Peer
from kdtutor.grading.crossing.stand_in import CallableStandIn, StandIn, is_stand_in, stand_in

__all__ = [
    "CallableStandIn", "CannotCross", "Inside", "InsideDied", "InsideFault", "LearnerError", "ProtocolError", "StandIn",
    "TimeoutInside", "came_from_inside",
]  # fmt: skip


class Inside(Peer):
    """The learner's code, seen through a channel to an agent.

    timeout: seconds that one question may take, callbacks included. seed: given, torch, NumPy and random are seeded
    with it inside before every call. After a fault every further question raises it again: see `fault`.
    cpu_seconds: what the agent says it spent on all questions (the learner's word).
    """

    def __init__(self, channel: Channel, *, timeout: float = 10.0, seed: int | None = None, caps: Caps = CAPS) -> None:
        super().__init__(channel, first_number=2, caps=caps)
        self.timeout = timeout
        self.seed = seed
        self.fault: InsideFault | None = None
        self.cpu_seconds = 0.0
        self._deadline = 0.0

    def stand_in(self, name: str) -> Any:
        """What the learner's notebook holds under a name: a plain value as it is, anything else by a stand-in.

        A stand-in's `__name__` is that name. NameError where there is none.
        """
        value = self.ask("resolve", name)
        if is_stand_in(value):
            object.__setattr__(value, "_name", name)
        return value

    def run(self, source: str) -> tuple[str, str, int] | None:
        """Run a cell: None where it ran through, else its exception's type, text and line (0: not known)."""
        match self.ask("run", source):
            case None:
                return None
            case [str(kind), str(text), int(line)]:
                return kind, text, line
        raise ProtocolError("what became of a cell, in other words")

    def names(self) -> list[str]:
        """The names that the learner's notebook holds, those with a leading underscore left out."""
        return [str(name) for name in self.ask("names")]

    def close(self) -> None:
        """End the conversation."""
        self.channel.close()

    def ask(self, what: str, *args: Any, **kwargs: Any) -> Any:
        if self.fault is not None:
            raise type(self.fault)(str(self.fault))
        if not self.objects.tables:
            self._deadline = time.monotonic() + self.timeout
        try:
            return super().ask(what, *args, extra={"seed": self.seed}, **kwargs)
        except CodecError as error:  # before anything was sent
            raise CannotCross(str(error)) from None
        except BaseException as error:
            if not isinstance(error, Exception):
                self.fault = error if isinstance(error, InsideFault) else ProtocolError(f"interrupted: {error!r}")
            raise

    def _next(self) -> Message:
        try:
            return super()._next()
        except CodecError as error:
            raise ProtocolError(str(error)) from None

    def _taken_in(self, message: Message) -> Any:
        try:
            return super()._taken_in(message)
        except CodecError as error:
            raise CannotCross(str(error)) from None
        except Exception as error:
            raise ProtocolError(f"{type(error).__name__}: {error}") from None

    def _answer(self, question: Message) -> None:
        try:
            super()._answer(question)
        except Exception as error:
            raise ProtocolError(f"a question from inside: {type(error).__name__}: {error}") from None

    def _refusal(self, number: int, error: Exception) -> bytes:
        raise CannotCross(f"a callback's result: {error}")

    def transmit(self, frame: bytes) -> None:
        try:
            self.channel.send(frame, self._left())
        except FrameTooLong as error:
            raise CannotCross(str(error)) from None
        except (ChannelTimeout, ChannelClosed) as error:
            raise _as_fault(error) from None

    def receive(self) -> bytes:
        try:
            return self.channel.receive(self._left())
        except (ChannelTimeout, ChannelClosed, FrameTooLong) as error:
            raise _as_fault(error) from None

    def _left(self) -> float:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutInside(f"no answer within {self.timeout:g} s")
        return left

    def heard(self, reply: Message) -> None:
        seconds = reply.get("cpu")
        self.cpu_seconds += seconds if isinstance(seconds, float) and 0 <= seconds < 1e6 else 0.0

    # What a test passes to the learner, and what comes back

    def export(self, value: Any, packing: Packing) -> tuple[str, Any]:
        if is_stand_in(value):
            raise CannotCross("an object of another learner's")
        if callable(value) and not isinstance(value, (type, nn.Module, Optimizer)) and not parts.from_a_library(value):
            return "callback", str(getattr(value, "__name__", "callback"))
        data = parts.packed(value, packing.number, lambda entry: self.objects.number_of(entry) is not None)
        return "object", {"pickle": data, "state": parts.state(value, packing.lower)}

    def build(self, kind: str, description: Any, number: int) -> Any:
        if kind != "handle":
            raise CodecError(f"an object of kind {kind!r} from inside")
        return stand_in(self, number, description)

    def operate(self, what: str, *args: Any, **kwargs: Any) -> Any:
        """The one thing that can be asked for from inside: a call of a function that was passed in."""
        function, *arguments = args
        if what != "call" or self.objects.kind_of(self.objects.number_of(function) or 0) != "callback":
            raise ProtocolError(f"a question from inside: {what!r}")
        return function(*arguments, **kwargs)


def _as_fault(error: Exception) -> InsideFault:
    if isinstance(error, ChannelTimeout):
        return TimeoutInside("no answer in time")
    if isinstance(error, ChannelClosed):
        return InsideDied("the process with the learner's code has ended")
    return ProtocolError(str(error))
