"""Whether the notebooks in the tree are what their sources build, and whether they keep what learners must not see."""

import html
import json
import tempfile
from dataclasses import replace
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from kdtutor.authoring.build import release
from kdtutor.authoring.execute import unwanted_outputs
from kdtutor.authoring.layout import LEFT_BEHIND, Course, files_of
from kdtutor.authoring.notebook import to_notebook
from kdtutor.authoring.problems import BuildError
from kdtutor.authoring.regions import find_regions, hidden_lines, visible_lines
from kdtutor.authoring.rules import Unit, read_unit

SHORTEST_TELLING_LINE = 6  # characters; `else:` and the like give nothing away


def check_built(root: Path) -> list[str]:
    """Everything in the course at `root` that a build would change, a sentence each; empty where all is as built."""
    course = Course.of(root)
    sentences = [sentence for unit in course.units for sentence in stale(unit, root)]
    for tree in (course.solutions, course.released):
        folders = [path for path in sorted(tree.glob("*")) if path.is_dir() and path.name not in LEFT_BEHIND]
        for folder in folders:
            if folder.name not in course.units and any(name.endswith(".ipynb") for name in files_of(folder)):
                source = course.named(course.source(folder.name))
                sentences.append(f"{course.named(folder)} holds a notebook that no source builds: {source} is missing")
    return sentences


def stale(unit: str, root: Path) -> list[str]:
    """What keeps a unit's two notebooks from being what its text builds, a sentence each; empty where they are.

    The solved notebook has to have the cells, ids and metadata of the text and to have run without errors; the
    learner's folder has to be, byte for byte, what nbgrader makes of it. Nothing is executed or written.
    """
    course = Course.of(root)
    try:
        read = read_unit(course.source(unit))
    except BuildError as error:
        return [str(problem) for problem in error.problems]
    return [*stale_solved_notebook(read, course), *stale_learner_folder(read, course)]


def stale_solved_notebook(unit: Unit, course: Course) -> list[str]:
    path = course.solved_notebook(unit.name)
    again = f"run kdtutor build {unit.name}"
    if not path.is_file():
        return [f"{course.named(path)} is missing: {again}"]
    try:
        found = nbformat.reads(path.read_text(encoding="utf-8"), as_version=4)
    except Exception as error:  # nbformat trips over damaged files in many ways
        return [f"{course.named(path)} is not a notebook ({error}): {again}"]
    built = to_notebook(unit)
    name = course.named(path)
    sentences = []
    if [cell.get("id") for cell in found.cells] != [cell.id for cell in built.cells]:
        sentences.append(f"{name} has other cells than its source, or in another order: {again}")
    else:
        for mine, theirs in zip(built.cells, found.cells, strict=True):
            parts = [part for part in ("cell_type", "source", "metadata") if mine[part] != theirs.get(part)]
            if parts:
                sentences.append(
                    f"{name}: cell {mine.id} differs from the source in its {' and '.join(parts)}: {again}"
                )
    if found.metadata != built.metadata:
        sentences.append(f"{name} was built from another text of its source, or its metadata was edited: {again}")
    return sentences + [f"{name}: {words}: {again}" for words in run_badly(found)]


def run_badly(notebook: NotebookNode) -> list[str]:
    never = [
        f"cell {cell.get('id')} has not been run"
        for cell in notebook.cells
        if cell.cell_type == "code" and cell.get("execution_count") is None
    ]
    return never + [f"cell {notebook.cells[i].get('id')} shows {words}" for i, words in unwanted_outputs(notebook)]


def stale_learner_folder(unit: Unit, course: Course) -> list[str]:
    """Compares with a release made anew from the text; outputs do not matter, a release drops them."""
    with tempfile.TemporaryDirectory() as temporary:
        stage = Path(temporary).resolve()
        try:
            release(unit, to_notebook(unit), course, stage, gradebook=None)
        except BuildError as error:
            return [str(problem) for problem in error.problems]
        made = replace(course, root=stage).released / unit.name
        wanted = {name: path.read_bytes() for name, path in files_of(made).items()}
    folder = course.released / unit.name
    found = {name: path.read_bytes() for name, path in files_of(folder).items()}
    again = f"run kdtutor build {unit.name}"
    sentences = []
    for name in sorted(wanted.keys() | found.keys()):
        file = f"{course.named(folder)}/{name}"
        if name not in found:
            sentences.append(f"{file} is missing: {again}")
        elif name not in wanted:
            sentences.append(f"{file} is not part of what the source builds: {again}, or remove it")
        elif wanted[name] != found[name]:
            sentences.append(f"{file} is not what the source builds: {again}")
    return sentences


def leaks(unit: str, root: Path) -> list[str]:
    """Lines in a file under `course/<unit>/` that learners must not see, a sentence each.

    These are solutions, hidden tests, sample answers and what is said to instructors alone.
    A line counts when it is at least six characters long and stands nowhere in what the source shows learners.
    BuildError where the source breaks a rule: then nobody can say what is hidden.
    """
    course = Course.of(root)
    read = read_unit(course.source(unit))
    secrets: dict[str, int] = {}
    shown = []
    for cell in read.cells:
        regions, _ = find_regions(cell.source, cell.kind)
        shown += [line for _, line in visible_lines(cell.source, regions)]
        for line, text in hidden_lines(cell.source, regions):
            secrets.setdefault(text.strip(), cell.at(line))
    for aside in read.asides:
        for number, text in enumerate(aside.source.split("\n"), start=1):
            secrets.setdefault(text.strip(), aside.at(number))
    visible = "\n".join(shown)
    telling = {
        text: line
        for text, line in secrets.items()
        if len(text) >= SHORTEST_TELLING_LINE and any(letter.isalnum() for letter in text) and text not in visible
    }
    found = []
    for name, path in files_of(course.released / unit).items():
        content = path.read_bytes()
        for text, line in telling.items():
            if any(form.encode() in content for form in written_forms(text)):
                where = f"{course.named(course.released / unit)}/{name}"
                found.append(f"{where} shows line {line} of {course.named(read.source)}, which is hidden: {text}")
    return found


def written_forms(text: str) -> set[str]:
    """A line as it stands in a text file, in JSON (twice: a notebook may hold either) and in HTML."""
    return {text, json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1], html.escape(text)}
