"""Progress: what is kept, by whom, and that nothing is lost, kept while grading, or left after it was forgotten."""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import nbformat
import pytest

from kdtutor.authoring import execute as running
from kdtutor.checks import exercises_by_unit
from kdtutor.checks.progress import forget_progress, progress_folder, progress_of, remember_verdict
from kdtutor.checks.progress_card import ProgressCard, progress_card, states_of

UNIT = "01_soft_targets"
EXERCISES = {"soften": (), "entropy": (), "artifact": ("bytes", "latency")}


@pytest.fixture(autouse=True)
def folder(monkeypatch, tmp_path):
    monkeypatch.delenv("NBGRADER_EXECUTION", raising=False)
    monkeypatch.setenv("KDTUTOR_PROGRESS", str(tmp_path / "progress"))
    return tmp_path / "progress"


def states():
    return progress_of(UNIT, EXERCISES)


def test_an_exercise_is_untouched_then_tried_then_done_and_stays_done():
    assert states()["soften"] == "untouched"
    remember_verdict(UNIT, "soften", passed=False)
    assert states()["soften"] == "tried"
    remember_verdict(UNIT, "soften", passed=True)
    remember_verdict(UNIT, "soften", passed=False)
    assert states() == {"soften": "done", "entropy": "untouched", "artifact": "untouched"}


def test_an_exercise_with_parts_is_done_when_each_of_them_passed():
    remember_verdict(UNIT, "artifact", passed=True)
    remember_verdict(UNIT, "artifact", passed=True, part="bytes")
    assert states()["artifact"] == "tried"
    remember_verdict(UNIT, "artifact", passed=True, part="latency")
    assert states()["artifact"] == "done"


def test_the_capstone_s_file_is_done_with_its_three_clauses():
    assert exercises_by_unit()["12_capstone"]["artifact"].parts == ("bytes", "accuracy", "latency")


def test_nothing_is_kept_while_grading(monkeypatch, folder):
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    remember_verdict(UNIT, "soften", passed=True)
    assert not folder.exists()


def test_many_writers_at_once_lose_no_entry_and_leave_no_unfinished_file(folder):
    names = [f"exercise_{i}" for i in range(30)]
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda i: remember_verdict(UNIT, names[i % 30], passed=i % 2 == 0), range(240)))
    found = progress_of(UNIT, dict.fromkeys(names, ()))
    assert [found[name] for name in names] == ["done" if i % 2 == 0 else "tried" for i in range(30)]
    assert sorted(path.suffix for path in (folder / UNIT).iterdir()) == [".json"] * 30
    for path in (folder / UNIT).iterdir():
        assert set(json.loads(path.read_text())) == {"exercise", "first"}


def test_a_writer_that_is_killed_leaves_the_file_whole_or_not_there():
    program = (
        "import os; from kdtutor.checks import progress; progress.os.replace = lambda *a: os._exit(9);"
        f"progress.remember_verdict('{UNIT}', 'soften', True)"
    )
    assert subprocess.run([sys.executable, "-c", program], env=os.environ | {}, check=False).returncode == 9
    assert states()["soften"] == "untouched"
    remember_verdict(UNIT, "soften", passed=True)
    assert states()["soften"] == "done"


def test_what_is_forgotten_is_gone():
    remember_verdict(UNIT, "soften", passed=True)
    remember_verdict("02_distillation", "train_step", passed=False)
    assert forget_progress(UNIT) == 1
    assert states()["soften"] == "untouched"
    assert progress_of("02_distillation", {"train_step": ()}) == {"train_step": "tried"}
    assert forget_progress() == 1
    assert forget_progress() == 0


def test_it_is_kept_in_the_user_s_own_folder_and_never_in_the_repository(monkeypatch, tmp_path):
    monkeypatch.delenv("KDTUTOR_PROGRESS")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("HOME", str(tmp_path))
    assert progress_folder().is_relative_to(tmp_path)


def test_a_name_that_is_no_name_makes_no_file(folder):
    with pytest.raises(ValueError, match="no name of a unit"):
        remember_verdict("..", "soften", passed=True)
    assert not folder.exists()


@pytest.mark.parametrize("name", ["..", "", "../../elsewhere"])
def test_forgetting_what_is_no_unit_deletes_nothing(name):
    remember_verdict(UNIT, "soften", passed=True)
    with pytest.raises(ValueError, match="no name of a unit"):
        forget_progress(name)
    assert states()["soften"] == "done"


def test_a_program_that_calls_a_check_is_no_learner_at_work(capsys, folder):
    exec("from kdtutor.checks import check\nsoften = lambda z, T: (z / T).softmax(-1)\ncheck(soften)", {})
    assert "soften: passed" in capsys.readouterr().out
    assert not folder.exists()


def test_the_card_says_each_state_in_words_and_escapes_what_it_shows():
    assert list(states_of(UNIT, ["kd_loss", "nothing", "soften"]))[:2] == ["kd_loss", "soften"]
    card = ProgressCard("<u>", {"soften": "done", "<b>": "tried"})
    assert repr(card).startswith("<u>: 1 of 2 exercises done\nsoften done, <b> tried\nKept on this computer alone")
    assert "<b>" not in card._repr_html_()
    assert "done</li>" in card._repr_html_()


def test_the_card_of_a_unit_that_kdtutor_does_not_check_says_so(capsys):
    progress_card("99_mine")
    assert "not among the checks of kdtutor" in capsys.readouterr().out


def test_the_card_says_so_where_nothing_can_be_kept(capsys, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("KDTUTOR_PROGRESS", str(tmp_path / "file" / "progress"))
    progress_card(UNIT)
    assert "cannot be written" in capsys.readouterr().out


def test_a_check_in_a_notebook_is_kept_and_renews_the_card_above_it(monkeypatch, tmp_path):
    sources = [
        f'from kdtutor.checks import check, progress_card\nprogress_card("{UNIT}")',
        "def soften(logits, temperature): ...\ncheck(soften)",
        "def entropy(p): return p.sum(-1)\ncheck(entropy)",
        "soften = lambda z, T: (z / T).softmax(-1)\ncheck(soften)",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in sources])
    monkeypatch.delitem(running.ENVIRONMENT, "NBGRADER_EXECUTION")
    ran = running.execute(notebook, tmp_path)
    (card,) = ran.cells[0].outputs
    assert card.data["text/plain"].startswith("01_soft_targets: 1 of 6 exercises done\nsoften done, entropy tried, kl")
    assert "soften</code> done" in card.data["text/html"]
    assert str(tmp_path) not in json.dumps(ran.cells[0].outputs)
    assert states_of(UNIT)["kd_loss"] == "untouched"


def test_the_command_shows_each_exercise_with_its_mark_says_where_that_is_kept_and_forgets_it(folder):
    def kdtutor(*arguments):
        command = [sys.executable, "-m", "kdtutor", "progress", *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout

    remember_verdict(UNIT, "kl_divergence", passed=True)
    remember_verdict(UNIT, "soften", passed=False)
    shown = kdtutor(UNIT)
    for words in ("1 of 6", "✓ kl_divergence", "… soften", "○ kd_loss", "Kept on this computer alone", str(folder)):
        assert words in shown
    assert shown.index("soften") < shown.index("kl_divergence") < shown.index("which_divergence")
    assert "Entries deleted: 2." in kdtutor("--forget")
    assert "untouched" in kdtutor(UNIT)
    assert not list(folder.rglob("*.json"))
