"""What no page may show: lines of solutions, hidden tests and sample answers."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from kdtutor.authoring.layout import Course
from kdtutor.authoring.regions import find_regions, hidden_lines

SHORTEST_TELLING_LINE = 12  # letters and digits; `return p` would be found in prose about what returns predictions


def hidden_in_pages(course: Course, site: Path) -> list[str]:
    """Hidden lines of the course that stand in a page of the site, a sentence each; empty where none does.

    Only letters and digits are compared, so that neither highlighting nor a mark of emphasis hides a line.
    """
    hidden = dict(hidden_lines_of(course))
    found = []
    for page in sorted(site.rglob("*.html")):
        text = squeeze(text_of(page))
        found += [
            f"{page.relative_to(site).as_posix()} shows a hidden line: {line}"
            for squeezed, line in hidden.items()
            if squeezed in text
        ]
    return found


def hidden_lines_of(course: Course) -> Iterator[tuple[str, str]]:
    """The telling hidden lines of all solved notebooks, squeezed and as they stand.

    A line that learners are shown as well, in whatever unit, is not hidden.
    """
    shown = squeeze("\n".join(cell.source for unit in course.units for cell in read(course.learner_notebook(unit))))
    for unit in course.units:
        for cell in read(course.solved_notebook(unit)):
            regions, _ = find_regions(cell.source, cell.cell_type)
            for _, line in hidden_lines(cell.source, regions):
                squeezed = squeeze(line)
                if len(squeezed) >= SHORTEST_TELLING_LINE and squeezed not in shown:
                    yield squeezed, line.strip()


def read(notebook: Path) -> list[NotebookNode]:
    return nbformat.read(notebook, as_version=4).cells


def text_of(page: Path) -> str:
    """All text of an HTML file, whatever marks stand between its letters; that of scripts too."""
    reader = _TextReader()
    reader.feed(page.read_text(encoding="utf-8"))
    reader.close()
    return "".join(reader.pieces)


class _TextReader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []

    def handle_data(self, data: str) -> None:
        self.pieces.append(data)


def squeeze(text: str) -> str:
    """The letters and digits of a text."""
    return re.sub(r"[\W_]+", "", text)
