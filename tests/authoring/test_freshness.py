"""A tree as built says nothing; each way of being stale or leaking says so with the file and the remedy."""

import json
import shutil

import nbformat
import pytest

from kdtutor.authoring import check_built, leaks, stale
from tests.authoring.conftest import TEXT, UNIT

SOLVED, LEARNER = f"solutions/{UNIT}/{UNIT}.ipynb", f"course/{UNIT}/{UNIT}.ipynb"
AGAIN = f"run kdtutor build {UNIT}"


def edit(path, change):
    notebook = nbformat.read(path, as_version=4)
    change({cell.id: cell for cell in notebook.cells}, notebook)
    nbformat.write(notebook, path)


def test_a_built_course_is_fresh_and_shows_nothing_hidden(built_once):
    assert check_built(built_once.root) == []
    assert leaks(UNIT, built_once.root) == []


def test_a_course_that_was_never_built_misses_everything(course):
    sentences = stale(UNIT, course.root)
    assert f"{SOLVED} is missing: {AGAIN}" in sentences
    assert f"{LEARNER} is missing: {AGAIN}" in sentences
    assert f"course/{UNIT}/results.json is missing: {AGAIN}" in sentences


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("# Read this.", "# Read that.", f"{SOLVED} has other cells than its source"),
        (
            "return twice_as_much",
            "return 1 * twice_as_much",
            f"{SOLVED}: cell double differs from the source in its source",
        ),
        ("minutes=5", "minutes=6", f"{SOLVED}: cell double differs from the source in its metadata"),
        ("points=2\n", "points=4\n", f"{LEARNER} is not what the source builds: {AGAIN}"),
        ("points=2\n", "points=2\n\n", f"{SOLVED} was built from another text of its source"),
    ],
)
def test_a_changed_source_makes_its_notebooks_stale(built, old, new, words):
    built.source(UNIT).write_text(TEXT.replace(old, new))
    assert any(words in sentence for sentence in check_built(built.root)), check_built(built.root)


def never_run(cells, _):
    cells["tools"].execution_count = None


def failed(cells, _):
    cells["tools"].outputs = [nbformat.v4.new_output("error", ename="ValueError", evalue="no", traceback=[])]


def warned(cells, _):
    cells["tools"].outputs = [nbformat.v4.new_output("stream", name="stderr", text="UserWarning: soon\n")]


def new_id(cells, _):
    cells["tools"].id = "other"


def edited(cells, _):
    cells["double"].source += "\n# by hand"


def opened_in_jupyter(_, notebook):
    notebook.metadata.language_info.version = "3.12.1"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (never_run, "cell tools has not been run"),
        (failed, "cell tools shows ValueError: no"),
        (warned, "cell tools shows output on stderr: UserWarning: soon"),
        (new_id, "has other cells than its source"),
        (edited, "cell double differs from the source in its source"),
        (opened_in_jupyter, "was built from another text of its source, or its metadata was edited"),
    ],
)
def test_a_solved_notebook_edited_by_hand_or_run_badly_is_stale(built, change, words):
    edit(built.solved_notebook(UNIT), change)
    sentences = check_built(built.root)
    assert len(sentences) == 1
    assert sentences[0].startswith(SOLVED)
    assert words in sentences[0]
    assert AGAIN in sentences[0]


@pytest.mark.parametrize("text", ["", "{", '{"cells": 3}', "[]"])
def test_a_damaged_solved_notebook_is_named(built, text):
    built.solved_notebook(UNIT).write_text(text)
    assert any(sentence.startswith(f"{SOLVED} is not a notebook") for sentence in stale(UNIT, built.root))


def test_the_learner_s_folder_is_held_byte_for_byte(built):
    path = built.learner_notebook(UNIT)
    path.write_bytes(path.read_bytes() + b"\n")
    (path.parent / "results.json").write_text("{}")
    (path.parent / "notes.txt").write_text("mine")
    (path.parent / ".ipynb_checkpoints").mkdir()
    (path.parent / ".ipynb_checkpoints" / "copy.ipynb").write_text("{}")
    assert check_built(built.root) == [
        f"{LEARNER} is not what the source builds: {AGAIN}",
        f"course/{UNIT}/notes.txt is not part of what the source builds: {AGAIN}, or remove it",
        f"course/{UNIT}/results.json is not what the source builds: {AGAIN}",
    ]


def test_checking_changes_nothing(built):
    def state():
        return {path: path.stat().st_mtime_ns for path in built.root.rglob("*") if path.is_file()}

    before = state()
    check_built(built.root)
    leaks(UNIT, built.root)
    assert state() == before


def test_a_unit_without_a_source_is_named_in_both_trees(built):
    shutil.copytree(built.released / UNIT, built.released / "99_orphan")
    shutil.copytree(built.solutions / UNIT, built.solutions / "99_orphan", ignore=shutil.ignore_patterns("*.py"))
    assert check_built(built.root) == [
        f"{tree}/99_orphan holds a notebook that no source builds: solutions/99_orphan/99_orphan.py is missing"
        for tree in ("solutions", "course")
    ]


def test_a_source_with_problems_is_stale_with_its_problems(built):
    built.source(UNIT).write_text(TEXT.replace("minutes=5", "minute=5"))
    assert stale(UNIT, built.root)[0].startswith(f"solutions/{UNIT}/{UNIT}.py:12: unknown key minute")


@pytest.mark.parametrize(
    "secret",
    [
        "twice_as_much = number + number",
        'assert double(pi) == 2 * pi, "works for fractions"',
        "Because doubling is addition of a number to itself.",
        "Three points for addition.",
        'print("any picture of the doubles")',
    ],
)
@pytest.mark.parametrize("place", ["notebook", "json", "text", "html", "source"])
def test_a_hidden_line_is_found_wherever_it_stands(built, secret, place):
    import html

    folder = built.released / UNIT
    line = TEXT[: TEXT.index(secret)].count("\n") + 1
    if place == "notebook":
        edit(built.learner_notebook(UNIT), lambda cells, _: cells["tools"].update(source=f"# {secret}"))
        name = f"{UNIT}.ipynb"
    elif place == "source":
        shutil.copy(built.source(UNIT), folder)
        name = f"{UNIT}.py"
    else:
        name = f"notes.{place}"
        written = {"json": json.dumps({"line": secret}), "text": secret, "html": html.escape(secret)}[place]
        (folder / name).write_text(written)
    found = leaks(UNIT, built.root)
    assert f"course/{UNIT}/{name} shows line {line} of solutions/{UNIT}/{UNIT}.py, which is hidden: {secret}" in found
    assert place == "source" or len(found) == 1


def test_a_hidden_line_that_the_text_shows_as_well_is_no_leak(built):
    shown = TEXT.replace("prediction = 3\n", "prediction = 3\ntwice_as_much = number + number\n")
    built.source(UNIT).write_text(shown)
    edit(built.learner_notebook(UNIT), lambda cells, _: cells["tools"].update(source="twice_as_much = number + number"))
    assert leaks(UNIT, built.root) == []
