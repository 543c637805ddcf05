"""The rules of a unit's source, checked all at once: an author sees every broken one, with its line."""

import ast
import re
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from kdtutor.authoring.layout import Course
from kdtutor.authoring.names import bound_names, free_names, plain_python, star_imports
from kdtutor.authoring.problems import BuildError, Problem
from kdtutor.authoring.quotes import claims_beside, filled, wrong_quotes
from kdtutor.authoring.regions import HIDDEN_TESTS, MARK_SCHEME, SOLUTION, Region, find_regions, hidden_lines, stubbed
from kdtutor.authoring.source import Cell, Role, read_cells, read_text

LineInCell = int
Finding = tuple[Cell, LineInCell, str]
HEADER_LINE: LineInCell = 0
PART = re.compile(r"[a-z][a-z0-9_]{0,19}")
REGIONS_OF = {Role.EXERCISE: {SOLUTION}, Role.ANSWER: {SOLUTION, MARK_SCHEME}, Role.CHECK: {HIDDEN_TESTS}}
KINDS_OF = {
    Role.EXERCISE: ("code",),
    Role.CHECK: ("code",),
    Role.ANSWER: ("code", "markdown"),
    Role.GIVEN: ("code", "markdown"),
    Role.ORDINARY: ("code", "markdown", "raw"),
}


@dataclass(frozen=True)
class Unit:
    """A unit whose source breaks no rule.

    cells: what its notebook holds. asides: cells for the instructor's book, which no notebook holds.
    """

    name: str
    source: Path
    text: str
    cells: tuple[Cell, ...]
    asides: tuple[Cell, ...] = ()

    @property
    def sha256(self) -> str:
        return sha256(self.text.encode()).hexdigest()


def read_unit(source: Path, *, quote: bool = True) -> Unit:
    """Read `solutions/<unit>/<unit>.py` and check every rule of its format. BuildError lists all that is broken.

    quote: fill the numbers that the prose quotes from results.json; without it they stay as the author wrote them.
    """
    source = Path(source).resolve()
    path = Course.of(source).named(source)
    try:
        text = read_text(source)
    except FileNotFoundError:
        others = ", ".join(sorted(other.name for other in source.parent.glob("*.py"))) or "no text source"
        words = f"there is no such file; its folder holds {others}, and folder and source carry the unit's name both"
        raise BuildError([Problem(path, 1, words)]) from None
    except UnicodeDecodeError as error:
        raise BuildError([Problem(path, 1, f"not UTF-8 text: byte {error.start} cannot be read")]) from None
    cells, problems = read_cells(text, path)
    if source.parent.name != source.stem:
        words = f"the file {source.name} lies in the folder {source.parent.name}: both carry the unit's name"
        problems.append(Problem(path, 1, words))
    if all(cell.instructor for cell in cells):
        problems.append(Problem(path, 1, "the file holds no cell"))
    problems += [Problem(path, cell.at(line), words) for cell, line, words in broken_rules(cells)]
    if quote:
        claims = claims_beside(source)
        problems += [
            Problem(path, cell.at(line), words) for cell in cells for line, words in wrong_quotes(cell, claims)
        ]
    if problems:
        raise BuildError(problems)
    if quote:
        cells = [filled(cell, claims) for cell in cells]
    asides = tuple(cell for cell in cells if cell.instructor)
    return Unit(source.stem, source, text, tuple(cell for cell in cells if not cell.instructor), asides)


def broken_rules(cells: list[Cell]) -> Iterator[Finding]:
    for cell in cells:
        yield from wrong_keys(cell)
    yield from wrong_names(cells)
    sound: list[tuple[Cell, list[Region]]] = []
    for cell in cells:
        regions, wrong_markers = find_regions(cell.source, cell.kind)
        yield from ((cell, line, words) for line, words in wrong_markers)
        yield from wrong_regions(cell, regions, intact=not wrong_markers)
        if cell.kind == "code" and not wrong_markers:
            wrong_code = list(syntax_errors(cell, regions))
            yield from wrong_code
            sound += [] if wrong_code else [(cell, regions)]
    yield from wrong_bindings(sound)
    yield from wrong_test_names(sound)


def wrong_keys(cell: Cell) -> Iterator[Finding]:
    graded = cell.role in (Role.CHECK, Role.ANSWER)
    if cell.kind not in KINDS_OF[cell.role]:
        yield cell, HEADER_LINE, f"{cell.role} on a {cell.kind} cell: it needs {' or '.join(KINDS_OF[cell.role])}"
    if not cell.source.strip():
        yield cell, HEADER_LINE, "an empty cell"
    if graded and "points" not in cell.keys:
        yield cell, HEADER_LINE, f'{cell.role} "{cell.name}" has no points: say how many, as in points=2'
    if not graded and "points" in cell.keys:
        yield cell, HEADER_LINE, "points stand on check and answer cells only"
    if "part" in cell.keys and (cell.role is not Role.CHECK or not PART.fullmatch(str(cell.keys["part"]))):
        yield cell, HEADER_LINE, 'part stands on check cells only and is a word, as in part="bytes"'
    for key in ("difficulty", "minutes"):
        if key in cell.keys and cell.role is not Role.EXERCISE:
            yield cell, HEADER_LINE, f"{key} stands on exercise cells only"
    if cell.instructor and (cell.kind != "markdown" or cell.role is not Role.ORDINARY):
        yield cell, HEADER_LINE, "instructor marks ordinary markdown: it is printed in the instructor's book"
    if cell.experiment and (cell.kind != "code" or cell.role not in (Role.ORDINARY, Role.GIVEN)):
        yield cell, HEADER_LINE, "experiment marks ordinary or given code: grading would skip this cell"


def grade_id(cell: Cell) -> str:
    """The cell's name in nbgrader's books: an exercise's own, check_<exercise>[_<part>] for a test cell."""
    part = f"_{cell.keys['part']}" if "part" in cell.keys else ""
    return f"check_{cell.name}{part}" if cell.role is Role.CHECK else cell.name


def wrong_names(cells: list[Cell]) -> Iterator[Finding]:
    taken: dict[str, Cell] = {}
    for cell in cells:
        if not cell.name:
            continue
        first = taken.setdefault(grade_id(cell), cell)
        if first is not cell:
            of_first = f"the {first.role} in line {first.line}"
            yield cell, HEADER_LINE, f'duplicate name: {cell.role} "{cell.name}" is already taken by {of_first}'
    exercises = {cell.name: cell for cell in cells if cell.role is Role.EXERCISE and cell.name}
    checks = {cell.name: cell for cell in reversed(cells) if cell.role is Role.CHECK and cell.name}
    for name, exercise in exercises.items():
        if name not in checks:
            yield exercise, HEADER_LINE, f'exercise "{name}" without a check: no cell says check="{name}"'
    for name, check in checks.items():
        if name not in exercises:
            yield check, HEADER_LINE, f'check "{name}" without an exercise: no cell says exercise="{name}"'
        elif check.line < exercises[name].line:
            yield check, HEADER_LINE, f'check "{name}" stands before its exercise in line {exercises[name].line}'


def wrong_regions(cell: Cell, regions: list[Region], intact: bool) -> Iterator[Finding]:
    for region in regions:
        if region.kind not in REGIONS_OF.get(cell.role, set()):
            place = {SOLUTION: "an exercise or answer", HIDDEN_TESTS: "a check", MARK_SCHEME: "an answer"}[region.kind]
            yield cell, region.begin, f"BEGIN {region.kind} in a cell that is not {place}"
        elif region.kind == MARK_SCHEME and not any(
            region.begin in other for other in regions if other.kind == SOLUTION
        ):
            yield cell, region.begin, "a mark scheme stands inside the solution of its answer"
    solutions = [region for region in regions if region.kind == SOLUTION]
    if intact and cell.role in (Role.EXERCISE, Role.ANSWER):
        if not solutions:
            yield cell, HEADER_LINE, f'{cell.role} "{cell.name}" without a solution: no BEGIN SOLUTION in the cell'
        elif not any(line.strip() for _, line in hidden_lines(cell.source, solutions)):
            yield cell, solutions[0].begin, f'the solution of {cell.role} "{cell.name}" is empty'


def syntax_errors(cell: Cell, regions: list[Region]) -> Iterator[Finding]:
    """Code that is not Python, as it stands or as a learner gets it; a check has to be Python without magics."""
    wrong = syntax_error(cell.source if cell.role is Role.CHECK else plain_python(cell.source))
    if wrong:
        yield cell, wrong[0], f"not Python: {wrong[1]}"
    elif regions and (wrong := syntax_error(plain_python(stubbed(cell.source, regions)))):
        yield cell, wrong[0], f"not Python once the marked regions are taken out: {wrong[1]}"


def syntax_error(source: str) -> tuple[int, str] | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", SyntaxWarning)
            compile(source, "<cell>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    except SyntaxError as error:
        return error.lineno or 1, error.msg
    except ValueError as error:
        return 1, str(error)
    return None


def wrong_bindings(cells: list[tuple[Cell, list[Region]]]) -> Iterator[Finding]:
    """An exercise binds its name, solved or not, and no other cell binds it again over the learner's work."""
    exercises = {cell.name: cell for cell, _ in cells if cell.role is Role.EXERCISE and cell.name}
    for cell, regions in cells:
        bound = bound_names(plain_python(cell.source))
        if cell.role is Role.EXERCISE and cell.name:
            if cell.name not in bound:
                yield cell, HEADER_LINE, f'exercise "{cell.name}" does not define {cell.name}'
            elif cell.name not in bound_names(plain_python(stubbed(cell.source, regions))):
                yield cell, HEADER_LINE, f'exercise "{cell.name}" defines {cell.name} only inside its solution'
        for name in sorted(bound & exercises.keys()):
            if exercises[name] is not cell and not (cell.role is Role.EXERCISE and cell.name == name):
                words = f"this cell defines {name} again, the exercise of line {exercises[name].line}: rename it"
                yield cell, binding_line(plain_python(cell.source), name), words


def binding_line(source: str, name: str) -> LineInCell:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Name) and node.id == name and isinstance(node.ctx, ast.Store):
            return node.lineno
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and node.name == name:
            return node.lineno
        if isinstance(node, ast.Import | ast.ImportFrom) and name in [a.asname or a.name for a in node.names]:
            return node.lineno
    return HEADER_LINE


def wrong_test_names(cells: list[tuple[Cell, list[Region]]]) -> Iterator[Finding]:
    """A check names its exercise and nothing else that it neither imports nor makes itself."""
    owners: dict[str, Cell] = {}
    for cell, _ in cells:
        if cell.role in (Role.EXERCISE, Role.ANSWER, Role.ORDINARY):
            for name in bound_names(plain_python(cell.source)):
                owners.setdefault(name, cell)
    for check in (cell for cell, _ in cells if cell.role is Role.CHECK and cell.name):
        stars = star_imports(check.source)
        for line in stars:
            yield check, line, "a test cell imports by name: nobody can tell what an import of * brings"
        if stars:
            continue
        free = free_names(check.source)
        if check.name not in free:
            yield check, HEADER_LINE, f'check "{check.name}" never uses {check.name}'
        for name, line in free.items():
            if name == check.name:
                continue
            if name in owners:
                whose = f"the learner's, from line {owners[name].line}"
                yield (
                    check,
                    line,
                    f"the test cell of {check.name} uses {name}, a name of {whose}: import or make it here",
                )
            else:
                yield check, line, f"the test cell of {check.name} uses {name}, which it neither imports nor makes"
