"""Measuring again runs the unit's own notebook, and puts the claims in place only when it ran through."""

import json

import pytest

from kdtutor.authoring import BuildError
from kdtutor.authoring.measure_again import measure_again

CONFIG = """
c = get_config()
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "course"
"""
RECORDS = """
# %% [markdown]
# The gain was {{ gain.mean | percent }}.

# %%
import json, os, pathlib

pathlib.Path(os.environ["KDTUTOR_RESULTS"]).write_text(json.dumps({"gain": {"mean": 0.25}}))
"""


@pytest.fixture
def course(tmp_path):
    (tmp_path / "nbgrader_config.py").write_text(CONFIG)
    source = tmp_path / "solutions" / "01_measured" / "01_measured.py"
    source.parent.mkdir(parents=True)
    return source


def test_the_first_measurement_needs_no_results_yet(course, tmp_path):
    course.write_text(RECORDS)
    written = measure_again("01_measured", tmp_path)
    assert written == course.with_name("results.json")
    assert json.loads(written.read_text()) == {"gain": {"mean": 0.25}}


def test_a_unit_that_records_nothing_gets_no_file(course, tmp_path):
    course.write_text("# %%\n1 + 1\n")
    assert measure_again("01_measured", tmp_path) is None
    assert not course.with_name("results.json").exists()


def test_a_run_that_fails_names_its_line_and_leaves_the_claims_as_they_were(course, tmp_path):
    course.write_text(RECORDS + "raise ArithmeticError('diverged')\n")
    course.with_name("results.json").write_text('{"gain": {"mean": 0.5}}')
    with pytest.raises(BuildError, match="diverged") as refusal:
        measure_again("01_measured", tmp_path)
    assert refusal.value.problems[0].line == 9
    assert json.loads(course.with_name("results.json").read_text()) == {"gain": {"mean": 0.5}}
