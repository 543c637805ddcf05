"""Taking in a class from a folder: every learner gets a submission or a sentence, whatever lies in it."""

import os
from pathlib import Path

import pytest

from kdtutor.grading.handed_in import intake
from kdtutor.grading.handed_in.files import A_FOLDER, A_LINK, TOO_LARGE
from kdtutor.grading.handed_in.intake import Submission, submissions
from kdtutor.grading.handed_in.submitted_cells import LARGEST
from tests.grading.handed_in_class import MEMBERS, UNIT, archive_of, folder_of, outcome


@pytest.mark.parametrize("layout", MEMBERS)
def test_a_class_is_found_in_a_folder(tmp_path, layout):
    assert outcome(submissions(folder_of(tmp_path / "class", MEMBERS[layout]), UNIT)) == {"ada": b"a", "bob": b"b"}


def test_other_units_and_hidden_files_are_passed_over(tmp_path):
    place = folder_of(
        tmp_path,
        {
            f"ada/{UNIT}/{UNIT}.ipynb": b"a",
            f"ada/{UNIT}/.ipynb_checkpoints/{UNIT}-checkpoint.ipynb": b"old",
            f"ada/{UNIT}/timestamp.txt": b"2026-11-21 10:00:00 UTC",
            f"ada/{UNIT}/helper.py": b"import this",
            "ada/00_start_here/00_start_here.ipynb": b"other",
            "bob/00_start_here/00_start_here.ipynb": b"other",
            f"__MACOSX/ada/{UNIT}/._{UNIT}.ipynb": b"fork",
            ".DS_Store": b"",
            "README.md": b"",
            "grades.csv": b"",
        },
    )
    assert outcome(submissions(place, UNIT)) == {"ada": b"a"}


def test_one_notebook_is_a_class_of_one(tmp_path):
    place = folder_of(tmp_path, {f"ada/{UNIT}/{UNIT}.ipynb": b"a"})
    assert outcome(submissions(place / "ada" / UNIT / f"{UNIT}.ipynb", UNIT)) == {"ada": b"a"}
    assert outcome(submissions(place / "ada" / UNIT, UNIT)) == {"ada": b"a"}
    assert outcome(submissions(place / "ada", UNIT)) == {"ada": b"a"}


def test_a_learner_s_own_folder_gives_this_unit_alone(tmp_path):
    units = {f"{UNIT}/{UNIT}.ipynb": b"a", "00_start_here/00_start_here.ipynb": b"other"}
    assert outcome(submissions(folder_of(tmp_path / "ada", units), UNIT)) == {"ada": b"a"}


def test_an_empty_folder_is_an_empty_class(tmp_path):
    assert submissions(tmp_path, UNIT) == []


def test_two_learners_of_one_name_keep_the_platform_s_numbers(tmp_path):
    place = folder_of(
        tmp_path, {f"ada_1_9_{UNIT}.ipynb": b"a", f"ada_2_8_{UNIT}.ipynb": b"b", f"eve_3_{UNIT}.ipynb": b"e"}
    )
    assert outcome(submissions(place, UNIT)) == {"ada_1": b"a", "ada_2": b"b", "eve": b"e"}


def test_a_learner_who_is_there_twice_is_told_and_nobody_else_is_touched(tmp_path):
    place = folder_of(tmp_path, {f"ada_{UNIT}.ipynb": b"a", f"ada/{UNIT}.ipynb": b"A", f"bob_{UNIT}.ipynb": b"b"})
    found = outcome(submissions(place, UNIT))
    assert found["bob"] == b"b"
    words = f"There are 2 files for this unit (ada/{UNIT}.ipynb, ada_{UNIT}.ipynb) and only one can count: leave one."
    assert found["ada"] == words


def test_the_best_named_file_of_a_learner_counts(tmp_path):
    members = {
        f"ada/{UNIT}/{UNIT}.ipynb": b"a",
        f"ada/{UNIT}/{UNIT}-Copy1.ipynb": b"b",
        f"ada/{UNIT}/notes.ipynb": b"c",
    }
    assert outcome(submissions(folder_of(tmp_path, members), UNIT)) == {"ada": b"a"}


def test_a_single_misnamed_notebook_in_the_unit_s_folder_counts(tmp_path):
    assert outcome(submissions(folder_of(tmp_path, {f"ada/{UNIT}/Untitled.ipynb": b"a"}), UNIT)) == {"ada": b"a"}


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({f"ada/{UNIT}/solution.pdf": b"x"}, "'solution.pdf' but no notebook"),
        ({"ada_1_assignsubmission_file_/work.zip": b"x"}, "'work.zip' but no notebook"),
        ({f"ada_1_{UNIT}.py": b"x"}, "but no notebook"),
        ({f"ada/{UNIT}/{UNIT}.ipynb/inner.txt": b"x"}, A_FOLDER),
        ({f"ada_1_{UNIT}.ipynb/inner.txt": b"x"}, A_FOLDER),
        ({f"ada/{UNIT}": b"x"}, "but no notebook"),
    ],
)
def test_a_learner_without_a_notebook_is_told_so(tmp_path, members, words):
    members = members | {f"bob/{UNIT}/{UNIT}.ipynb": b"b"}
    for place in (folder_of(tmp_path / "class", members), archive_of(tmp_path / "class.zip", members)):
        found = outcome(submissions(place, UNIT))
        assert found.keys() == {"ada", "bob"}
        assert words in found["ada"]
        assert found["bob"] == b"b"


def test_an_empty_folder_of_the_unit_is_said(tmp_path):
    (tmp_path / "ada" / UNIT).mkdir(parents=True)
    assert outcome(submissions(tmp_path, UNIT)) == {"ada": f"The folder holds no notebook: hand in {UNIT}.ipynb."}


def test_a_file_over_the_limit_is_refused_unread(tmp_path):
    place = folder_of(tmp_path, {f"ada_{UNIT}.ipynb": b"", f"bob_{UNIT}.ipynb": b"b"})
    os.truncate(place / f"ada_{UNIT}.ipynb", 200 * 2**20)
    assert outcome(submissions(place, UNIT)) == {"ada": TOO_LARGE, "bob": b"b"}


def test_a_file_at_the_limit_is_read(tmp_path):
    place = folder_of(tmp_path, {f"ada_{UNIT}.ipynb": b""})
    os.truncate(place / f"ada_{UNIT}.ipynb", LARGEST)
    (only,) = submissions(place, UNIT)
    assert only.data is not None
    assert len(only.data) == LARGEST


def test_links_are_not_followed(tmp_path):
    secret = folder_of(tmp_path / "elsewhere", {f"{UNIT}/{UNIT}.ipynb": b"secret", "x.ipynb": b"secret"})
    place = folder_of(tmp_path / "class", {f"bob/{UNIT}/{UNIT}.ipynb": b"b", f"ada/{UNIT}/x": b""})
    (place / "ada" / UNIT / f"{UNIT}.ipynb").symlink_to(secret / "x.ipynb")
    (place / "cid").symlink_to(secret, target_is_directory=True)
    (place / "dan").mkdir()
    (place / "dan" / UNIT).symlink_to(secret / UNIT, target_is_directory=True)
    (place / "eve").mkdir()
    (place / "eve" / UNIT).symlink_to(place / "bob" / UNIT, target_is_directory=True)
    (place / f"fay_{UNIT}.ipynb").symlink_to(place / "nowhere")
    assert outcome(submissions(place, UNIT)) == {"bob": b"b"} | dict.fromkeys(
        ("ada", "cid", "dan", "eve", "fay"), A_LINK
    )


def test_a_place_that_is_a_link_itself_is_the_instructor_s_choice(tmp_path):
    folder_of(tmp_path / "real", {f"ada_{UNIT}.ipynb": b"a"})
    (tmp_path / "link").symlink_to(tmp_path / "real", target_is_directory=True)
    assert outcome(submissions(tmp_path / "link", UNIT)) == {"ada": b"a"}


def test_a_loop_of_links_ends(tmp_path):
    (tmp_path / "loop").symlink_to(tmp_path, target_is_directory=True)
    assert outcome(submissions(tmp_path, UNIT)) == {"loop": A_LINK}


def test_a_pipe_in_place_of_a_notebook_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / f"ada_{UNIT}.ipynb")
    assert "no ordinary file" in outcome(submissions(tmp_path, UNIT))["ada"]


def test_what_may_not_be_read_costs_its_owner_only(tmp_path, monkeypatch):
    place = folder_of(tmp_path, {f"bob_{UNIT}.ipynb": b"b", f"eve_{UNIT}.ipynb": b"e"})
    opened = os.open

    def refusing(path, flags, *more):  # a mode of 0 would not stop root
        if Path(path) == place / f"bob_{UNIT}.ipynb":
            raise PermissionError(13, "Permission denied")
        return opened(path, flags, *more)

    monkeypatch.setattr(os, "open", refusing)
    found = outcome(submissions(place, UNIT))
    assert "permission denied" in found["bob"]
    assert found["eve"] == b"e"


def test_an_unreadable_folder_is_its_owner_s_problem(tmp_path, monkeypatch):
    place = folder_of(tmp_path, {f"ada/{UNIT}/{UNIT}.ipynb": b"a", f"bob/{UNIT}/{UNIT}.ipynb": b"b"})
    scandir = os.scandir

    def refusing(folder):
        if Path(folder) == place / "ada" / UNIT:
            raise PermissionError(13, "Permission denied")
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", refusing)
    assert outcome(submissions(place, UNIT)) == {"ada": "The folder cannot be opened: permission denied.", "bob": b"b"}


def test_a_class_that_fills_the_memory_is_cut_at_its_limit(tmp_path, monkeypatch):
    monkeypatch.setattr(intake, "LARGEST_CLASS", 25)
    place = folder_of(tmp_path, {f"{name}_{UNIT}.ipynb": b"0123456789" for name in ("ada", "bob", "cid", "dan")})
    found = outcome(submissions(place, UNIT))
    assert [isinstance(each, bytes) for each in found.values()] == [True, True, False, False]
    assert "graded in parts" in str(found["dan"])


def test_the_instructor_is_told_what_is_wrong_with_the_place(tmp_path):
    with pytest.raises(FileNotFoundError, match="is not there"):
        submissions(tmp_path / "nowhere", UNIT)
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(ValueError, match="neither a folder, nor a zip archive, nor a notebook"):
        submissions(tmp_path / "notes.txt", UNIT)


def test_a_submission_has_either_data_or_a_problem():
    with pytest.raises(ValueError, match="either data or a problem"):
        Submission("ada", "x")
    with pytest.raises(ValueError, match="either data or a problem"):
        Submission("ada", "x", b"", "broken")
