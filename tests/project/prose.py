"""What the project says in words: its documents, the units' prose, and what Python files say beside their code."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from kdtutor.authoring.layout import Course
from kdtutor.authoring.source import read_cells, read_text

ROOT = Path(__file__).resolve().parents[2]
COURSE = Course.of(ROOT)
DOCUMENTS = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "solutions/SYLLABUS.md")


@dataclass(frozen=True)
class Passage:
    """A run of prose: the file it stands in, from the root; its first line there; and the code names around it."""

    file: str
    line: int
    text: str
    names: frozenset[str] = frozenset()


@cache
def documents() -> tuple[Passage, ...]:
    return tuple(Passage(name, 1, (ROOT / name).read_text(encoding="utf-8")) for name in DOCUMENTS)


@cache
def unit_prose() -> tuple[Passage, ...]:
    """The markdown cells of every unit, those for instructors among them."""
    found = []
    for unit in COURSE.units:
        source = COURSE.source(unit)
        cells, problems = read_cells(read_text(source), COURSE.named(source))
        assert problems == []
        found += [
            Passage(COURSE.named(source), cell.line + 1, cell.source) for cell in cells if cell.kind == "markdown"
        ]
    return tuple(found)


@cache
def beside_code() -> tuple[Passage, ...]:
    """Docstrings and comments of every Python file of the package and its tests."""
    files = [*sorted((ROOT / "kdtutor").rglob("*.py")), *sorted((ROOT / "tests").rglob("*.py"))]
    return tuple(passage for file in files for passage in passages_of(file.read_text(encoding="utf-8"), file))


def passages_of(source: str, file: Path) -> Iterator[Passage]:
    """Docstrings and comments of one file; names are all that its code binds, reads or passes by keyword."""
    name, tree = file.relative_to(ROOT).as_posix(), ast.parse(source)
    names = frozenset(names_in(tree))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node)
            if text:
                yield Passage(name, node.body[0].lineno, text, names)
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield Passage(name, token.start[0], token.string, names)


def names_in(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        for field in ("id", "attr", "arg", "name", "module"):
            value = getattr(node, field, None)
            if isinstance(value, str):
                yield from re.findall(r"[A-Za-z]+", value)


def without_code(text: str) -> str:
    """Prose without code and formulae, the lines where they were."""
    for pattern in (r"```.*?```", r"\$\$.*?\$\$", r"`[^`]*`", r"\$[^$\n]*\$"):
        text = re.sub(pattern, lambda found: "\n" * found[0].count("\n"), text, flags=re.DOTALL)
    return re.sub(r"^ {4,}.*$", "", text, flags=re.MULTILINE)
