"""From records to pages, by our command and by nbgrader's own: the same page, and only of records that are believed."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_output

from kdtutor.authoring.regions import find_regions, hidden_lines
from kdtutor.grading import places
from kdtutor.grading.gradebook.by_person import by_person, opened
from kdtutor.grading.pages.feedback_pages import words_of, write_feedback
from kdtutor.grading.records.record import Check, record_path
from tests.grading.course_folder import course_in, keep
from tests.grading.pages import EACH_KIND, UNIT, assert_inert, record

SCRIPT = "<script>document.title = 'owned'</script>"
ANSWER = {"grade": True, "grade_id": "why_soft", "locked": False, "points": 3, "schema_version": 3, "solution": True}
ANSWER |= {"cell_type": "markdown", "task": False}


@pytest.fixture
def course(tmp_path):
    """The first unit, with an answer that a person marks."""
    course = course_in(tmp_path / "course")
    released = nbformat.read(course.learner_notebook(UNIT), as_version=4)
    released.cells.append(new_markdown_cell("*Your answer here.*", metadata={"nbgrader": ANSWER}))
    nbformat.write(released, course.learner_notebook(UNIT))
    return course


@pytest.fixture
def with_marks(course):
    """A gradebook in which a person has marked ada's answer, changed the points of a check and commented on both."""
    with nbgrader_quiet():
        from nbgrader.api import Gradebook

        with Gradebook(course.gradebook) as book:
            book.add_assignment(UNIT)
            book.add_notebook(UNIT, UNIT)
            for name, points in (("check_soften", 2), ("check_kd_loss", 3)):
                book.add_grade_cell(name, UNIT, UNIT, max_score=points, cell_type="code")
            book.add_grade_cell("why_soft", UNIT, UNIT, max_score=3, cell_type="markdown")
            for name in ("soften", "why_soft"):
                book.add_solution_cell(name, UNIT, UNIT)
            for learner in ("ada", "bob"):
                book.add_student(learner)
                book.add_submission(UNIT, learner)
            soften, kd_loss, answer = (
                book.find_grade(name, UNIT, UNIT, "ada") for name in ("check_soften", "check_kd_loss", "why_soft")
            )
            soften.auto_score, soften.needs_manual_grade = 2, False
            kd_loss.auto_score, kd_loss.manual_score, kd_loss.needs_manual_grade = 0, 1.5, False
            answer.manual_score, answer.extra_credit, answer.needs_manual_grade = 2, 0.5, False
            book.find_comment("why_soft", UNIT, UNIT, "ada").manual_comment = f"Well said. {SCRIPT}"
            book.find_comment("soften", UNIT, UNIT, "ada").auto_comment = "No response."
            book.find_submission_notebook(UNIT, UNIT, "ada").late_submission_penalty = 1
            book.db.commit()
    return course


@contextmanager
def nbgrader_quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def write_graded(course, given, *, of_record=None):
    """A graded notebook with all that must not be handed on: whole tests, scripts in text, outputs and metadata."""
    solved = nbformat.read(course.solved_notebook(UNIT), as_version=4)
    html = new_output("display_data", data={"text/html": SCRIPT, "text/plain": SCRIPT})
    solved.cells.append(new_markdown_cell(SCRIPT))
    solved.cells.append(new_code_cell(SCRIPT, outputs=[html]))
    for cell in solved.cells:
        if cell.metadata.get("nbgrader", {}).get("grade_id") == "soften":
            cell.source = f"def soften(logits, temperature):\n    return {SCRIPT!r}"
        if cell.metadata.get("nbgrader", {}).get("grade"):
            cell.outputs = [new_output("error", ename="AssertionError", evalue="", traceback=cell.source.splitlines())]
    solved.metadata["title"] = SCRIPT
    solved.metadata["kdtutor"] = {"record": of_record or given.signature, "submission_sha256": given.submission_sha256}
    path = places.autograded(course, UNIT, given.learner)
    path.parent.mkdir(parents=True)
    nbformat.write(solved, path)
    return path


def hidden_test_lines(course):
    solved = nbformat.read(course.solved_notebook(UNIT), as_version=4)
    lines = set()
    for cell in solved.cells:
        if cell.metadata.get("nbgrader", {}).get("grade"):
            regions, _ = find_regions(cell.source, "code")
            lines |= {line.strip() for _, line in hidden_lines(cell.source, regions)}
    assert len(lines) > 20
    return {line for line in lines if len(line) > 15}


def by_nbgrader(course, learner="*"):
    """`nbgrader generate_feedback`: what its command and the formgrader's button run, errors raised."""
    with nbgrader_quiet():
        from nbgrader.converters import GenerateFeedback
        from nbgrader.coursedir import CourseDirectory

        log = logging.Logger("nbgrader", logging.CRITICAL)
        folders = CourseDirectory(config=course.config, log=log, assignment_id=UNIT, student_id=learner)
        task = GenerateFeedback(coursedir=folders, config=course.config, log=log)
        task.force = True
        task.start()


def test_each_learner_s_page_lies_where_nbgrader_keeps_feedback(course):
    keep(course, record("ada"), record("Ада", [Check("soften", 2, "passed")]))
    written = list(write_feedback(course, UNIT))
    assert [page.learner for page in written] == ["ada", "Ада"]
    for page in written:
        assert page.path == course.root / "grading" / "feedback" / page.learner / UNIT / f"{UNIT}.html"
        text = assert_inert(page.path.read_text(encoding="utf-8")).text
        assert "Soft targets" in text
        assert page.learner in text
        assert page.path.stat().st_mode & 0o777 == 0o644
    assert [path.name for path in written[0].path.parent.iterdir()] == [f"{UNIT}.html"]


def test_one_learner_can_be_asked_for(course):
    keep(course, record("ada"), record("bob"))
    assert [page.learner for page in write_feedback(course, UNIT, only="bob")] == ["bob"]
    assert not places.feedback_page(course, UNIT, "ada").exists()
    with pytest.raises(ValueError, match="no record of eve"):
        list(write_feedback(course, UNIT, only="eve"))


def test_what_was_changed_after_grading_gets_no_page_and_stops_nobody_else(course):
    keep(course, record("ada"), record("bob"), record("eve"))
    folder = record_path(places.records_folder(course), UNIT, "ada").parent
    better = (folder / "bob.json").read_bytes().replace(b'"repairs":[]', b'"repairs":["x"]')
    (folder / "bob.json").write_bytes(better)
    (folder / "mallory.json").write_bytes((folder / "ada.json").read_bytes())  # signed, but another's
    (folder / "zoe.json").write_bytes(b"{}")
    problems = {page.learner: page.problem for page in write_feedback(course, UNIT)}
    assert problems["ada"] is problems["eve"] is None
    assert "signature is not this course's" in problems["bob"]
    assert "the record of ada" in problems["mallory"]
    assert "zoe.json: the record lacks" in problems["zoe"]
    assert not (course.root / "grading" / "feedback" / "mallory").exists()


def test_without_records_or_key_it_says_what_to_do_and_makes_no_key(course):
    with pytest.raises(FileNotFoundError, match="run `kdtutor grade 01_soft_targets` first"):
        list(write_feedback(course, UNIT))
    assert not places.key_file(course).exists()
    keep(course, record())
    places.key_file(course).unlink()
    with pytest.raises(FileNotFoundError, match="put back a copy"):
        list(write_feedback(course, UNIT))
    assert not places.key_file(course).exists()


def test_a_unit_that_is_not_built_is_said_to_be_so(course):
    with pytest.raises(FileNotFoundError, match="kdtutor build 09_nothing"):
        words_of(course, "09_nothing")


def test_a_learner_s_own_text_is_shown_only_from_the_notebook_of_this_record(course):
    given, other = keep(course, record("ada"), record("bob"))
    write_graded(course, given)
    write_graded(course, other, of_record="0" * 64)
    ada, bob = (assert_inert(page.path.read_text(encoding="utf-8")) for page in write_feedback(course, UNIT))
    assert "def soften(logits, temperature):" in "".join(ada.of("pre"))
    assert bob.of("pre") == []


def test_nbgrader_s_own_command_gives_the_very_same_page(with_marks):
    course = with_marks
    (given,) = keep(course, record("ada", repairs=["The file is not UTF-8 text."]))
    write_graded(course, given)
    ours = next(write_feedback(course, UNIT)).path
    page = ours.read_bytes()
    ours.unlink()
    by_nbgrader(course)
    assert ours.read_bytes() == page
    text = assert_inert(page.decode()).text
    assert "5 of 15 points" in text  # 2 passed, 1.5 for kd_loss by hand, 2.5 for the answer, 1 off for being late
    assert "Well said." in text
    assert "No response." not in text


def test_no_page_of_either_command_holds_a_line_of_the_hidden_tests_or_a_script(course):
    given, other = keep(course, record("ada"), record("bob", EACH_KIND[:2]))
    for one in (given, other):
        write_graded(course, one)
    hidden = hidden_test_lines(course)
    pages = [page.path for page in write_feedback(course, UNIT)]
    for make in (lambda: None, lambda: by_nbgrader(course)):
        make()
        for path in pages:
            shown = assert_inert(path.read_text(encoding="utf-8"))
            assert not {line for line in hidden if line in shown.text}
            assert SCRIPT not in path.read_text(encoding="utf-8")


def test_the_formgrader_s_button_gives_that_page_too(course):
    (given,) = keep(course, record("ada"))
    write_graded(course, given)
    page = next(write_feedback(course, UNIT)).path.read_bytes()
    with nbgrader_quiet():
        from nbgrader.apps.api import NbGraderAPI
        from nbgrader.coursedir import CourseDirectory

        api = NbGraderAPI(CourseDirectory(config=course.config), config=course.config)
        outcome = api.generate_feedback(UNIT, "ada", force=True)
    assert outcome["success"], outcome
    assert places.feedback_page(course, UNIT, "ada").read_bytes() == page


def test_nbgrader_hands_back_no_file_of_the_learner_s(course):
    (given,) = keep(course, record("ada"))
    folder = write_graded(course, given).parent
    (folder / "evil.html").write_text(SCRIPT)
    (folder / "more").mkdir()
    (folder / "more" / "evil.svg").write_text(SCRIPT)
    (folder / "timestamp.txt").write_text("2026-11-21 09:00:00 UTC")
    by_nbgrader(course)
    page = places.feedback_page(course, UNIT, "ada")
    assert sorted(path.name for path in page.parent.rglob("*") if path.is_file()) == [page.name, "timestamp.txt"]


def test_nbgrader_says_who_has_no_record_and_goes_on_with_the_others(course):
    given, other = keep(course, record("ada"), record("bob"))
    for one in (given, other):
        write_graded(course, one)
    record_path(places.records_folder(course), UNIT, "ada").unlink()
    from nbgrader.converters import NbGraderException

    with pytest.raises(NbGraderException):
        by_nbgrader(course)
    assert not places.feedback_page(course, UNIT, "ada").exists()
    assert places.feedback_page(course, UNIT, "bob").is_file()


def test_marks_of_a_person_are_read_from_the_gradebook(with_marks):
    with opened(with_marks.gradebook) as book:
        ada, bob, nobody = (by_person(book, UNIT, learner) for learner in ("ada", "bob", "eve"))
    assert (ada.marks["check_soften"].earned, ada.marks["check_soften"].by_hand) == (2, False)
    assert (ada.marks["check_kd_loss"].earned, ada.marks["check_kd_loss"].by_hand) == (1.5, True)
    assert (ada.marks["why_soft"].earned, ada.marks["why_soft"].points) == (2.5, 3)
    assert list(ada.comments) == ["why_soft"]
    assert ada.late == 1
    assert bob.marks["why_soft"].earned is None
    assert nobody.marks == {}


def test_a_gradebook_that_is_not_there_is_not_made(course):
    keep(course, record())
    list(write_feedback(course, UNIT))
    assert not (course.root / "grading" / "gradebook.db").exists()
