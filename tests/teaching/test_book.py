"""The instructor's book: whole, true to its sources, in order, and out of learners' reach."""

import json
import shutil
import subprocess
from html import escape
from pathlib import Path

import pytest

from kdtutor.authoring import Course, read_unit
from kdtutor.authoring.regions import MARK_SCHEME, find_regions
from kdtutor.authoring.source import Role
from kdtutor.checks import exercises_by_unit
from kdtutor.demos.page import rooms
from kdtutor.teaching.book.answers import answers_of
from kdtutor.teaching.book.mistakes import talk
from kdtutor.teaching.book.script import Section, _share, script
from kdtutor.teaching.book.terms import terms_of
from kdtutor.teaching.book.write import EXPLORERS, chapter, write_book
from tests.browser.conftest import ARTIFACTS

COURSE = Course.of(Path(__file__))
UNIT = "01_soft_targets"
SMALL = '''\
# %% [markdown]
# # Small
#
# A first sentence.
#
# **After this unit** you can count.
#
# **Questions that the measurements below will settle**
#
# 1. How many
#    are there?
#
# | | |
# |---|---|
# | Time | 10 minutes |
# | Points | 3 |
# | You need | fingers |

# %% [markdown] instructor
# Bring **ten** apples.

# %% [markdown]
# ## Counting
#
# Look at this.

# %%
predict("how many", ...)

# %% exercise="count" difficulty=1 minutes=4
def count(things):
    """How many."""
    ### BEGIN SOLUTION
    return len(things)
    ### END SOLUTION

# %% check="count" points=2
assert count("ab") == 2

# %% experiment
explore_counting()
record("sizes", verdict="it holds")
reveal("how many", 2)

# %% [markdown]
# ## Reading critically: one too many

# %% answer="why" points=1
### BEGIN SOLUTION
x = 1
### BEGIN MARK SCHEME
# One point for a reason.
### END MARK SCHEME
### END SOLUTION
'''


def lay_out(root: Path, text: str) -> Course:
    """A course of one unit with this text, not built."""
    shutil.copyfile(COURSE.root / "nbgrader_config.py", root / "nbgrader_config.py")
    (root / "solutions" / "14_small").mkdir(parents=True)
    (root / "solutions" / "14_small" / "14_small.py").write_text(text)
    return Course.of(root)


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    return write_book(COURSE, tmp_path_factory.mktemp("book")).parent


def page_of(book: Path, unit: str) -> str:
    return (book / f"{unit}.html").read_text("utf-8")


@pytest.mark.parametrize("unit", COURSE.units)
def test_every_unit_has_a_page_with_its_aim_its_minutes_its_sections_and_its_questions(book, unit):
    text, here = page_of(book, unit), chapter(COURSE, unit)
    assert f'href="{unit}.html"' in (book / "index.html").read_text("utf-8")
    assert f"{here.terms.minutes} minutes" in text
    assert (len(here.terms.questions) >= 2) == ("**Questions that" in read_unit(COURSE.source(unit)).cells[0].source)
    assert sum(section.minutes for section in here.sections) == here.terms.minutes
    assert sum(here.points.values()) == here.terms.points
    for section in here.sections:
        for step in section.steps:
            if step.kind == "ask":
                assert escape(step.text) in text
                assert step.answer, f"{unit}: nothing is measured for {step.text!r}"
    assert any(step.kind == "show" and len(step.text) > 40 for section in here.sections for step in section.steps)


@pytest.mark.parametrize("unit", list(exercises_by_unit()))
def test_every_known_mistake_is_there_by_name_with_what_the_learner_reads_and_every_hint(book, unit):
    text = page_of(book, unit)
    for exercise in exercises_by_unit()[unit].values():
        for mistake in exercise.mistakes:
            assert escape(mistake.name) in text
            assert escape(mistake.message) in text
        for hint in exercise.hints:
            assert escape(hint) in text
        for law in exercise.laws:
            assert escape(law.name) in text


@pytest.mark.parametrize("unit", COURSE.units)
def test_every_answer_that_a_person_marks_has_its_sample_and_its_rubric(unit, book):
    read = read_unit(COURSE.source(unit))
    marked = {cell.name: cell for cell in read.cells if cell.role is Role.ANSWER}
    answers = answers_of(read)
    assert [answer.name for answer in answers] == list(marked)
    for answer in answers:
        regions, _ = find_regions(marked[answer.name].source, marked[answer.name].kind)
        assert any(region.kind == MARK_SCHEME for region in regions) == bool(answer.rubric)
        assert len(answer.rubric) > 80, f"{unit}: {answer.name} has no rubric"
        assert len(answer.sample) > 80
        assert answer.question
        assert "MARK SCHEME" not in answer.rubric + answer.sample
        assert f"<code>{answer.name}</code>" in page_of(book, unit)


def test_the_book_lies_where_git_ignores_it_and_nothing_of_the_course_leads_there():
    ignored = subprocess.run(["git", "check-ignore", "grading/book/index.html"], cwd=COURSE.root, check=False)
    assert ignored.returncode == 0
    for path in COURSE.released.rglob("*.ipynb"):
        assert "grading/book" not in path.read_text("utf-8")
    for shared in (COURSE.released, COURSE.solutions / "book"):
        with pytest.raises(ValueError, match="goes to no learner"):
            write_book(COURSE, shared)


def test_a_folder_with_something_else_in_it_is_left_alone(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="something else than the book"):
        write_book(COURSE, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_writing_it_again_replaces_it_and_gives_the_same_pages(book):
    before = {path.name: path.read_bytes() for path in book.iterdir()}
    write_book(COURSE, book)
    assert {path.name: path.read_bytes() for path in book.iterdir()} == before


def test_what_was_measured_and_its_verdict_are_said_as_results_json_has_them(book):
    results = json.loads(COURSE.source(UNIT).with_name("results.json").read_text())
    assert escape(results["gradient"]["verdict"]) in page_of(book, UNIT)


def test_a_small_unit_gives_the_script_that_it_asks_for(tmp_path):
    from nbformat.v4 import new_output

    from kdtutor.authoring.notebook import to_notebook

    course = lay_out(tmp_path, SMALL)
    unit = read_unit(course.source("14_small"))
    notebook = to_notebook(unit)
    experiment = next(cell for cell in notebook.cells if "explore_counting" in cell.source)
    experiment.outputs = [
        new_output(
            "display_data",
            {"text/plain": "how many\nMeasured: 2. You made no prediction; the next one is worth a guess."},
        ),
        new_output("display_data", {"image/png": "iVBO\n"}, metadata={"image/png": {"alt": "Two things."}}),
    ]
    terms = terms_of(unit)
    assert (terms.title, terms.aim, terms.minutes, terms.points) == ("Small", "you can count.", 10, 3)
    assert terms.questions == ("How many are there?",)
    found = script(unit, notebook, {"sizes": {"verdict": "it holds"}}, 10)
    assert [(section.title, [(step.kind, step.text, step.answer) for step in section.steps]) for section in found] == [
        ("Opening", [("say", "A first sentence.", ""), ("note", "Bring **ten** apples.", "")]),
        (
            "Counting",
            [
                ("say", "Look at this.", ""),
                ("ask", "how many", "2"),
                ("build", "`count`, 4 minutes, difficulty 1 of 5", ""),
                ("open", "the explorer counting", ""),
                ("surprise", "how many", "2"),
                ("show", "Two things.", ""),
                ("surprise", "The measured verdict", "sizes: it holds"),
            ],
        ),
        (
            "Reading critically: one too many",
            [
                ("read", "Let them run the fault as it was published, say what is wrong, and mend it.", ""),
                ("build", "`why`: an answer that a person marks, 1 point", ""),
            ],
        ),
    ]
    assert sum(section.minutes for section in found) == 10
    assert found[1].minutes >= 4
    (answer,) = answers_of(unit)
    assert (answer.sample, answer.rubric) == ("x = 1", "One point for a reason.")


def test_a_unit_without_terms_says_which_it_lacks(tmp_path):
    course = lay_out(tmp_path, SMALL.replace("# | Time | 10 minutes |\n", ""))
    with pytest.raises(ValueError, match="rows Time and Points"):
        terms_of(read_unit(course.source("14_small")))


def test_minutes_are_whole_and_add_up_also_where_exercises_ask_for_more_than_there_is():
    sections = [Section("a", exercises=20, weight=1), Section("b", exercises=25), Section("c", weight=9)]
    _share(sections, 30)
    assert [section.minutes for section in sections] == [13, 17, 0]
    _share(sections, 60)
    assert [section.minutes for section in sections] == [22, 25, 13]


def test_a_mistake_is_shown_on_the_example_and_a_value_as_the_answer_it_is():
    units = exercises_by_unit()
    entropy = talk("entropy", units[UNIT]["entropy"])
    assert entropy.right == "0.6931"
    assert {mistake.name: mistake.effect for mistake in entropy.mistakes}["sign"] == "-0.6931"
    choice = talk("which_divergence", units[UNIT]["which_divergence"])
    assert choice.is_value
    assert choice.right == "'KL(student || teacher)'"


def test_the_explorers_that_go_with_a_unit_are_there():
    assert {name for names in EXPLORERS.values() for name in names} == rooms().keys()
    assert all(any(unit.startswith(number) for unit in COURSE.units) for number in EXPLORERS)


@pytest.mark.browser
def test_a_browser_sets_the_formulas_and_asks_no_other_host(page, book):
    asked, said = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.goto((book / f"{UNIT}.html").as_uri())
    page.wait_for_selector("mjx-container", timeout=60_000)
    page.wait_for_function("!document.body.innerText.includes('$')", timeout=60_000)
    assert page.locator("img").count() >= 5
    page.screenshot(path=ARTIFACTS / "book.png")
    page.goto((book / "index.html").as_uri())
    page.get_by_role("link", name="02 Distillation").click()
    page.wait_for_selector("text=Known mistakes")
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert said == []
