"""The marked regions of a cell: what a learner never sees, and what is left when it is taken out."""

import re
from dataclasses import dataclass

SOLUTION, HIDDEN_TESTS, MARK_SCHEME = "SOLUTION", "HIDDEN TESTS", "MARK SCHEME"
# nbgrader takes any line that contains these words for a marker, so any such line has to be one
MENTION = re.compile(rf"\b(BEGIN|END) ({SOLUTION}|{HIDDEN_TESTS}|{MARK_SCHEME})\b")
WRITTEN = {
    "code": re.compile(rf"^\s*### {MENTION.pattern}\s*$"),
    "markdown": re.compile(rf"^\s*(?:### {MENTION.pattern}|<!-- {MENTION.pattern} -->)\s*$"),
}


@dataclass(frozen=True)
class Region:
    """Lines `begin` to `end` of a cell, counted from 1, markers included."""

    kind: str
    begin: int
    end: int

    def __contains__(self, line: int) -> bool:
        return self.begin <= line <= self.end


def find_regions(source: str, kind_of_cell: str) -> tuple[list[Region], list[tuple[int, str]]]:
    """Regions of a cell in order of their beginning, and broken rules as (line in the cell, words)."""
    regions: list[Region] = []
    wrong: list[tuple[int, str]] = []
    open_regions: list[tuple[str, int]] = []
    written = WRITTEN.get(kind_of_cell, WRITTEN["code"])
    for number, line in enumerate(source.split("\n"), 1):
        mention = MENTION.search(line)
        if not mention:
            continue
        side, kind = mention[1], mention[2]
        if not written.match(line):
            wrong.append((number, f"'{mention[0]}' is a marker and stands alone on its line as '### {mention[0]}'"))
        elif side == "BEGIN":
            inside = [name for name, _ in open_regions]
            if inside and (kind, inside) != (MARK_SCHEME, [SOLUTION]):
                wrong.append((number, f"BEGIN {kind} inside a region of {inside[-1]}, which has not ended"))
            open_regions.append((kind, number))
        elif open_regions and open_regions[-1][0] == kind:
            regions.append(Region(kind, open_regions.pop()[1], number))
        elif kind in [name for name, _ in open_regions]:
            wrong.append((number, f"END {kind} before the END {open_regions[-1][0]} of the region inside it"))
            open_regions = open_regions[: [name for name, _ in open_regions].index(kind)]
        else:
            wrong.append((number, f"END {kind} without a BEGIN {kind} before it"))
    wrong += [(begin, f"missing END {kind}: this region never ends") for kind, begin in open_regions]
    return sorted(regions, key=lambda region: region.begin), wrong


def visible_lines(source: str, regions: list[Region]) -> list[tuple[int, str]]:
    """Lines outside every region, as (line in the cell, text)."""
    return [(i, line) for i, line in enumerate(source.split("\n"), 1) if not any(i in region for region in regions)]


def hidden_lines(source: str, regions: list[Region]) -> list[tuple[int, str]]:
    """Lines inside a region, without the markers, as (line in the cell, text)."""
    return [
        (i, line)
        for i, line in enumerate(source.split("\n"), 1)
        if any(i in region for region in regions) and not MENTION.search(line)
    ]


def stubbed(source: str, regions: list[Region]) -> str:
    """The cell as a learner gets it, line for line where it was: each region is an ellipsis, indented as its marker."""
    lines = source.split("\n")
    for region in regions:
        indent = lines[region.begin - 1][: -len(lines[region.begin - 1].lstrip())]
        replacement = f"{indent}..." if region.kind == SOLUTION else ""
        lines[region.begin - 1 : region.end] = [replacement] + [""] * (region.end - region.begin)
    return "\n".join(lines)
