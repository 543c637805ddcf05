"""Questions that a person marks: what is asked, a sample answer, and how points are given."""

from dataclasses import dataclass

from kdtutor.authoring.regions import MARK_SCHEME, MENTION, SOLUTION, find_regions, visible_lines
from kdtutor.authoring.rules import Unit
from kdtutor.authoring.source import Cell, Role

SHORTEST_QUESTION = 20  # characters: "Your answer:" asks nothing


@dataclass(frozen=True)
class Answer:
    """question, sample and rubric as the source has them; kind: "markdown" or "code", which the first two are."""

    name: str
    points: float
    kind: str
    question: str
    sample: str
    rubric: str


def answers_of(unit: Unit) -> list[Answer]:
    """The answers of a unit that a person marks. A question that is not in the cell itself is in the text above it."""
    found, before = [], ""
    for cell in unit.cells:
        if cell.role is Role.ANSWER:
            found.append(_answer(cell, before))
        if cell.kind == "markdown":
            before = cell.source
    return found


def _answer(cell: Cell, before: str) -> Answer:
    regions, _ = find_regions(cell.source, cell.kind)
    lines = cell.source.split("\n")

    def inside(kind: str, without: str = "") -> str:
        chosen = [
            line
            for number, line in enumerate(lines, start=1)
            if any(number in region for region in regions if region.kind == kind)
            and not any(number in region for region in regions if region.kind == without)
            and not MENTION.search(line)
        ]
        return "\n".join(chosen).strip()

    rubric = inside(MARK_SCHEME)
    if cell.kind == "code":
        rubric = "\n".join(line.lstrip("# ") for line in rubric.split("\n"))
    asked = "\n".join(line for _, line in visible_lines(cell.source, regions)).strip()
    return Answer(
        name=cell.name,
        points=float(cell.keys["points"]),
        kind=cell.kind,
        question=asked if cell.kind == "markdown" and len(asked) > SHORTEST_QUESTION else before,
        sample=inside(SOLUTION, without=MARK_SCHEME),
        rubric=rubric,
    )
