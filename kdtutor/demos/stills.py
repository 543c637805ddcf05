"""An explorer as a strip of still pictures, for places where nothing can be moved: GitHub, exported pages, print."""

import textwrap
from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure
from PIL import Image

from kdtutor.demos.explorer import Explorer
from kdtutor.demos.picture import DOTS_PER_INCH, encoded, pixels
from kdtutor.plots.style import Theme, house_style, palette

NARROWEST = 9 * DOTS_PER_INCH  # pixels of a caption
LETTERS = 105  # that fit into a line of the narrowest


def strip(explorer: Explorer[Any], theme: Theme = "light") -> tuple[bytes, str]:
    """One row of pictures for each of the explorer's stills, its setting and numbers above it.

    Returns the strip as PNG bytes, and its alternative text.
    """
    rows: list[Image.Image] = []
    words = [f"{explorer.title}. {explorer.explains}"]
    for changes in explorer.stills:
        pictures, sentence = explorer.see(theme, **changes)
        setting = setting_in_words(explorer, changes)
        beside = _beside([pixels(picture.figure, theme) for picture in pictures], theme)
        rows += [_caption(setting, sentence, beside.width, theme), beside]
        words.append(f"{setting}: {sentence} {' '.join(picture.alt for picture in pictures)}")
    below = Image.new("RGB", (max(row.width for row in rows), sum(row.height for row in rows)), palette(theme).ground)
    top = 0
    for row in rows:
        below.paste(row, (0, top))
        top += row.height
    return encoded(below), "\n".join(words)


def setting_in_words(explorer: Explorer[Any], changes: Mapping[str, Any]) -> str:
    """Every control's label with its value, as "picture of O, temperature T 4, weight α 0.9"."""
    values = {**explorer.start, **changes}
    return ", ".join(f"{control.label} {control.shown(values[control.name])}" for control in explorer.controls)


def _beside(images: list[Image.Image], theme: Theme) -> Image.Image:
    row = Image.new("RGB", (sum(i.width for i in images), max(i.height for i in images)), palette(theme).ground)
    left = 0
    for picture in images:
        row.paste(picture, (left, 0))
        left += picture.width
    return row


def _caption(setting: str, sentence: str, width: int, theme: Theme) -> Image.Image:
    width = max(width, NARROWEST)
    lines = textwrap.wrap(sentence, LETTERS * width // NARROWEST)
    inches = 0.45 + 0.19 * len(lines)
    with house_style(theme):
        figure = Figure(figsize=(width / DOTS_PER_INCH, inches))
        top = 1 - 0.12 / inches
        figure.text(0.015, top, setting, weight="bold", fontsize=11, va="top")
        figure.text(0.015, top - 0.21 / inches, "\n".join(lines), fontsize=10, va="top", linespacing=1.3)
    return pixels(figure, theme)
