"""The warm parent: imports once, then forks a keeper and a learner's process for each request.

It reads requests from a socket and ends, with all it started, when the other side closes it. It is trusted, has one
thread, a cleared environment and no secret; nothing of a learner runs in it.
"""

import gc
import importlib
import json
import os
import selectors
import signal
import socket
import sys
import traceback
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import NoReturn

from kdtutor.grading.sandbox.inside import storage
from kdtutor.grading.sandbox.inside.birth import Birth, become_keeper
from kdtutor.grading.sandbox.inside.cell import Cell
from kdtutor.grading.sandbox.inside.census import children, descendants, resident
from kdtutor.grading.sandbox.inside.plan import Plan, Task
from kdtutor.grading.sandbox.inside.system import PR_SET_CHILD_SUBREAPER, prctl

MESSAGE = 1 << 20
PATIENCE = 10  # seconds for a keeper to end what it keeps


@dataclass
class Kept:
    """A keeper that runs, and what goes with it."""

    keeper: int
    watcher: int
    cell: Cell | None
    folder: str


class Server:
    """Answers each request on the control socket: a task with its four descriptors, the end of a process, or a twin."""

    def __init__(self, plan: Plan, control: socket.socket) -> None:
        self.plan, self.control = plan, control
        self.shared = resident()
        self.kept: dict[int, Kept] = {}
        self.twins: set[int] = set()
        self.number = 0
        self.spare = Cell(plan.command) if plan.command else None
        if self.spare:
            self.spare.ready()
        self.selector = selectors.DefaultSelector()
        self.selector.register(control, selectors.EVENT_READ)
        if plan.tier != "bubblewrap":
            prctl(PR_SET_CHILD_SUBREAPER, 1)

    def serve(self) -> None:
        """Until the other side is gone."""
        try:
            while True:
                for key, _ in self.selector.select():
                    if key.fileobj is not self.control:
                        key.data()
                    elif not self.answer():
                        return
        finally:
            for number in list(self.kept):
                self.finish(number)
            if self.spare:
                self.spare.end()
            storage.remove(self.plan.folder)

    def answer(self) -> bool:
        """One request. False when there are no more."""
        try:
            text, descriptors, _, _ = socket.recv_fds(self.control, MESSAGE, 8)
        except OSError:
            return False
        if not text:
            return False
        request = json.loads(text)
        try:
            if "end" in request:
                self.finish(request["end"])
                reply: dict[str, object] = {"ended": request["end"]}
            elif "twin" in request:
                reply = self.twin(request["twin"], descriptors[0])
            else:
                task = Task.from_json(text)
                try:
                    reply = self.start(task, descriptors)
                except RuntimeError:  # a machine under load may have been too slow, or the spare cell was killed
                    reply = self.start(task, descriptors)
        except Exception as error:
            reply = {"error": f"{type(error).__name__}: {error}"}
        finally:
            for descriptor in descriptors:
                os.close(descriptor)
        try:
            self.control.send(json.dumps(reply).encode())
        except OSError:
            return False
        if self.plan.command and self.spare is None and "twin" not in request:
            self.spare = Cell(self.plan.command)  # stands when the next request comes
        return True

    def twin(self, folder: str, line: int) -> dict[str, object]:
        """Fork a copy of this process that answers on another control socket and has a folder of its own."""
        if self.kept:
            raise RuntimeError("a warm parent that keeps processes has no twins")
        if self.spare:
            self.spare.end()
            self.spare = None
        child = os.fork()
        if child == 0:
            self.selector.close()
            self.control.close()
            _serve_to_the_end(replace(self.plan, folder=folder), socket.socket(fileno=os.dup(line)))
        self.twins.add(child)
        watcher = os.pidfd_open(child)
        self.selector.register(watcher, selectors.EVENT_READ, partial(self.bury, child, watcher))
        return {"pid": child}

    def bury(self, child: int, watcher: int) -> None:
        """Take the exit status of a twin that has ended."""
        self.selector.unregister(watcher)
        os.close(watcher)
        os.waitpid(child, 0)
        self.twins.discard(child)

    def start(self, task: Task, descriptors: list[int]) -> dict[str, object]:
        """Fork a keeper, which forks the learner's process, and say both numbers."""
        number = self.number = self.number + 1
        cell, self.spare = self.spare, None
        if self.plan.command:
            cell = cell or Cell(self.plan.command)
            cell.ready()
        folder = "" if cell else os.path.join(self.plan.folder, str(number))
        told, tell = os.pipe()
        before = os.getpid()
        keeper = os.fork()
        if keeper == 0:
            os.close(told)
            self.control.close()
            become_keeper(self.plan, task, Birth(cell, folder, descriptors, tell, before, self.shared))
        os.close(tell)
        with os.fdopen(told, "rb") as pipe:
            words = pipe.read()
        watcher = os.pidfd_open(keeper)
        self.kept[number] = Kept(keeper, watcher, cell, folder)
        self.selector.register(watcher, selectors.EVENT_READ, partial(self.finish, number))
        if not words:
            self.finish(number)
            raise RuntimeError("the sandbox could not be entered")
        reply = json.loads(words)
        if "error" in reply:
            self.finish(number)
            raise RuntimeError(reply["error"])
        return {"number": number, **reply}

    def finish(self, number: int) -> None:
        """End what a keeper keeps, and the keeper; nothing of it is left afterwards. Twice is the same as once."""
        kept = self.kept.pop(number, None)
        if kept is None:
            return
        self.selector.unregister(kept.watcher)
        if kept.cell:
            kept.cell.kill()
        waiting = selectors.DefaultSelector()
        waiting.register(kept.watcher, selectors.EVENT_READ)
        if not waiting.select(PATIENCE):
            signal.pidfd_send_signal(kept.watcher, signal.SIGKILL)
        waiting.close()
        os.close(kept.watcher)
        os.waitpid(kept.keeper, 0)
        if kept.cell:
            kept.cell.end()
        else:
            self.end_strays()
        if kept.folder:
            storage.remove(kept.folder)

    def end_strays(self) -> None:
        """What a keeper left behind when it was killed itself: it has become this process's own child."""
        known = self.twins | {kept.keeper for kept in self.kept.values()}
        for stray in set(children(os.getpid())) - known:
            for process in (*descendants(stray), stray):
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
            with suppress(ChildProcessError):
                os.waitpid(stray, 0)


def pass_backward_once() -> None:
    """Let torch, where it is imported, do what it does at a first backward pass: more than half a second.

    It looks for devices; there are none to be seen here, so that it starts no thread. And where a gradient is given to
    begin with, it imports a library of symbols to compare two shapes. Forks inherit both.
    """
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.ones((), requires_grad=True).backward(torch.ones(()))


def main() -> None:
    """Run by the grader as a program: its one argument is the descriptor of the control socket."""
    control = socket.socket(fileno=int(sys.argv[1]))
    plan = Plan.from_json(control.recv(MESSAGE))
    gc.disable()  # it would look through every imported object many times over
    try:
        sys.prefix = sys.exec_prefix = plan.prefix
        sys.path[:] = [*plan.search]
        for name in plan.preload:
            getattr(importlib.import_module(name), "before_forks", lambda: None)()
        pass_backward_once()
        gc.freeze()
        gc.enable()
    except BaseException as error:
        control.send(json.dumps({"error": f"{type(error).__name__}: {error}"}).encode())
        raise
    _serve_to_the_end(plan, control)


def _serve_to_the_end(plan: Plan, control: socket.socket) -> NoReturn:
    """Say that requests may come, answer them, and end this process when no more will."""
    status = 1
    try:
        try:
            server = Server(plan, control)
        except BaseException as error:
            control.send(json.dumps({"error": f"{type(error).__name__}: {error}"}).encode())
            raise
        control.send(json.dumps({"ready": os.getpid()}).encode())
        server.serve()
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    main()
