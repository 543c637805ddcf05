"""The command line: what it offers, and one sentence with exit status 1 where something is wrong."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def kdtutor(*arguments: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "kdtutor", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120, check=False)


def test_help_names_every_command():
    shown = kdtutor("--help").stdout
    commands = (
        *("lab", "build", "results", "validity", "doctor", "grade", "feedback", "report", "check"),
        *("grade-demo", "bench", "site"),
    )
    for command in commands:
        assert command in shown


def test_doctor_says_what_this_machine_has():
    outcome = kdtutor("doctor")
    assert outcome.returncode == 0
    for word in ("Python", "torch", "device", "memory", "data", "browser", "sandbox", "attacks stopped"):
        assert word in outcome.stdout


def test_doctor_says_what_is_missing_and_how_to_get_it(monkeypatch, tmp_path):
    from kdtutor import doctor
    from kdtutor.grading.sandbox import probe

    monkeypatch.setenv("PATH", str(tmp_path))
    probe.cache_clear()
    try:
        missing = {finding.what: finding for finding in doctor.examine_machine() if not finding.fine}
    finally:
        probe.cache_clear()
    assert "apt-get install chromium" in missing["browser"].remedy
    assert "apt-get install bubblewrap" in missing["sandbox for grading"].remedy


def test_validity_shows_the_matrix_of_a_unit():
    outcome = kdtutor("validity", "00_start_here")
    assert outcome.returncode == 0
    assert "top_1_accuracy" in outcome.stdout
    assert "7 of 7" in outcome.stdout


@pytest.mark.parametrize("arguments", [("validity", "99_nothing"), ("build", "99_nothing"), ("results", "99_nothing")])
def test_an_unknown_unit_is_one_sentence_and_exit_status_one(arguments):
    outcome = kdtutor(*arguments)
    assert outcome.returncode == 1
    assert "99_nothing" in outcome.stderr
    assert "Traceback" not in outcome.stderr


def test_a_broken_source_is_named_by_file_and_line(tmp_path):
    (tmp_path / "nbgrader_config.py").write_text((ROOT / "nbgrader_config.py").read_text())
    source = tmp_path / "solutions" / "01_broken" / "01_broken.py"
    source.parent.mkdir(parents=True)
    source.write_text(
        '# %% [markdown]\n# # Broken\n\n# %% exercise="f"\ndef f():\n    ### BEGIN SOLUTION\n    return 1\n'
    )
    outcome = kdtutor("build", cwd=tmp_path)
    assert outcome.returncode == 1
    assert "solutions/01_broken/01_broken.py:6" in outcome.stderr.replace("\n", "")
