"""What a unit promises in its first cell: title, aim, questions, time, points."""

import re
from dataclasses import dataclass

from kdtutor.authoring.rules import Unit


@dataclass(frozen=True)
class Terms:
    """minutes: what learners are told the unit takes. aim, questions, needs: Markdown as the unit has it."""

    title: str
    aim: str
    questions: tuple[str, ...]
    minutes: int
    points: float
    needs: str


def terms_of(unit: Unit) -> Terms:
    """The terms in the first cell. ValueError that names what is missing."""
    text = unit.cells[0].source
    table = dict(re.findall(r"^\| *(Time|Points|You need) *\| *(.+?) *\|$", text, re.MULTILINE))
    title = re.search(r"^# +(.+)$", text, re.MULTILINE)
    aim = re.search(r"^\*\*After this unit\*\* *(.+?)(?:\n\n|\Z)", text, re.MULTILINE | re.DOTALL)
    minutes = re.match(r"(\d+) minutes", table.get("Time", ""))
    if title is None or aim is None or minutes is None or "Points" not in table:
        raise ValueError(
            f"{unit.source.name}: its first cell needs '# title', '**After this unit** ...', and rows Time and Points"
        )
    listed = re.findall(r"^\d+\. +(.+?)(?=\n\d+\. |\n\n|\Z)", text, re.MULTILINE | re.DOTALL)
    return Terms(
        title=title[1],
        aim=" ".join(aim[1].split()),
        questions=tuple(" ".join(question.split()) for question in listed),
        minutes=int(minutes[1]),
        points=float(table["Points"]),
        needs=table.get("You need", ""),
    )
