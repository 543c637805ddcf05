"""A prediction is committed before the answer shows; those of a class become a histogram."""

import ast
import json
import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from matplotlib.figure import Figure

from kdtutor.demos.picture import Picture
from kdtutor.plots.style import Theme, house_style, palette

NEAR = 0.2  # of the measured value: what counts as close


@dataclass(frozen=True)
class Question:
    """A question with a number as its answer, measured when it is needed: `answer()` is not called before a commit.

    text: the question. unit: what the number counts, such as "%" or "times".
    """

    text: str
    unit: str
    answer: Callable[[], float]


def read_answers(text: str) -> list[float]:
    """The numbers in what was typed or pasted, one a line or separated by spaces, commas or semicolons.

    A percent sign after a number is allowed. Raises ValueError for nothing, and for what is no finite number.
    """
    words = re.split(r"[\s,;]+", text.strip())
    if words == [""]:
        raise ValueError("Write a number first; for a whole class, one answer a line.")
    return [_number(word) for word in words]


def class_answers(folder: str | Path, question: str) -> list[float]:
    """What a class predicted: the second argument of `predict(question, ...)` in the notebooks below a folder.

    One answer a notebook, the last one that is a number, in the order of the paths; a notebook without one is left
    out. Raises FileNotFoundError where there is no such folder, ValueError where no notebook below it has an answer.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"folder is {str(folder)!r}, and there is no such folder")
    found = [list(_predicted(path, question)) for path in sorted(folder.rglob("*.ipynb"))]
    answers = [each[-1] for each in found if each]
    if not answers:
        raise ValueError(f"none of the {len(found)} notebooks below {str(folder)!r} predicts {question!r}")
    return answers


def class_histogram(unit: str, answers: Sequence[float], measured: float, theme: Theme = "light") -> Picture:
    """The answers of a class as a histogram, with a line at what was measured.

    Raises ValueError for no answers.
    """
    if not answers:
        raise ValueError("answers is empty: at least one is needed")
    colours = palette(theme)
    low, high = min(*answers, measured), max(*answers, measured)
    room = (high - low or abs(high) or 1.0) / 20
    with house_style(theme):
        figure = Figure(figsize=(4.6, 3.0))
        axis = figure.subplots()
        figure.subplots_adjust(left=0.12, right=0.96, top=0.86, bottom=0.18)
        bins = min(20, max(5, math.ceil(2 * len(answers) ** 0.5)))
        counts, *_ = axis.hist(answers, bins=bins, range=(low - room, high + room), color=colours.main)
        axis.axvline(measured, color=colours.accent, linewidth=3)
        axis.set(xlabel=unit, ylabel="answers", ylim=(0, max(counts) * 1.2), title=f"{len(answers)} predictions")
        axis.locator_params(axis="y", integer=True)
        axis.annotate(
            f"measured {measured:.4g}", (measured, max(counts) * 1.08), color=colours.accent, weight="bold",
            xytext=(-6 if measured > (low + high) / 2 else 6, 0), textcoords="offset points",
            ha="right" if measured > (low + high) / 2 else "left",
        )  # fmt: skip
    return Picture(figure, f"Histogram of predictions. {compare_class(unit, answers, measured)}")


def compare_class(unit: str, answers: Sequence[float], measured: float) -> str:
    """One sentence that sets a class's predictions beside what was measured."""
    near = sum(abs(answer - measured) <= NEAR * abs(measured) for answer in answers)
    return (
        f"Measured: {measured:.4g} {unit}. {len(answers)} predictions from {min(answers):.4g} to {max(answers):.4g}, "
        f"median {median(answers):.4g}; {near} of them within {NEAR:.0%} of what was measured."
    )


def _number(word: str) -> float:
    try:
        value = float(word.removesuffix("%"))
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"{word!r} is not a number: write digits, such as 40 or 0.4.")
    return value


def _predicted(path: Path, question: str) -> Iterator[float]:
    """Every number that a notebook's code predicts for a question. A file that is no notebook predicts nothing."""
    try:
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        sources = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    except (ValueError, KeyError, TypeError):
        return
    for source in sources:
        try:
            tree = ast.parse(source)
        except (SyntaxError, ValueError):
            continue
        for node in ast.walk(tree):
            match node:
                case ast.Call(func=ast.Name(id="predict"), args=[ast.Constant(value=asked), answer]) if (
                    asked == question
                ):
                    value = _literal(answer)
                    if isinstance(value, int | float) and math.isfinite(value):
                        yield float(value)


def _literal(node: ast.expr) -> object:
    try:
        return ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, RecursionError):
        return None
