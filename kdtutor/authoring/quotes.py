"""Numbers in prose: `{{ gradient.shrinkage | .0f }}` stands for a measured claim in the unit's results.json.

The claim's name, a dot, the number's name, more dots for numbers within; after a bar a Python format specification, or
`percent` for one decimal of a percentage. An author never types a measured number, so prose and measurement cannot
drift apart.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from kdtutor.authoring.source import Cell

RESULTS = "results.json"
QUOTE = re.compile(r"\{\{\s*([\w.-]+)\s*(?:\|\s*([^}]*?)\s*)?\}\}")
Claims = Mapping[str, Mapping[str, Any]]


def claims_beside(source: Path) -> Claims:
    """The claims in the results.json of the unit with this source; none where there is no such file."""
    file = source.with_name(RESULTS)
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}


def filled(cell: Cell, claims: Claims) -> Cell:
    """The cell with every quote in its prose replaced by its number."""
    return replace(cell, source=QUOTE.sub(lambda quote: _value(quote, claims), cell.source)) if _quotes(cell) else cell


def wrong_quotes(cell: Cell, claims: Claims) -> Iterator[tuple[int, str]]:
    """What cannot be filled, as (line in the cell, sentence)."""
    for number, line in enumerate(cell.source.splitlines() if _quotes(cell) else [], start=1):
        for quote in QUOTE.finditer(line):
            try:
                _value(quote, claims)
            except KeyError:
                words = f"{quote[0]} quotes a claim that {RESULTS} does not hold: `kdtutor results` measures it"
                yield number, words
            except (ValueError, TypeError) as error:
                yield number, f"{quote[0]} cannot be written so: {error}"


def _quotes(cell: Cell) -> bool:
    return cell.kind == "markdown" and "{{" in cell.source


def _value(quote: re.Match[str], claims: Claims) -> str:
    value: Any = claims
    for name in quote[1].split("."):
        value = value[name]
    form = quote[2] or ""
    return format(value, ".1%" if form == "percent" else form)
