"""Inside the sandbox: a learner's notebook, whose cells run one at a time as the grader sends them.

They run in IPython without a kernel, so that magics, `await` and a last expression do what they do at home. Output is
not kept: nothing that a cell prints or shows can count.
"""

import os
import socket
from typing import Any

from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from kdtutor.grading import absent
from kdtutor.grading.crossing import agent
from kdtutor.grading.crossing.channel import SocketChannel
from kdtutor.grading.crossing.failures import failure_of

_TEXT = 500  # characters


def before_forks() -> None:
    """Make the shell once, in the warm parent: each process then has one of its own, in which nothing has run."""
    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "NoColor"
    _QuietShell.instance(config=config)


def serve(connection: socket.socket) -> None:
    """Run cells and answer questions about what they defined, until the grader hangs up."""
    absent.install()
    shell: InteractiveShell = _QuietShell.instance()
    own = os.getpid()

    def run(source: str) -> list[Any] | None:
        """A cell's own exception as [type, text, line]; nothing where it ran through."""
        result = shell.run_cell(source, store_history=False, silent=True)
        if os.getpid() != own:  # a process that the cell forked: it answers no questions
            os._exit(0)
        error = result.error_before_exec or result.error_in_exec
        if error is None:
            return None
        failure = failure_of(error)
        if isinstance(error, SyntaxError):
            return ["SyntaxError", str(error.msg)[:_TEXT], error.lineno if type(error.lineno) is int else 0]
        return [failure.type_name, failure.text, failure.line or 0]

    agent.serve(SocketChannel(connection), shell.user_ns, run=run)


class _QuietShell(InteractiveShell):
    """Errors are told to the grader, not shown."""

    def showtraceback(self, *args: Any, **kwargs: Any) -> None:
        pass

    def showsyntaxerror(self, *args: Any, **kwargs: Any) -> None:
        pass

    def enable_gui(self, gui: str | None = None) -> None:
        """There is no screen, and `%matplotlib` may be said all the same."""
