"""From a unit's notebook to a notebook of slides: which cells are shown, how, and where a slide ends."""

import ast
import html
from collections.abc import Iterator
from copy import deepcopy

import nbformat
from nbformat import NotebookNode

from kdtutor.authoring.layout import Course
from kdtutor.authoring.regions import MENTION
from kdtutor.site.unit_page import with_outputs
from kdtutor.teaching.book.answers import SHORTEST_QUESTION
from kdtutor.teaching.book.outcomes import NO_PREDICTION, tree_of
from kdtutor.teaching.slides.prose import Piece, blocks, pieces

OUTPUT_ONLY = "output-only"
MOST_LINES = 36  # of code on a slide
SHORT = 4
UNWRITTEN = "*Your answer here.*"  # as nbgrader_config.py says it


def deck(course: Course, unit: str, *, solutions: bool = False) -> NotebookNode:
    """The slides of a unit: prose in pieces, exercises as learners get them, questions to predict, and every result.

    Test cells and code that only prepares are left out; of an experiment its outputs are shown. solutions: exercises
    and answers as they are solved. FileNotFoundError where the unit is not built.
    """
    for path in (course.solved_notebook(unit), course.learner_notebook(unit)):
        if not path.is_file():
            raise FileNotFoundError(f"{path} is not there: a unit of the course is needed, built by `kdtutor build`")
    solved = nbformat.read(course.solved_notebook(unit), as_version=4)
    learner = nbformat.read(course.learner_notebook(unit), as_version=4)
    cells = solved.cells if solutions else with_outputs(learner, solved).cells
    made = nbformat.v4.new_notebook(metadata=deepcopy(solved.metadata))
    made.cells = list(slides(cells))
    made.metadata["title"] = next(piece.title for piece in pieces(cells[0].source, unit))
    return made


def slides(cells: list[NotebookNode]) -> Iterator[NotebookNode]:
    """The cells of the deck, each the beginning of a slide."""
    title = ""
    for index, cell in enumerate(cells):
        marks = cell.metadata.get("nbgrader", {})
        if marks.get("grade") and not marks.get("solution"):
            continue
        if cell.cell_type == "markdown":
            asked = questions(cells[index + 1]) if index + 1 < len(cells) else []
            text = without_markers(cell.source).replace(UNWRITTEN, "").strip()
            if marks.get("solution") and len(text) <= SHORTEST_QUESTION:
                continue  # what is asked stands in the text before
            for piece in in_slides(text, title, asked):
                title = piece.title
                yield prose_slide(piece)
        elif questions(cell):
            continue  # asked on the slide of the text before
        elif marks.get("solution") or marks.get("locked"):
            yield from code_slides(cell, title)
        else:
            yield from output_slides(cell, title)


def in_slides(text: str, title: str, asked: list[str]) -> Iterator[Piece]:
    """The pieces of a text; where a prediction follows, its last paragraph and what is to be predicted come alone."""
    if not asked:
        yield from pieces(text, title)
        return
    *before, last = list(blocks(text)) or [""]
    for piece in pieces("\n\n".join(before), title):
        title = piece.title
        yield piece
    wanted = "\n\n".join(f'<p class="predict">Predict: {html.escape(each)}</p>' for each in asked)
    yield Piece(title, f"{last}\n\n{wanted}", opens=False)


def questions(cell: NotebookNode) -> list[str]:
    """What a cell asks learners to predict: the questions of its calls `predict("...", ...)`, if it does only that."""
    if cell.cell_type != "code":
        return []
    found = []
    for line in tree_of(cell.source).body:
        match line:
            case ast.Expr(ast.Call(func=ast.Name(id="predict"), args=[ast.Constant(value=question), *_])):
                found.append(str(question))
            case _:
                return []
    return found


def prose_slide(piece: Piece) -> NotebookNode:
    level = f"## {piece.title}" if piece.opens else f'<p class="section-title">{html.escape(piece.title)}</p>'
    cell = nbformat.v4.new_markdown_cell(f"{level}\n\n{piece.text}")
    return begins(cell, "slide" if piece.opens else "subslide")


def code_slides(cell: NotebookNode, title: str) -> Iterator[NotebookNode]:
    """Code that learners read or write, and what it showed."""
    source = shortened(without_markers(cell.source))
    name = cell.metadata.get("kdtutor", {}).get("exercise")
    words = f"{html.escape(title)}: exercise <code>{name}</code>" if name else html.escape(title)
    goes_on = "-" if source.count("\n") < SHORT else "subslide"  # a value to fill in stands below its question
    yield begins(nbformat.v4.new_markdown_cell(f'<p class="section-title">{words}</p>'), goes_on)
    yield begins(nbformat.v4.new_code_cell(source), "-")
    yield from output_slides(cell, title)


def output_slides(cell: NotebookNode, title: str) -> Iterator[NotebookNode]:
    """The outputs of a cell: a slide for each picture, with a note that comes before it, and one for printed text."""
    group: list[NotebookNode] = []
    for output in cell.outputs:
        data = output.get("data", {})
        if data.get("text/html", "").startswith("<details"):
            continue  # a figure in words: its picture carries them as its alternative text
        if any(kind.startswith("image/") for kind in data):
            if any(each.output_type == "stream" for each in group):
                yield from shown(group, title)
                group = []
            yield from shown([*group, output], title)
            group = []
        else:
            group.append(output)
    yield from shown(group, title)


def shown(outputs: list[NotebookNode], title: str) -> Iterator[NotebookNode]:
    if not outputs:
        return
    yield begins(nbformat.v4.new_markdown_cell(f'<p class="section-title">{html.escape(title)}</p>'), "subslide")
    cell = nbformat.v4.new_code_cell("", outputs=deepcopy(outputs), metadata={"tags": [OUTPUT_ONLY]})
    for output in cell.outputs:
        for kind, text in output.get("data", {}).items():
            if kind in ("text/html", "text/plain"):
                output.data[kind] = text.replace(NO_PREDICTION, "")
    yield begins(cell, "-")


def shortened(source: str) -> str:
    """The code as far as a slide holds it, and how much more there is."""
    lines = source.split("\n")
    if len(lines) <= MOST_LINES:
        return source
    return "\n".join([*lines[:MOST_LINES], f"# and {len(lines) - MOST_LINES} lines more, in the notebook"])


def without_markers(source: str) -> str:
    return "\n".join(line for line in source.split("\n") if not MENTION.search(line))


def begins(cell: NotebookNode, kind: str) -> NotebookNode:
    cell.metadata["slideshow"] = {"slide_type": kind}
    return cell
