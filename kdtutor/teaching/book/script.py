"""The script of a class: the unit's sections in order, what to ask, build, show and say in each, and for how long."""

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from nbformat import NotebookNode

from kdtutor.authoring.rules import Unit
from kdtutor.authoring.source import Cell, Role
from kdtutor.grading.pages.next_steps import many_points
from kdtutor.teaching.book.outcomes import Picture, first_arguments, pictures, revealed, tree_of, verdicts

Kind = Literal["say", "note", "ask", "build", "show", "surprise", "open", "read"]
WORDS_A_MINUTE = 130
MINUTES_A_QUESTION = 1.5  # to think, to commit, to show hands
MINUTES_A_PICTURE = 1.5
HEADING = re.compile(r"^## +(.+)$", re.MULTILINE)
ANY_HEADING = re.compile(r"^##? +(.+)$", re.MULTILINE)
EXPLORER = re.compile(r"explore_(\w+)")


@dataclass(frozen=True)
class Step:
    """One thing to do. text: Markdown. answer: what to keep back until the class has committed itself."""

    kind: Kind
    text: str
    answer: str = ""
    picture: Picture | None = None
    minutes: float = 0.0


@dataclass
class Section:
    """A part of the class under its heading in the unit."""

    title: str
    steps: list[Step] = field(default_factory=list)
    weight: float = 0.0
    exercises: float = 0.0
    minutes: int = 0


def script(unit: Unit, notebook: NotebookNode, results: Mapping[str, Mapping[str, Any]], minutes: int) -> list[Section]:
    """The sections of a class that takes `minutes`.

    Exercises take what the unit says they take; what is left goes to the sections by their words, questions and
    pictures. Where exercises take it all, the rest of each section is part of them.
    """
    answers = revealed(notebook.cells)
    asked: set[str] = set()
    sections = [Section("Opening")]
    both = sorted([*zip(unit.cells, notebook.cells, strict=True), *((cell, None) for cell in unit.asides)], key=_line)
    for cell, ran in both:
        if cell.kind == "markdown" and (heading := HEADING.search(cell.source)) and not cell.instructor:
            sections.append(Section(heading[1]))
        section = sections[-1]
        for step in steps(cell, ran, results, answers, asked):
            section.steps.append(step)
            section.weight += step.minutes
        if cell.role is Role.EXERCISE:
            section.exercises += float(cell.keys.get("minutes", 0))
        elif cell.kind == "markdown" and not cell.instructor:
            section.weight += len(cell.source.split()) / WORDS_A_MINUTE
    _share(sections, minutes)
    return sections


def steps(
    cell: Cell,
    ran: NotebookNode | None,
    results: Mapping[str, Mapping[str, Any]],
    answers: Mapping[str, str],
    asked: set[str],
) -> Iterator[Step]:
    """What a cell gives a class to do. asked: the questions so far; it grows."""
    if cell.instructor:
        yield Step("note", cell.source)
    elif cell.role is Role.EXERCISE:
        hard = cell.keys.get("difficulty")
        yield Step("build", f"`{cell.name}`, {cell.keys.get('minutes', 0):g} minutes, difficulty {hard} of 5")
    elif cell.role is Role.ANSWER:
        yield Step("build", f"`{cell.name}`: an answer that a person marks, {many_points(cell.keys['points'])}")
    elif cell.kind == "markdown":
        yield from _opening(cell)
    elif cell.role is not Role.CHECK and ran is not None:
        yield from _from_code(cell, ran, results, answers, asked)


def _opening(cell: Cell) -> Iterator[Step]:
    heading = ANY_HEADING.search(cell.source)
    if heading is None:
        return
    if heading[1].lower().startswith("reading critically"):
        yield Step("read", "Let them run the fault as it was published, say what is wrong, and mend it.")
    first = next((part for part in cell.source[heading.end() :].strip().split("\n\n") if not part.startswith("#")), "")
    if first and not first.startswith(("|", "-", "$$", "```")):
        yield Step("say", _whole_sentences(" ".join(first.split())))


def _whole_sentences(text: str) -> str:
    """Without a last sentence that goes on in a formula below it, where another one stands before."""
    if text.endswith((".", "?")) or ". " not in text:
        return text
    return text[: text.rindex(". ") + 1]


def _from_code(
    cell: Cell,
    ran: NotebookNode,
    results: Mapping[str, Mapping[str, Any]],
    answers: Mapping[str, str],
    asked: set[str],
) -> Iterator[Step]:
    for question in first_arguments("predict", cell.source):
        asked.add(question)
        yield Step("ask", question, answers.get(question, ""), minutes=MINUTES_A_QUESTION)
    for name in sorted({node.id for node in ast.walk(tree_of(cell.source)) if isinstance(node, ast.Name)}):
        if explorer := EXPLORER.fullmatch(name):
            yield Step("open", f"the explorer {explorer[1].replace('_', ' ')}", minutes=2 * MINUTES_A_PICTURE)
    said = [each for claim in first_arguments("record", cell.source) for each in verdicts(claim, results)]
    told = [question for question in answers if question in asked and question in _texts(ran)]
    for question in told:
        yield Step("surprise", question, answers[question])
    for picture in pictures(ran):
        yield Step("show", picture.alt, picture=picture, minutes=MINUTES_A_PICTURE)
    for each in dict.fromkeys(said):
        yield Step("surprise", "The measured verdict", each)


def _texts(ran: NotebookNode) -> set[str]:
    return {output.get("data", {}).get("text/plain", "").partition("\n")[0] for output in ran.get("outputs", [])}


def _line(pair: tuple[Cell, NotebookNode | None]) -> int:
    return pair[0].line


def _share(sections: Sequence[Section], minutes: int) -> None:
    """Whole minutes for each section that add up to `minutes`: the largest remainders are rounded up."""
    spent, weights = sum(s.exercises for s in sections), sum(s.weight for s in sections) or 1.0
    left = max(0.0, minutes - spent)
    scale = min(1.0, minutes / spent) if spent else 1.0
    exact = [s.exercises * scale + left * s.weight / weights for s in sections]
    for section, share in zip(sections, exact, strict=True):
        section.minutes = int(share)
    short = minutes - sum(section.minutes for section in sections)
    order = sorted(range(len(sections)), key=lambda i: exact[i] - int(exact[i]), reverse=True)
    for i in order[:short]:
        sections[i].minutes += 1
