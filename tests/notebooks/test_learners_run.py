"""An untouched learner notebook runs from top to bottom: no error, no warning, in time and in memory, offline."""

import json
import shutil
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest

from kdtutor.authoring import Course
from kdtutor.checks import exercises_by_unit

COURSE = Course.of(Path(__file__).resolve().parents[2])
SECONDS = 90
GIGABYTES = 1.5

# In a process of its own, so that what its children used at most is this notebook's kernel and nothing else's.
RUN = """
import json, os, resource, sys, time
from pathlib import Path
import nbformat
from kdtutor.authoring import execute as running

running.ENVIRONMENT.pop("NBGRADER_EXECUTION")  # a learner's run: checks show their verdict and the notebook goes on
path = Path(sys.argv[1])
began = time.perf_counter()
done = running.execute(nbformat.read(path, as_version=4), path.parent)
seconds = time.perf_counter() - began
unwanted = [words for _, words in running.unwanted_outputs(done)]
verdicts = [output["data"]["text/plain"] for cell in done.cells for output in cell.get("outputs", [])
            if "text/plain" in output.get("data", {})]
pictures = sum("image/png" in output.get("data", {}) for cell in done.cells for output in cell.get("outputs", []))
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
print(json.dumps({"seconds": seconds, "peak": peak, "unwanted": unwanted, "verdicts": verdicts, "pictures": pictures}))
"""


@pytest.mark.notebooks
@pytest.mark.timeout(900)
@pytest.mark.parametrize("unit", COURSE.units)
def test_an_untouched_notebook_runs_through_within_ninety_seconds_and_one_and_a_half_gigabytes(unit, tmp_path, machine):
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "KDTUTOR_CACHE": str(tmp_path / "cache")}
    command = [sys.executable, "-c", RUN, str(COURSE.learner_notebook(unit))]
    # With one core, beside another test; where that takes too long, as a learner has it: with the machine alone
    for company, threads in ((nullcontext, {"OMP_NUM_THREADS": "1"}), (machine.alone, {})):
        shutil.rmtree(tmp_path / "cache", ignore_errors=True)
        with company():
            outcome = subprocess.run(
                command, capture_output=True, text=True, timeout=290, env=environment | threads, check=False
            )
        assert outcome.returncode == 0, outcome.stderr[-2000:]
        run = json.loads(outcome.stdout.splitlines()[-1])
        if run["seconds"] <= SECONDS:
            break
    assert run["unwanted"] == []
    assert run["pictures"] >= 1
    has_exercises = bool(exercises_by_unit().get(unit))
    assert any("not attempted" in verdict for verdict in run["verdicts"]) == has_exercises
    assert not any("raised an error" in verdict for verdict in run["verdicts"])
    assert run["seconds"] <= SECONDS
    assert run["peak"] <= GIGABYTES * 1e9
