"""A clause of the capstone's contract, checked: measured in a clean process, and said in a cell."""

import os

from kdtutor.checks.exercise import Verdict
from kdtutor.checks.notebook import COLOURS, CheckFailed, Note, heading, show
from kdtutor.checks.progress_card import keep
from kdtutor.checks.secret import secret_generator
from kdtutor.checks.untouched import untouched
from kdtutor.contract import Clause, Contract, Measured, Runner, from_text, hidden_glyphs, measured

CONTRACT = Contract()


def check_clause(
    artifact: str, clause: Clause, found: dict[str, float] | None = None, *, run: Runner | None = None
) -> None:
    """Say whether an artifact keeps a clause, on glyphs drawn for this check alone, and let the notebook run on.

    found: takes what was measured, by name. run: how the process that measures is run. While nbgrader executes the
    notebook, a clause that is not kept raises CheckFailed.
    """
    verdict = _verdict(artifact, clause, found if found is not None else {}, run)
    if "NBGRADER_EXECUTION" in os.environ and verdict.status != "passed":
        raise CheckFailed(verdict)
    show(Note(heading(verdict), verdict.message, COLOURS[verdict.status]))
    keep("artifact", verdict.status, clause)


def _verdict(artifact: str, clause: Clause, found: dict[str, float], run: Runner | None) -> Verdict:
    name = f"artifact, {clause}"
    if untouched(artifact):
        return Verdict(name, "not-attempted", None, "artifact is still empty: paste the text of your file above.")
    if type(artifact) is not str:
        return Verdict(
            name, "failed", None, f"artifact is a {type(artifact).__name__}: text in quotation marks is needed."
        )
    pictures = None if clause == "bytes" else hidden_glyphs(secret_generator("capstone", clause))
    try:
        result = measured(from_text(artifact), clause, pictures, run=run)
    except ValueError as error:
        return Verdict(name, "failed", None, f"It cannot be measured: {' '.join(str(error).split())[:300]}.")
    found.update({key: value for key, value in vars(result).items() if value is not None})
    kept = result.keeps(clause, CONTRACT)
    return Verdict(name, "passed" if kept else "failed", None, _words(result, clause, kept))


def _words(result: Measured, clause: Clause, kept: bool) -> str:
    if clause == "bytes":
        return f"{result.bytes:,} bytes; the contract allows {CONTRACT.most_bytes:,}."
    if clause == "accuracy":
        return (
            f"{result.points_lost:.2f} points lost on fresh glyphs; the contract allows {CONTRACT.most_points_lost:g}."
        )
    if "NBGRADER_EXECUTION" in os.environ:  # a time is no part of what a record signs, since it never comes again
        return "" if kept else f"It is not {CONTRACT.least_speedup:g} times as fast as the teacher was in the same run."
    assert result.time_share is not None
    return (
        f"{1 / result.time_share:.2f} times as fast as the teacher; the contract asks for {CONTRACT.least_speedup:g}."
    )
