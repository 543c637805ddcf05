"""What is graded as it should be, for every exercise of every unit, through the sandbox and the tests that grade.

A unit that is added later is covered without a line changed here.
"""

from pathlib import Path

import pytest

from kdtutor.authoring.layout import Course
from kdtutor.grading.assignment import graded_units
from kdtutor.grading.proof.pipeline import prove

COURSE = Course.of(Path(__file__))


@pytest.mark.slow
@pytest.mark.parametrize("unit", graded_units(COURSE))
def test_mistakes_and_mutants_are_refused_and_right_styles_accepted(unit: str) -> None:
    proofs = list(prove(COURSE, unit))
    assert [f"{proof.exercise}: {fault}" for proof in proofs for fault in proof.faults] == []
    assert all(proof.mistakes >= 5 and proof.styles >= 3 for proof in proofs)
    assert all(proof.mistakes_refused == proof.mistakes for proof in proofs)
    assert all(proof.mutants_refused + proof.equivalent == proof.mutants for proof in proofs)
