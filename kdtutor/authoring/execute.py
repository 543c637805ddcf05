"""Running a notebook in a fresh kernel of this interpreter, with nothing of this machine left in it."""

import logging
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

from kdtutor.authoring.notebook import KERNELSPEC, LANGUAGE_INFO

CELL_TIMEOUT = 600  # seconds
# While this is set, a check whose verdict is not "passed" raises: a reference that fails its own check fails the build
CHECKS_RAISE = {"NBGRADER_EXECUTION": "build"}
ENVIRONMENT = {
    "TQDM_DISABLE": "1",
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    "PYTHONHASHSEED": "0",
    **CHECKS_RAISE,
}
NOT_INHERITED = ("NBGRADER_VALIDATING", "PYTHONWARNINGS", "PYTHONSTARTUP", "JPY_PARENT_PID")
WIDGET_VIEW = "application/vnd.jupyter.widget-view+json"
ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


class Client(NotebookClient):
    """Runs a notebook in the kernel of this very Python, whatever others are installed.

    The kernel keeps its settings, and where there are such its sockets, in the folder `private`.
    """

    def __init__(self, notebook: NotebookNode, private: Path, **settings: Any) -> None:
        super().__init__(notebook, **settings)
        self.private = private

    def create_kernel_manager(self) -> AsyncKernelManager:
        sockets = {"transport": "ipc", "ip": str(self.private / "kernel")} if os.name == "posix" else {}
        this_python = KernelSpecManager(kernel_dirs=[])
        self.km = AsyncKernelManager(kernel_name=KERNELSPEC["name"], kernel_spec_manager=this_python, **sockets)
        return self.km


class CellError(Exception):
    """A cell that failed: its index, the place of the fault as (index of a cell, line in it from 1), what happened.

    The place may lie in an earlier cell whose function failed; its line is 0 where only the cell is known.
    """

    def __init__(self, index: int, place: tuple[int, int], words: str) -> None:
        self.index, self.place, self.words = index, place, words
        super().__init__(words)

    @property
    def line(self) -> int:
        """The line in the cell that failed; 0 where the fault lies elsewhere or the line is not known."""
        cell, line = self.place
        return line if cell == self.index else 0


def execute(
    notebook: NotebookNode,
    folder: Path,
    *,
    timeout: int = CELL_TIMEOUT,
    on_cell: Callable[[int], None] = lambda index: None,
) -> NotebookNode:
    """The notebook with its outputs, run in `folder`; the argument stays as it was.

    `on_cell` hears the index of each code cell before it runs. CellError at the first cell that raises, that runs
    longer than `timeout` seconds or that takes the kernel down. What has no place in a committed file is left out:
    times, versions, states of widgets.
    """
    executed = deepcopy(notebook)
    current = 0

    def begin(cell: NotebookNode, cell_index: int) -> None:
        nonlocal current
        current = cell_index
        if cell.cell_type == "code":
            on_cell(cell_index)

    with tempfile.TemporaryDirectory() as private:
        client = Client(
            executed,
            Path(private),
            resources={"metadata": {"path": str(folder)}},
            timeout=timeout,
            record_timing=False,
            store_widget_state=False,
            coalesce_streams=True,
            skip_cells_with_tag="",
            log=logging.Logger("nbclient", logging.CRITICAL + 1),  # what it has to say, CellError says
            on_cell_start=begin,
        )
        kept = {key: value for key, value in os.environ.items() if key not in NOT_INHERITED}
        try:
            client.execute(env=kept | ENVIRONMENT | {"IPYTHONDIR": private})
        except CellExecutionError as error:
            place = innermost_place(error.traceback, executed) or (current, 0)
            raise CellError(current, place, f"{error.ename}: {ANSI.sub('', error.evalue)}") from None
        except CellTimeoutError:
            raise CellError(current, (current, 0), f"the cell ran longer than {timeout} s") from None
        except DeadKernelError:
            raise CellError(current, (current, 0), "the kernel died while this cell ran (out of memory?)") from None
    executed.metadata["language_info"] = dict(LANGUAGE_INFO)
    executed.metadata.pop("widgets", None)
    for cell in executed.cells:
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if not only_a_widget(output)]
        for output in cell.get("outputs", []):
            output.get("data", {}).pop(WIDGET_VIEW, None)
    return executed


def only_a_widget(output: NotebookNode) -> bool:
    """Whether an output is a widget and its bare text: a progress bar that says how slow this machine was."""
    forms = set(output.get("data", {}))
    return WIDGET_VIEW in forms and forms <= {WIDGET_VIEW, "text/plain"}


def innermost_place(traceback: str, notebook: NotebookNode) -> tuple[int, int] | None:
    """The last cell and line of the notebook that a traceback passes through; None where it names none."""
    passed = re.findall(r"Cell In\[(\d+)\], line (\d+)", ANSI.sub("", traceback))
    indexes = {str(cell.get("execution_count")): index for index, cell in enumerate(notebook.cells)}
    places = [(indexes[count], int(line)) for count, line in passed if count in indexes]
    return places[-1] if places else None


def unwanted_outputs(notebook: NotebookNode) -> Iterator[tuple[int, str]]:
    """Errors and anything on stderr (warnings too), as (index of the cell, what it says)."""
    for index, cell in enumerate(notebook.cells):
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                yield index, f"{output.ename}: {output.evalue}"
            elif output.output_type == "stream" and output.name == "stderr":
                yield index, f"output on stderr: {output.text.strip()}"
