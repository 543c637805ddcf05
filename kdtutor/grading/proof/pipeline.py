"""What the grading of a unit lets through: known mistakes, right styles and mutants, through the real pipeline.

Here the course's own modules are at hand in the sandbox, because the mistakes and styles are programs of theirs. All
else is as for a learner: cells inside, tests outside, a verdict each.
"""

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import nbformat

from kdtutor.authoring.layout import Course
from kdtutor.authoring.regions import find_regions
from kdtutor.grading.assignment import load_assignment, runs_while_grading
from kdtutor.grading.crossing.faults import InsideFault
from kdtutor.grading.grade import Finding, Grader, surroundings
from kdtutor.grading.handed_in.cell_roles import grade_id, is_solution
from kdtutor.grading.proof.mutants import mutants
from kdtutor.grading.records.record import secret_for
from kdtutor.grading.sandbox import Tier
from kdtutor.grading.session import Session

WHOLE_COURSE = (
    *("models", "data", "checks", "contract", "distill", "prune", "quantize", "reduce", "measure", "training"),
    "machine.py",
)
EQUIVALENT = "equivalent_mutants.toml"
SEED = 1
CPU_SECONDS = 4.0  # less than a learner has: right answers have to be quick, and many mutants never end
KEY = bytes(32)
_CATALOGUE = """
from kdtutor.checks.registry import find as find_exercise
catalogue = {{
    name: {{
        "mistakes": {{m.name: k for k, m in enumerate(find_exercise(name).mistakes) if not m.only_at_home}},
        "styles": list(find_exercise(name).styles),
    }}
    for name in {names!r}
}}
"""


@dataclass(frozen=True)
class Proof:
    """How the check of one exercise fared. faults: a sentence for each thing that it got wrong."""

    unit: str
    exercise: str
    mistakes: int
    mistakes_refused: int
    styles: int
    styles_accepted: int
    mutants: int
    mutants_refused: int
    equivalent: int
    faults: tuple[str, ...]


def prove(course: Course, unit: str, *, tier: Tier | None = None, with_mutants: bool = True) -> Iterator[Proof]:
    """Grade every known mistake, style and mutant of a unit's exercises. NoSandboxError where no sandbox works."""
    assignment = load_assignment(course, unit)
    allowed = equivalent_mutants(course, unit)
    solved = nbformat.read(course.solved_notebook(unit), as_version=4).cells
    with (
        Grader(assignment, KEY, tier=tier, at_hand=WHOLE_COURSE, cpu_seconds=CPU_SECONDS) as grader,
        surroundings(secret_for(KEY, "proof", unit)),
        grader.session(SEED, most=1000) as session,
    ):
        for cell in solved:
            source = runs_while_grading(cell)
            if source.strip():
                session.run(source)
        names = sorted(set(assignment.exercise_of.values()))
        session.run(_CATALOGUE.format(names=names))
        catalogue: dict[str, Any] = session.inside().stand_in("catalogue")
        for check, exercise in assignment.exercise_of.items():
            if check in assignment.recorded:  # it judges a part; known mistakes belong to the exercise's own check
                continue
            source = next(cell.source for cell in solved if is_solution(cell) and grade_id(cell) == exercise)
            known = catalogue[exercise]
            changed = {m.what: m.source for m in mutants(_without_markers(source))} if with_mutants else {}
            yield _proof(grader, session, check, source, known, changed, allowed.get(exercise, {}))


def equivalent_mutants(course: Course, unit: str) -> Mapping[str, Mapping[str, str]]:
    """exercise -> mutant -> why it is no mistake, as the unit's author has written it down."""
    path = course.solutions / unit / EQUIVALENT
    return tomllib.loads(path.read_text()) if path.is_file() else {}


def _proof(
    grader: Grader,
    session: Session,
    check: str,
    source: str,
    known: Mapping[str, Any],
    changed: Mapping[str, str],
    allowed: Mapping[str, str],
) -> Proof:
    exercise = grader.assignment.exercise_of[check]
    faults: list[str] = []

    def judged(candidates: Iterable[str]) -> list[Finding]:
        return [_judged(grader, session, check, candidate) for candidate in candidates]

    found = judged(_taken(exercise, f"mistakes[{k}].solution") for k in known["mistakes"].values())
    named = 0
    for name, finding in zip(known["mistakes"], found, strict=True):
        if (finding.verdict, finding.mistake) == ("failed", name):
            named += 1
        else:
            faults.append(f"the mistake {name!r} was {finding.verdict} ({finding.mistake}): {finding.message}")
    found = judged(_taken(exercise, f"styles[{name!r}]") for name in known["styles"])
    accepted = sum(finding.verdict == "passed" for finding in found)
    for name, finding in zip(known["styles"], found, strict=True):
        if finding.verdict != "passed":
            faults.append(f"the right style {name!r} was {finding.verdict}: {finding.message}")
    refused = equivalent = 0
    for what, finding in zip(changed, judged(changed.values()), strict=True):
        if finding.verdict != "passed":
            refused += 1
        elif what in allowed:
            equivalent += 1
        else:
            faults.append(f"the mutant {what!r} passes")
    gone = sorted(allowed.keys() - changed.keys()) if changed else []
    faults += [f"{what!r} is listed as equivalent and is no mutant any more" for what in gone]
    session.run(_without_markers(source))  # the exercises after it may build on it
    return Proof(
        grader.assignment.unit, exercise, len(known["mistakes"]), named, len(known["styles"]), accepted,
        len(changed), refused, equivalent, tuple(faults),
    )  # fmt: skip


def _judged(grader: Grader, session: Session, check: str, source: str) -> Finding:
    failed = session.run(source)
    try:
        if failed is not None:
            return Finding("error", str(failed))
        return grader.judged(session, check)
    except InsideFault as fault:
        return Finding("error", session.ended(fault))
    finally:
        if session.cells[-1:] == [source]:
            session.cells.pop()


def _taken(exercise: str, what: str) -> str:
    return f"{exercise} = find_exercise({exercise!r}).{what}"


def _without_markers(source: str) -> str:
    regions, _ = find_regions(source, "code")
    marked = {line for region in regions for line in (region.begin, region.end)}
    return "\n".join(line for number, line in enumerate(source.split("\n"), 1) if number not in marked)
