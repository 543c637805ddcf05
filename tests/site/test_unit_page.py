"""A unit's page has the learner's text, and outputs where they are not a solution's."""

from base64 import b64encode
from hashlib import sha256

import nbformat
import pytest

from kdtutor.authoring import Course
from kdtutor.site.unit_page import descriptions, unit_page, with_note, with_outputs

PICTURE = b"not really a picture"


def printed(text: str) -> nbformat.NotebookNode:
    return nbformat.v4.new_output("stream", text=text)


def cell(name: str, source: str, *, writes: bool = False, outputs=()) -> nbformat.NotebookNode:
    metadata = {"nbgrader": {"solution": writes}}
    return nbformat.v4.new_code_cell(source, id=name, metadata=metadata, outputs=list(outputs))


def pair() -> tuple[nbformat.NotebookNode, nbformat.NotebookNode]:
    title = nbformat.v4.new_markdown_cell("# Unit\n\nIt begins.", id="title")
    picture = nbformat.v4.new_output(
        "display_data",
        data={"image/png": b64encode(PICTURE).decode()},
        metadata={"image/png": {"alt": "a bar"}},
    )
    solved = nbformat.v4.new_notebook(
        cells=[
            title,
            cell("f", "def f():\n    return 42", writes=True, outputs=[printed("42 is secret")]),
            cell("check_f", "check(f)\nassert f() == 42", outputs=[printed("f: passed")]),
            cell("shown", "show()", outputs=[picture]),
        ]
    )
    learner = nbformat.v4.new_notebook(
        cells=[
            title,
            cell("progress-card", "progress_card()"),
            cell("f", "def f():\n    ...", writes=True),
            cell("check_f", "check(f)"),
            cell("shown", "show()"),
        ]
    )
    return learner, solved


def test_text_is_the_learner_s_and_outputs_the_solved_notebook_s_except_where_a_learner_writes() -> None:
    page = with_outputs(*pair())
    assert [cell.source for cell in page.cells[1:]] == ["def f():\n    ...", "check(f)", "show()"]
    assert page.cells[1].outputs == []
    assert page.cells[2].outputs[0].text == "f: passed"
    assert "image/png" in page.cells[3].outputs[0].data


def test_a_cell_that_only_learners_have_is_left_out() -> None:
    learner, solved = pair()
    page = with_outputs(learner, solved)
    assert [cell.id for cell in page.cells] == [cell.id for cell in solved.cells]
    assert len(learner.cells) == 5


def test_a_note_below_the_title_says_where_outputs_come_from() -> None:
    first = with_note(pair()[0]).cells[0].source
    assert first.startswith("# Unit\n\n```{note}\n")
    assert "every exercise was solved" in first
    assert first.endswith("It begins.")


def test_a_picture_s_description_is_found_by_its_bytes() -> None:
    assert descriptions(pair()[1]) == {sha256(PICTURE).hexdigest(): "a bar"}


def test_notebooks_of_different_texts_are_refused_with_what_to_do(tmp_path, course: Course) -> None:
    (tmp_path / "nbgrader_config.py").write_text((course.root / "nbgrader_config.py").read_text())
    here = Course.of(tmp_path)
    learner, solved = pair()
    del learner.cells[-1]
    for path, notebook in ((here.learner_notebook("01_x"), learner), (here.solved_notebook("01_x"), solved)):
        path.parent.mkdir(parents=True)
        nbformat.write(notebook, path)
    with pytest.raises(ValueError, match="run kdtutor build 01_x"):
        unit_page(here, "01_x")
