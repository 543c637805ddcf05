"""What a learner's process finds imported: what it would else import by itself, a second in each process."""

from pathlib import Path

import pytest

from kdtutor.authoring.layout import Course
from kdtutor.grading.assignment import load_assignment
from kdtutor.grading.grade import Grader
from kdtutor.grading.sandbox import best

COURSE = Course.of(Path(__file__))
BEFORE = "import sys, torch\nbefore = set(sys.modules)"
BACKWARD = "x = torch.ones(2, requires_grad=True)\nx.backward(torch.ones(2))"
STEP = "optimizer = torch.optim.SGD([x], lr=0.1)\noptimizer.zero_grad()\noptimizer.step()"
NO_OPTIMISER = "assert 'torch._dynamo' not in sys.modules"  # nor does it wait for what only others need
TORCHVISION = "from torchvision.models import resnet50"
LATE = "late = sorted(set(sys.modules) - before)\nassert not late, late"


@pytest.mark.parametrize(
    ("unit", "cells"),
    [
        ("01_soft_targets", [NO_OPTIMISER, BACKWARD]),
        ("02_distillation", [BACKWARD, STEP]),
        ("06_smaller_networks", [BACKWARD, TORCHVISION]),
    ],
)
def test_what_a_unit_s_cells_and_tests_do_imports_nothing_more(unit: str, cells: list[str]) -> None:
    with (
        Grader(load_assignment(COURSE, unit), b"key", tier=best(trusted=True)) as grader,
        grader.session(seed=0) as session,
    ):
        for source in (BEFORE, *cells, LATE):
            assert session.run(source) is None
