"""What a unit's run showed: answers to predictions, pictures with their words, verdicts of measured claims."""

import ast
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from nbformat import NotebookNode

MEASURED = "Measured: "
NO_PREDICTION = " You made no prediction; the next one is worth a guess."


@dataclass(frozen=True)
class Picture:
    """A figure: PNG in base64, and what it shows in words."""

    png: str
    alt: str


def pictures(cell: NotebookNode) -> list[Picture]:
    """The figures that a cell showed."""
    found = []
    for output in cell.get("outputs", []):
        data, about = output.get("data", {}), output.get("metadata", {})
        if "image/png" in data:
            found.append(Picture("".join(data["image/png"].split()), about.get("image/png", {}).get("alt", "")))
    return found


def revealed(cells: Iterable[NotebookNode]) -> dict[str, str]:
    """What was measured, in the unit's own words, by the question that learners were asked."""
    found = {}
    for cell in cells:
        for output in cell.get("outputs", []):
            question, _, said = output.get("data", {}).get("text/plain", "").partition("\n")
            if said.startswith(MEASURED):
                found[question] = said.removeprefix(MEASURED).replace(NO_PREDICTION, "").strip().rstrip(".")
    return found


def tree_of(source: str) -> ast.Module:
    """A cell's code as a tree; empty where it is more than Python, such as a magic command."""
    try:
        return ast.parse(source)
    except SyntaxError:
        return ast.Module(body=[], type_ignores=[])


def first_arguments(function: str, source: str) -> list[str]:
    """What stands first in each call of a function in a cell's code, where it is a constant.

    Of `predict` it is the question, of `record` the claim.
    """
    found = []
    for node in ast.walk(tree_of(source)):
        match node:
            case ast.Call(func=ast.Name(id=name), args=[ast.Constant(value=first), *_]) if name == function:
                found.append(str(first))
    return found


def verdicts(claim: str, results: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """The verdicts of a claim: each text in it that a measurement decided, with its name."""
    for key, value in results.get(claim, {}).items():
        if isinstance(value, str) and "verdict" in key:
            which = " ".join(part for part in key.split("_") if part != "verdict")
            yield f"{claim.replace('_', ' ')}{f', {which}' if which else ''}: {value}"
        elif isinstance(value, Mapping) and isinstance(value.get("verdict"), str):
            yield f"{claim.replace('_', ' ')}, {key.replace('_', ' ')}: {value['verdict']}"
