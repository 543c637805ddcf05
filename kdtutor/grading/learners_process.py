"""What a learner's process is made of: where it starts, what of the course it may import, what it finds imported.

It imports neither torch nor IPython: a warm parent can be on its way while who starts it still imports them.
"""

from collections.abc import Iterable

from kdtutor.grading.assignment import Assignment, runs_while_grading
from kdtutor.grading.sandbox import Limits, Tier, Warm
from kdtutor.grading.sandbox.view import PACKAGE
from kdtutor.grading.sandbox.warm import Line

ENTRY = "kdtutor.grading.notebook_inside:serve"
TALKS = (
    "agent", "channel", "codec", "failures", "faults", "graphs", "kinds", "objects", "packing", "parts", "peer",
    "plain", "reader", "table", "unpacking", "writer",
)  # fmt: skip
INSIDE = (
    *(f"grading/crossing/{name}.py" for name in TALKS),
    "grading/absent.py",
    "grading/notebook_inside.py",
)
TAUGHT = ("log_mel.py", "make_spoken.py")  # of the data room: what unit 11's exercises are, to be written by learners
_DATA = (f"data/{path.name}" for path in (PACKAGE / "data").glob("*.[ps]*") if path.name not in TAUGHT)
AT_HAND = ("models", *sorted(_DATA))  # what of the course a learner's cells may use while they are graded
PRELOADED = ("torch", "numpy", "IPython.core.interactiveshell")
PRELOADED_FOR = {"optim": "torch._dynamo", "torchvision": "torchvision.models"}  # a second, where a step imports them


def warm_parent(
    assignment: Assignment,
    tier: Tier,
    *,
    limits: Limits | None = None,
    at_hand: Iterable[str] = AT_HAND,
    line: Line | None = None,
) -> Warm:
    """A warm parent whose forks run learners' cells and answer questions about what those define.

    limits: what one learner's processes may use together. at_hand: what of the course can be imported there. line: to
    a twin of another one that was made for the same assignment. RuntimeError when it does not start.
    """
    return Warm(
        tier,
        limits,
        entry=ENTRY,
        exposed=(*INSIDE, *at_hand),
        preload=(*PRELOADED, *_imported_later(assignment)),
        line=line,
    )


def _imported_later(assignment: Assignment) -> list[str]:
    """What the cells and tests that are run while grading would import sooner or later, in each process anew."""
    run = " ".join([*map(runs_while_grading, assignment.released.cells), *assignment.tests.values()])
    return sorted({module for word, module in PRELOADED_FOR.items() if word in run})
