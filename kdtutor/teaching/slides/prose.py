"""Markdown cut into pieces that fit a slide: at headings, then between paragraphs."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

HEADING = re.compile(r"^(#{1,3}) +(.+?)\s*$")
LIST_ITEM = re.compile(r"^\s*([-*]|\d+\.) ")
LINES = 13  # of text that a slide holds below its title
LETTERS = 76  # in a line


@dataclass(frozen=True)
class Piece:
    """Text for one slide. title: of the section that it belongs to; opens: whether the section begins here."""

    title: str
    text: str
    opens: bool


def pieces(markdown: str, title: str) -> Iterator[Piece]:
    """The pieces of a cell's markdown; `title` is the section that was open before it."""
    opens = False
    held: list[str] = []
    for block in blocks(markdown):
        heading = HEADING.match(block)
        if heading:
            if held or opens:
                yield Piece(title, "\n\n".join(held), opens)
            title, opens, held = heading[2], True, []
            continue
        if held and sum(lines_of(each) for each in held) + lines_of(block) + len(held) * 0.5 > LINES:
            kept = held if not leads_on(held[-1]) else held[:-1]
            if kept or opens:
                yield Piece(title, "\n\n".join(kept), opens)
                opens = False
            held = held[len(kept) :]
        held.append(block)
    if held or opens:
        yield Piece(title, "\n\n".join(held), opens)


def blocks(markdown: str) -> Iterator[str]:
    """Headings, paragraphs, lists, tables, formulas and code, each whole."""
    held: list[str] = []
    fence = formula = False
    for line in markdown.splitlines():
        fence ^= line.lstrip().startswith("```")
        formula ^= line.count("$$") % 2 == 1
        inside = fence or formula
        alone = not inside and HEADING.match(line) is not None
        if held and not inside and (not line.strip() or alone):
            yield "\n".join(held)
            held = []
        if alone:
            yield line
        elif line.strip() or inside:
            held.append(line)
    if held:
        yield "\n".join(held)


def leads_on(block: str) -> bool:
    """Whether a block says what comes next, and so belongs to it."""
    return block.rstrip().endswith(":") or re.fullmatch(r"\*\*[^*]+\*\*", block.strip()) is not None


def lines_of(block: str) -> float:
    """How many lines of a slide a block takes, as far as its text tells."""
    lines = block.splitlines()
    if block.lstrip().startswith("|"):
        return 1.25 * sum(max(1, -(-len(line) // 110)) for line in lines)
    if block.lstrip().startswith("```"):
        return 0.8 * len(lines)
    if "$$" in block:
        return 2.5 + max(0, len(lines) - 1) * 0.5
    if LIST_ITEM.match(block):
        items = re.split(r"\n(?=\s*(?:[-*]|\d+\.) )", block)
        return sum(1.2 * -(-len(" ".join(item.split())) // (LETTERS - 4)) for item in items)
    return -(-len(" ".join(block.split())) // LETTERS)
