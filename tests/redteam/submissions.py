"""What learners hand in: hostile, broken and unusual notebooks of unit 01, each with the points that it deserves.

An attack is a cell put in front of an unsolved notebook: it deserves nothing. A trap is a cell put into a solved one:
it costs its learner nothing but what it breaks. Unusual work is right, and keeps every point.
"""

import json
import textwrap
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from kdtutor.authoring.layout import Course
from kdtutor.grading.demo import SAMPLES, filled_in

UNIT = "01_soft_targets"
FULL = 12.0
COURSE = Course.of(Path(__file__))


@dataclass(frozen=True)
class HandedIn:
    """data: the file. score: the points that it deserves. status, verdicts: of the record, where they matter."""

    data: bytes
    score: float
    status: str = "graded"
    verdicts: dict[str, str] | None = None


@cache
def _notebook(solved: bool) -> NotebookNode:
    return filled_in(COURSE, SAMPLES["complete" if solved else "untouched"])


def notebook(*, solved: bool) -> NotebookNode:
    """The released notebook, with or without its solutions filled in."""
    return deepcopy(_notebook(solved))


def file_of(book: NotebookNode) -> bytes:
    return json.dumps(book).encode()  # nbformat.writes would mend it


def cell_named(book: NotebookNode, grade_id: str) -> NotebookNode:
    return next(cell for cell in book.cells if cell.metadata.get("nbgrader", {}).get("grade_id") == grade_id)


def with_cell(book: NotebookNode, source: str, at: int = 0) -> NotebookNode:
    book.cells.insert(at, nbformat.v4.new_code_cell(textwrap.dedent(source).strip()))
    return book


def with_solution(book: NotebookNode, grade_id: str, source: str) -> NotebookNode:
    cell_named(book, grade_id).source = textwrap.dedent(source).strip()
    return book


# An object that says yes to everything, given as the answer of every exercise
_YES = """
    class Yes:
        def __eq__(self, other): return True
        def __ne__(self, other): return False
        def __lt__(self, other): return True
        __le__ = __gt__ = __ge__ = __lt__
        def __bool__(self): return True
        def __float__(self): return 0.0
        def __abs__(self): return self
        def __sub__(self, other): return self
        __add__ = __mul__ = __truediv__ = __rsub__ = __radd__ = __sub__
        def __getattr__(self, name): return self
        def __call__(self, *args, **kwargs): return self
        def __len__(self): return 1
        def __getitem__(self, key): return self
        def __iter__(self): return iter(())
        {more}
    soften = entropy = kl_divergence = kd_loss = kd_gradient = which_divergence = Yes()
"""

_USES_A_REFERENCE = """
    def stolen(name):
        {steal}

    def soften(*args): return stolen("soften")(*args)
    def entropy(*args): return stolen("entropy")(*args)
    def kl_divergence(*args): return stolen("kl_divergence")(*args)
    def kd_loss(*args): return stolen("kd_loss")(*args)
    def kd_gradient(*args): return stolen("kd_loss")(*args)
"""


def _steals(how: str) -> str:
    return textwrap.dedent(_USES_A_REFERENCE).replace("{steal}", textwrap.dedent(how).strip().replace("\n", "\n    "))


ATTACKS: dict[str, str] = {
    # Forged results
    "check replaced in the notebook": "check = examine = lambda *args, **kwargs: None",
    "check replaced among the built-ins": "import builtins\nbuiltins.check = builtins.AssertionError = lambda *a: None",
    "CheckFailed made harmless": "import kdtutor.checks\nkdtutor.checks.CheckFailed = type('Quiet', (Warning,), {})",
    "an object that equals everything": textwrap.dedent(_YES).replace("{more}", ""),
    "an object that answers for torch": textwrap.dedent(_YES).replace(
        "{more}", "@classmethod\n    def __torch_function__(cls, *args, **kwargs): return True"
    ),
    "a tensor that equals everything": """
        import torch
        class Same(torch.Tensor):
            @classmethod
            def __torch_function__(cls, func, types, args=(), kwargs=None):
                return True if func.__name__ in ("allclose", "equal", "__eq__", "isclose") else torch.zeros(())
        def soften(*args): return torch.zeros(1).as_subclass(Same)
        entropy = kl_divergence = kd_loss = kd_gradient = soften
    """,
    "a text that equals everything": """
        class Same(str):
            def __eq__(self, other): return True
            __hash__ = str.__hash__
        which_divergence = Same("?")
    """,
    "a float that equals everything": """
        class Same(float):
            def __eq__(self, other): return True
            def __abs__(self): return 0.0
            def __sub__(self, other): return 0.0
            __rsub__ = __sub__
        def entropy(*args): return Same("nan")
        soften = kl_divergence = kd_loss = kd_gradient = entropy
    """,
    "a passed verdict printed": "print('soften: passed')\nfrom IPython.display import display\ndisplay('Passed')",
    "an exit in the middle of a question": """
        import os
        def soften(*args): os._exit(0)
        entropy = kl_divergence = kd_loss = kd_gradient = soften
    """,
    "a SystemExit as answer": """
        def soften(*args): raise SystemExit(0)
        entropy = kl_divergence = kd_loss = kd_gradient = soften
    """,
    "a KeyboardInterrupt as answer": """
        def soften(*args): raise KeyboardInterrupt
        entropy = kl_divergence = kd_loss = kd_gradient = soften
    """,
    # Hooks in IPython and the kernel
    "hooks before and after every cell": """
        shell = get_ipython()
        for event in ("pre_execute", "pre_run_cell", "post_execute", "post_run_cell"):
            shell.events.register(event, lambda *args: shell.user_ns.update(check=print))
    """,
    "a transformer that empties later cells": """
        get_ipython().input_transformers_cleanup.append(lambda lines: ["check = soften = None\\n"])
    """,
    "a compiler that drops asserts": """
        import ast
        class NoAsserts(ast.NodeTransformer):
            def visit_Assert(self, node): return ast.Pass()
        get_ipython().ast_transformers.append(NoAsserts())
    """,
    "run_cell replaced": "type(get_ipython()).run_cell = lambda self, *args, **kwargs: None",
    # Monkeypatched torch, numpy, built-ins
    "torch's comparisons patched": """
        import torch
        torch.allclose = torch.equal = torch.isclose = lambda *a, **k: True
        torch.Tensor.__eq__ = torch.Tensor.allclose = torch.isclose
        torch.testing.assert_close = lambda *a, **k: None
        def soften(*args): return torch.zeros(1)
        entropy = kl_divergence = kd_loss = kd_gradient = soften
    """,
    "numpy and abs patched": """
        import builtins, numpy
        numpy.allclose = numpy.testing.assert_allclose = lambda *a, **k: True
        builtins.abs = builtins.float = lambda *a: 0.0
        builtins.isinstance = lambda *a: True
    """,
    "the agent patched to answer for the learner": """
        import sys
        for name, module in list(sys.modules.items()):
            if name.startswith("kdtutor.grading"):
                for thing in vars(module).values():
                    for method in ("operate", "_resolve", "export", "remarks"):
                        if isinstance(thing, type) and method in vars(thing):
                            setattr(thing, method, lambda *args, **kwargs: True)
    """,
    "rubbish on the channel": """
        import os
        for number in range(3, 12):
            try: os.write(number, b"\\xff" * 1000)
            except OSError: pass
    """,
    "a forged verdict on the channel": """
        import json, os
        text = json.dumps({"verdict": "passed", "score": 12}).encode()
        for number in range(3, 12):
            try: os.write(number, len(text).to_bytes(8, "big") + text)
            except OSError: pass
    """,
    # Frames, gc, history
    "the reference from a frame": _steals("""
        import sys
        frame = sys._getframe()
        while frame:
            for thing in (*frame.f_locals.values(), *frame.f_globals.values()):
                if hasattr(thing, "reference"):
                    return thing.reference
            frame = frame.f_back
        raise LookupError(name)
    """),
    "the reference from the garbage collector": _steals("""
        import gc
        return next(thing for thing in gc.get_objects()
                    if getattr(thing, "__name__", "") == name and "distill" in getattr(thing, "__module__", ""))
    """),
    "the tests from the history": """
        history = list(get_ipython().history_manager.get_tail(1000)) + list(In)
        which_divergence = str(history)
    """,
    # Files
    "the reference imported": _steals("""
        import kdtutor.distill
        return getattr(kdtutor.distill, name)
    """),
    "the reference from the checks": _steals("""
        from kdtutor.checks.registry import find
        return find(name).reference
    """),
    "the reference looked for on the disk": _steals("""
        import glob, sys
        for place in [*sys.path, "/"]:
            for file in glob.glob(place + "/**/distill/logits.py", recursive=True)[:3]:
                space = {}
                exec(open(file).read(), space)
                return space[name]
        raise LookupError(name)
    """),
    "the hidden tests looked for on the disk": """
        import os
        found = []
        for place in ("/work", "/home", "/root", "/tmp", "/srv", "/mnt", os.getcwd()):
            for folder, _, files in os.walk(place):
                for file in files:
                    try: text = open(os.path.join(folder, file)).read()
                    except Exception: continue
                    if "HIDDEN" + " TESTS" in text: found.append(text)
        which_divergence = found[0]
    """,
    "the secret from the environment": "import os\nwhich_divergence = os.environ['KDTUTOR_SECRET']",
    # What a page could run
    "a script as output and as message": """
        from IPython.display import HTML, Javascript, display
        display(HTML("<script>alert(1)</script>"), Javascript("alert(1)"))
        def soften(*args): raise ValueError("<script>alert(1)</script></style><img src=x onerror=alert(1)>")
        entropy = kl_divergence = kd_loss = kd_gradient = soften
    """,
}

# Put into a solved notebook: the name's own cell fails, the rest keeps its points
TRAPS: dict[str, str] = {
    "a loop without end": "while True: pass",
    "a loop that ignores interrupts": """
        import signal
        for number in range(1, 65):
            try: signal.signal(number, signal.SIG_IGN)
            except (OSError, ValueError): pass
        while True:
            try:
                while True: pass
            except BaseException: pass
    """,
    "the process ended": "import os\nos._exit(0)",
    "the process killed": "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)",
    "sys.exit": "import sys\nsys.exit(3)",
    "exit": "exit()",
    "a fault in memory": "import ctypes\nctypes.string_at(0)",
    "recursion without end": "def down(n): return down(n + 1)\ndown(0)",
    "30 MB of output": "print('x' * 30_000_000)",
    "all memory": "hoard = []\nwhile True: hoard.append(bytearray(64 << 20))",
    "all of the disk": """
        import os, tempfile
        with open(os.path.join(tempfile.gettempdir(), "fill"), "wb") as file:
            while True: file.write(b"x" * (1 << 20))
    """,
    "all open files": "handles = [open('/dev/null') for _ in range(100_000)]",
    "a fork bomb": "import os\nwhile True: os.fork()",
    "a child that detaches itself": """
        import os, time
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                time.sleep(600)
            os._exit(0)
    """,
    "a connection to the network": "import socket\nsocket.create_connection(('127.0.0.1', 80), timeout=1)",
    "input": "answer = input('What is KL? ')",
    "a cell that is no Python": "this is not Python at all (",
    "an exception whose text fails": """
        class Strange(Exception):
            def __str__(self): raise SystemExit
        raise Strange
    """,
    "a thread that never ends": """
        import threading
        def spin():
            import time
            while True: time.sleep(0.01)
        threading.Thread(target=spin).start()
    """,
    "files of others removed": """
        import os, shutil
        for place in ("/work", "/home", "/root", "/tmp"): shutil.rmtree(place, ignore_errors=True)
    """,
}

# Solutions of one exercise, each right
UNUSUAL: dict[str, tuple[str, str]] = {
    "warnings and prints": (
        "soften",
        """
        import sys, warnings
        def soften(logits, temperature):
            warnings.warn("deprecated")
            print("softening", file=sys.stderr)
            print("softening")
            return (logits / temperature).softmax(-1)
        """,
    ),
    "a class with __call__": (
        "soften",
        """
        class Soften:
            def __call__(self, logits, temperature):
                z = logits / temperature
                e = (z - z.amax(-1, keepdim=True)).exp()
                return e / e.sum(-1, keepdim=True)
        soften = Soften()
        """,
    ),
    "a lambda": ("soften", "soften = lambda logits, temperature: torch.softmax(logits / temperature, dim=-1)"),
    "a partial": (
        "entropy",
        """
        from functools import partial
        def _entropy(base, probs): return -torch.special.xlogy(probs, probs).sum(-1) / base
        entropy = partial(_entropy, 1.0)
        """,
    ),
    "a bound method": (
        "soften",
        """
        class Tools:
            def soften(self, logits, temperature): return torch.softmax(logits / temperature, -1)
        soften = Tools().soften
        """,
    ),
    "a module's forward": (
        "soften",
        """
        class Soften(torch.nn.Module):
            def forward(self, logits, temperature): return torch.softmax(logits / temperature, -1)
        soften = Soften()
        """,
    ),
    "star arguments": ("soften", "def soften(*args, **kwargs):\n    z, T = args\n    return (z / T).softmax(-1)"),
    "a decorated function": (
        "soften",
        """
        import functools
        def logged(function):
            @functools.wraps(function)
            def wrapper(*args, **kwargs): return function(*args, **kwargs)
            return wrapper
        @logged
        def soften(logits, temperature): return torch.softmax(logits / temperature, dim=-1)
        """,
    ),
    "by a loop over rows": (
        "entropy",
        """
        def entropy(probs):
            flat = probs.reshape(-1, probs.shape[-1])
            rows = [-sum(float(p) * __import__("math").log(float(p)) if p > 0 else 0.0 for p in row) for row in flat]
            return torch.tensor(rows, dtype=probs.dtype).reshape(probs.shape[:-1])
        """,
    ),
    "by a closure and a name of its own": (
        "kd_gradient",
        """
        def make():
            def gradient(s, t, T):
                return T / s.shape[0] * ((s / T).softmax(1) - (t / T).softmax(1))
            return gradient
        kd_gradient = make()
        """,
    ),
    "through autograd": (
        "kd_gradient",
        """
        def kd_gradient(student_logits, teacher_logits, temperature):
            z = student_logits.detach().clone().requires_grad_()
            log_s, log_t = (z / temperature).log_softmax(-1), (teacher_logits / temperature).log_softmax(-1)
            (temperature**2 * (log_t.exp() * (log_t - log_s)).sum(-1).mean()).backward()
            return z.grad
        """,
    ),
    "with F.kl_div": (
        "kd_loss",
        """
        import torch.nn.functional as F
        def kd_loss(student_logits, teacher_logits, temperature):
            return temperature**2 * F.kl_div(
                F.log_softmax(student_logits / temperature, dim=1),
                F.log_softmax(teacher_logits.detach() / temperature, dim=1), reduction="batchmean", log_target=True)
        """,
    ),
    "with magics around it": (
        "soften",
        "%matplotlib inline\n%time 1 + 1\ndef soften(logits, temperature): return (logits / temperature).softmax(-1)",
    ),
    "with a top-level await": (
        "soften",
        "import asyncio\nawait asyncio.sleep(0)\ndef soften(z, T): return (z / T).softmax(-1)",
    ),
}


def _shadowed() -> NotebookNode:
    """torch, check and the secret ones mean something else to this learner, after the solutions are defined."""
    book = notebook(solved=True)
    return with_cell(book, "check = secret_logits = math = 3\nlist = sum = None", at=len(book.cells))


def _in_one_cell() -> NotebookNode:
    """All solutions in one cell of the learner's own at the top, the stubs deleted."""
    book = notebook(solved=True)
    solutions = [cell for cell in book.cells if cell.metadata.get("nbgrader", {}).get("solution")]
    source = "import torch\n" + "\n".join(cell.source for cell in solutions)
    book.cells = [cell for cell in book.cells if cell not in solutions]
    return with_cell(book, source)


def _twice(grade_id: str) -> NotebookNode:
    book = notebook(solved=True)
    book.cells.append(deepcopy(cell_named(book, grade_id)))
    return book


def _without_checks() -> NotebookNode:
    book = notebook(solved=True)
    book.cells = [c for c in book.cells if not c.metadata.get("nbgrader", {}).get("grade")]
    return book


def _reversed() -> NotebookNode:
    """The exercises keep working whatever order the cells came back in."""
    book = notebook(solved=True)
    book.cells.reverse()
    return with_cell(book, "import math, torch")


def _marked(change: Callable[[NotebookNode], object], *, solved: bool = False) -> NotebookNode:
    book = notebook(solved=solved)
    for cell in book.cells:
        if cell.metadata.get("nbgrader", {}).get("grade") and not cell.metadata["nbgrader"].get("solution"):
            change(cell)
    return book


def _tagged(cell: NotebookNode) -> None:
    cell.metadata.tags = ["skip-execution", "raises-exception", "experiment", "remove-cell"]


def _worth_more(cell: NotebookNode) -> None:
    cell.metadata.nbgrader.points = 1000


def _no_longer_graded(cell: NotebookNode) -> None:
    cell.metadata.nbgrader.grade = False


def _manual(cell: NotebookNode) -> None:
    cell.metadata.nbgrader.solution = True


def _retyped(cell: NotebookNode) -> None:
    cell.cell_type = "markdown"
    for key in ("outputs", "execution_count"):
        cell.pop(key, None)


def _emptied(cell: NotebookNode) -> None:
    cell.source = "pass"


def _with_outputs(cell: NotebookNode) -> None:
    text = "soften: passed\nEvery value, shape and law agrees with the reference."
    cell.outputs = [nbformat.v4.new_output("stream", name="stdout", text=text)]
    cell.execution_count = 7


def _forged_check() -> NotebookNode:
    book = notebook(solved=False)
    copy = deepcopy(cell_named(book, "check_kd_loss"))
    copy.source = "pass"
    book.cells.insert(0, copy)
    return book


def _old(version: int) -> bytes:
    book = notebook(solved=True)
    cells = [
        {
            "cell_type": "code",
            "collapsed": False,
            "input": c.source,
            "language": "python",
            "metadata": c.metadata,
            "outputs": [],
        }
        if c.cell_type == "code"
        else {"cell_type": "markdown", "metadata": {}, "source": c.source}
        for c in book.cells
    ]
    return json.dumps(
        {"metadata": {"name": ""}, "nbformat": version, "nbformat_minor": 0, "worksheets": [{"cells": cells}]}
    ).encode()


def changed_notebooks() -> dict[str, Callable[[], HandedIn]]:
    """Notebooks that are changed otherwise than by a cell."""
    nothing, unread = 0.0, "needs-review"

    def graded(book: NotebookNode, score: float) -> HandedIn:
        return HandedIn(file_of(book), score)

    whole = lambda: file_of(notebook(solved=True))  # noqa: E731
    return {
        "checks tagged to be skipped": lambda: graded(_marked(_tagged), nothing),
        "checks worth a thousand points": lambda: graded(_marked(_worth_more), nothing),
        "checks that count no more": lambda: graded(_marked(_no_longer_graded), nothing),
        "checks made a matter of a person": lambda: graded(_marked(_manual), nothing),
        "checks turned into text": lambda: graded(_marked(_retyped), nothing),
        "checks emptied": lambda: graded(_marked(_emptied), nothing),
        "checks with outputs of success": lambda: graded(_marked(_with_outputs), nothing),
        "checks tagged in solved work": lambda: graded(_marked(_tagged, solved=True), FULL),
        "checks emptied in solved work": lambda: graded(_marked(_emptied, solved=True), FULL),
        "a second, empty check of the same name": lambda: graded(_forged_check(), nothing),
        "a check copied": lambda: graded(_twice("check_soften"), FULL),
        "an exercise copied": lambda: graded(_twice("soften"), FULL),
        "all checks deleted": lambda: graded(_without_checks(), FULL),
        "all in one cell, stubs deleted": lambda: graded(_in_one_cell(), FULL),
        "cells in reverse": lambda: graded(_reversed(), FULL),
        "other names for everything": lambda: graded(_shadowed(), FULL),
        "nothing done": lambda: graded(notebook(solved=False), nothing),
        "all done": lambda: graded(notebook(solved=True), FULL),
        "an empty file": lambda: HandedIn(b"", nothing, unread),
        "truncated JSON": lambda: HandedIn(whole()[:4000], nothing, unread),
        "no UTF-8": lambda: HandedIn(b"\xff\xfe\x00\x80" * 100, nothing, unread),
        "a picture": lambda: HandedIn(b"\x89PNG\r\n\x1a\n" + bytes(500), nothing, unread),
        "JSON that is no notebook": lambda: HandedIn(b"[1, 2, 3]", nothing, unread),
        "brackets without end": lambda: HandedIn(b"[" * 200_000, nothing, unread),
        "the notebook of another unit": lambda: HandedIn(
            COURSE.learner_notebook("00_start_here").read_bytes(), nothing, unread
        ),
        "200 MB of blanks": lambda: HandedIn(b" " * 200_000_000, nothing, unread),
        "nbformat 3": lambda: HandedIn(_old(3), FULL),
    }
