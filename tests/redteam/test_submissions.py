"""Hostile, broken and unusual submissions through the whole pipeline: each gets what it deserves, and harms nothing."""

import json
from collections.abc import Iterator

import pytest

from kdtutor.grading import session
from kdtutor.grading.assignment import load_assignment
from kdtutor.grading.grade import Grader
from kdtutor.grading.handed_in.intake import Submission
from kdtutor.grading.records.record import Record, verify
from kdtutor.grading.sandbox import Limits
from kdtutor.grading.sandbox.limits import MIB
from tests.redteam.attack import CONFINING, Outside, tier_named
from tests.redteam.submissions.attacks import ATTACKS
from tests.redteam.submissions.changed import HandedIn, changed_notebooks
from tests.redteam.submissions.released import COURSE, FULL, UNIT, file_of, notebook, with_cell, with_solution
from tests.redteam.submissions.traps import TRAPS
from tests.redteam.submissions.unusual import UNUSUAL

KEY = b"a course's key, 32 bytes long..."
LIMITS = Limits(memory=768 * MIB, processes=32, cpu_seconds=20, disk=32 * MIB)
CHANGED = changed_notebooks()


@pytest.fixture(scope="module", params=CONFINING)
def grader(request: pytest.FixtureRequest) -> Iterator[Grader]:
    tier = tier_named(request.param)
    with (
        pytest.MonkeyPatch.context() as patch,
        Grader(load_assignment(COURSE, UNIT), KEY, tier=tier, limits=LIMITS, cpu_seconds=2.0) as grader,
    ):
        patch.setattr(session, "WAIT_SECONDS", 20.0)
        yield grader


@pytest.fixture(scope="module")
def secret_lines(grader: Grader) -> list[str]:
    """Every line of a hidden test or a reference solution that is long enough to be told from chance."""
    lines: set[str] = set()
    solved = COURSE.source(UNIT).read_text().splitlines()
    hidden = False
    for line in solved:
        if "### BEGIN" in line or "### END" in line:
            hidden = "### BEGIN" in line
        elif hidden and len(line.strip()) > 24:
            lines.add(line.strip())
    assert len(lines) > 20
    return sorted(lines)


def graded(grader: Grader, data: bytes, secret_lines: list[str]) -> Record:
    record = grader.grade(Submission("ada", "ada.ipynb", data))
    text = record.to_json().decode()
    assert verify(record, KEY)
    assert record.max_score == FULL
    assert record.sandbox == grader._warm.tier.name
    said = json.dumps(json.loads(text), ensure_ascii=False)
    assert not [line for line in secret_lines if line in said]
    return record


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_earns_nothing(grader: Grader, canary: Outside, secret_lines: list[str], name: str) -> None:
    book = with_cell(notebook(solved=False), ATTACKS[name], at=2)
    for cell in list(book.cells):  # nothing but the attack defines the exercises
        if cell.metadata.get("nbgrader", {}).get("solution"):
            book.cells.remove(cell)
    record = graded(grader, file_of(book), secret_lines)
    assert record.score == 0, [check for check in record.checks if check.earned]
    assert all(check.message for check in record.checks)


@pytest.mark.parametrize("name", TRAPS)
def test_a_trap_costs_no_other_cell_a_point(
    grader: Grader, canary: Outside, secret_lines: list[str], name: str
) -> None:
    book = with_cell(notebook(solved=True), TRAPS[name], at=4)
    record = graded(grader, file_of(book), secret_lines)
    assert (record.status, record.score) == ("graded", FULL), [c for c in record.checks if c.verdict != "passed"]


@pytest.mark.parametrize("name", UNUSUAL)
def test_unusual_work_that_is_right_keeps_every_point(grader: Grader, secret_lines: list[str], name: str) -> None:
    book = with_solution(notebook(solved=True), *UNUSUAL[name])
    record = graded(grader, file_of(book), secret_lines)
    assert (record.status, record.score) == ("graded", FULL), [c for c in record.checks if c.verdict != "passed"]


@pytest.mark.parametrize("name", CHANGED)
def test_a_changed_or_broken_notebook_gets_what_it_deserves(grader: Grader, secret_lines: list[str], name: str) -> None:
    handed_in: HandedIn = CHANGED[name]()
    record = graded(grader, handed_in.data, secret_lines)
    assert (record.status, record.score) == (handed_in.status, handed_in.score), record.checks
    assert all(check.message for check in record.checks if check.verdict != "passed")


def test_one_learner_leaves_nothing_for_the_next(grader: Grader, secret_lines: list[str]) -> None:
    """A file, a patched torch and a global of one learner's are not there for the one after."""
    leaves = """
        import builtins, os, tempfile, torch
        builtins.stolen = torch.softmax
        torch.stolen = torch.softmax
        for place in ("/tmp", tempfile.gettempdir(), os.path.expanduser("~"), "/dev/shm"):
            try: open(place + "/stolen", "w").write("stolen")
            except OSError: pass
    """
    graded(grader, file_of(with_cell(notebook(solved=True), leaves, at=2)), secret_lines)
    finds = """
        import builtins, os, tempfile, torch
        places = ("/tmp", tempfile.gettempdir(), os.path.expanduser("~"), "/dev/shm")
        found = [p for p in places if os.path.exists(p + "/stolen")]
        if not found and not hasattr(builtins, "stolen") and not hasattr(torch, "stolen"):
            raise LookupError("nothing was left")
        def soften(logits, temperature): return (logits / temperature).softmax(-1)
    """
    book = with_solution(notebook(solved=False), "soften", finds)
    record = graded(grader, file_of(book), secret_lines)
    assert record.score == 0
    assert "nothing was left" in record.checks[0].message


def test_the_same_submission_gets_the_same_record_twenty_times(grader: Grader, secret_lines: list[str]) -> None:
    data = file_of(with_solution(notebook(solved=True), "entropy", "def entropy(p): return p.sum(-1)"))
    assert len({graded(grader, data, secret_lines).evidence() for _ in range(20)}) == 1
