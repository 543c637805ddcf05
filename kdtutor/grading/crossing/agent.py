"""Inside the sandbox: answers questions about the learner's names, beside the learner's code and trusted by nobody.

It imports no more of kdtutor than it needs to talk: `grading.learners_process` names the files a sandbox has to hold.
"""

import copy
import dis
import io
import operator
import random
import sys
import time
import warnings
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from types import FunctionType
from typing import Any

import torch

from kdtutor.grading.crossing import parts
from kdtutor.grading.crossing.channel import Channel, ChannelClosed
from kdtutor.grading.crossing.codec import CAPS, Caps
from kdtutor.grading.crossing.packing import Message, Packing
from kdtutor.grading.crossing.peer import Peer

_NAME = 100


def serve(
    channel: Channel,
    namespace: MutableMapping[str, Any],
    *,
    run: Callable[[str], Any] | None = None,
    caps: Caps = CAPS,
) -> None:
    """Answer questions about the names in `namespace` until the channel closes. Runs in any thread.

    run: executes a cell's source in the namespace, where cells may be sent too.
    """
    agent = Agent(channel, namespace, caps)
    if run is not None:
        agent.takes_cells(run)
    while True:
        try:
            agent.serve_one()
        except ChannelClosed:
            return


class Agent(Peer):
    """The side that holds the learner's objects: lends them by number and does with them what it is asked to."""

    def __init__(self, channel: Channel, namespace: MutableMapping[str, Any], caps: Caps = CAPS) -> None:
        super().__init__(channel, first_number=1, caps=caps)
        self._namespace = namespace
        self._seconds = 0.0
        self._operations: dict[str, Callable[..., Any]] = {
            "resolve": self._resolve,
            "names": lambda: sorted(name for name in self._namespace if not name.startswith("_")),
            "call": lambda function, *args, **kwargs: function(*args, **kwargs),
            "getattr": getattr, "setattr": setattr, "delattr": delattr, "dir": dir,
            "getitem": operator.getitem, "setitem": operator.setitem, "delitem": operator.delitem,
            "len": len, "iter": iter, "next": next, "deepcopy": copy.deepcopy,
        }  # fmt: skip

    def takes_cells(self, run: Callable[[str], Any]) -> None:
        """Answer "run" as well, by running a cell."""
        self._operations["run"] = run

    def serve_one(self) -> None:
        """Answer one question. ChannelClosed when no more will come."""
        self._answer(self._next())

    def operate(self, what: str, *args: Any, **kwargs: Any) -> Any:
        """Do one of the operations; the seconds of CPU it takes are a remark of the reply."""
        began = time.process_time()
        try:
            return self._operations[what](*args, **kwargs)
        finally:
            self._seconds = time.process_time() - began

    def remarks(self) -> Message:
        return {"cpu": self._seconds}

    def lets_pass(self, error: BaseException) -> bool:
        return False

    @contextmanager
    def around(self, question: Message) -> Iterator[None]:
        """Silence, and the seed that is asked for."""
        seed = question.get("seed")
        if seed is not None:
            torch.manual_seed(seed)
            random.seed(seed)
            sys.modules["numpy"].random.seed(seed % 2**32)
        with redirect_stdout(_Sink()), redirect_stderr(_Sink()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield

    def export(self, value: Any, packing: Packing) -> tuple[str, Any]:
        """Whatever is no plain value stays here; what is said of it is for convenience and proves nothing."""
        return "handle", {
            "type": _said(lambda: type(value).__name__),
            "name": _said(lambda: value.__name__),
            "callable": callable(value),
            "untouched": untouched(value),
            "claims": _said(lambda: _torch_type(value)),
        }

    def build(self, kind: str, description: Any, number: int) -> Any:
        if kind == "callback":
            return self._callback(number, description)
        return parts.unpacked(description["pickle"], self.objects.object_of)

    def _resolve(self, name: str) -> Any:
        if name not in self._namespace:
            raise NameError(f"name {name!r} is not defined")
        return self._namespace[name]

    def _callback(self, number: int, name: str) -> Callable[..., Any]:
        def callback(*args: Any, **kwargs: Any) -> Any:
            return self.ask("call", callback, *args, **kwargs)

        callback.__name__ = callback.__qualname__ = name
        return callback


def untouched(value: Any) -> bool:
    """Whether a function is still the stub: its body is nothing but a docstring, `...` or `pass`."""
    if not isinstance(value, FunctionType):
        return False
    instructions = list(dis.get_instructions(value))
    empty = {"RESUME", "NOP", "POP_TOP", "LOAD_CONST", "RETURN_CONST", "RETURN_VALUE", "COPY_FREE_VARS"}
    loaded = [i.argval for i in instructions if i.opname in ("LOAD_CONST", "RETURN_CONST")]
    return all(i.opname in empty for i in instructions) and all(value in (None, ...) for value in loaded)


def _torch_type(value: Any) -> str:
    """The nearest of torch's own module or optimiser types."""
    wanted = (torch.nn.Module, torch.optim.Optimizer)
    kinds = (kind for kind in type(value).__mro__ if kind.__module__.startswith("torch.") and issubclass(kind, wanted))
    return next((f"{kind.__module__}:{kind.__qualname__}" for kind in kinds), "")


def _said(say: Callable[[], Any]) -> str:
    try:
        text = say()
        return text[:_NAME] if type(text) is str else ""
    except BaseException:
        return ""


class _Sink(io.TextIOBase):
    """Takes what is printed and keeps none of it."""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        return len(text)
