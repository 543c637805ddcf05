"""A course of one unit in a temporary folder, under the project's own nbgrader_config.py."""

import shutil
import tempfile
from functools import cache
from pathlib import Path

import pytest
from nbgrader.api import Gradebook

from kdtutor.authoring import Course, build_unit

UNIT = "07_demo"
CONFIG = Path(__file__).parents[2] / "nbgrader_config.py"
TEXT = '''\
# %% [markdown]
# # A demonstration
#
# Twice what you put in.

# %% given="tools"
from math import isclose

# %% [markdown] given
# Read this.

# %% exercise="double" difficulty=2 minutes=5
def double(number):
    """Twice the number. Example: double(2) -> 4"""
    ### BEGIN SOLUTION
    twice_as_much = number + number
    return twice_as_much
    ### END SOLUTION


# %% check="double" points=2
from math import pi

assert double(2) == 4, "not attempted or wrong"
### BEGIN HIDDEN TESTS
assert double(pi) == 2 * pi, "works for fractions"
### END HIDDEN TESTS

# %%
prediction = 3
print("double of", prediction, "is", double(prediction))

# %% experiment tags=["hide-input"]
largest = [double(number) for number in range(10)][-1]
largest

# %% [markdown] answer="why_double" points=3
# Why twice?
#
# <!-- BEGIN SOLUTION -->
# Because doubling is addition of a number to itself.
# ### BEGIN MARK SCHEME
# Three points for addition.
# ### END MARK SCHEME
# <!-- END SOLUTION -->

# %% answer="plot" points=1.5
### BEGIN SOLUTION
print("any picture of the doubles")
### END SOLUTION
'''


@cache
def blank_gradebook() -> bytes:
    """A gradebook that knows nobody: making one takes nbgrader seconds, copying it none."""
    with tempfile.TemporaryDirectory() as folder:
        Course.of(CONFIG).config  # noqa: B018 - finds alembic for nbgrader
        Gradebook(f"sqlite:///{folder}/gradebook.db").close()
        return (Path(folder) / "gradebook.db").read_bytes()


def lay_out(root: Path, text: str = TEXT, unit: str = UNIT) -> Course:
    """A course at `root` (made if need be) whose unit has this text, a measured result and a picture; not built."""
    root.mkdir(exist_ok=True)
    shutil.copyfile(CONFIG, root / CONFIG.name)
    folder = root / "solutions" / unit
    folder.mkdir(parents=True)
    (folder / f"{unit}.py").write_text(text, encoding="utf-8")
    (folder / "results.json").write_text('{"gain": [0.1, 0.3]}\n')
    (folder / "figures").mkdir()
    (folder / "figures" / "curve.png").write_bytes(b"\x89PNG not really")
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "07_demo.cpython-311.pyc").write_bytes(b"double")
    (root / "grading").mkdir()
    (root / "grading" / "gradebook.db").write_bytes(blank_gradebook())
    return Course.of(root)


@pytest.fixture
def course(tmp_path: Path) -> Course:
    """A course of one unit, not built."""
    return lay_out(tmp_path)


@pytest.fixture(scope="session")
def built_once(tmp_path_factory: pytest.TempPathFactory) -> Course:
    course = lay_out(tmp_path_factory.mktemp("built"))
    build_unit(course.source(UNIT))
    return course


@pytest.fixture
def built(built_once: Course, tmp_path: Path) -> Course:
    """The same course, built, in a folder of the test's own."""
    shutil.copytree(built_once.root, tmp_path, dirs_exist_ok=True)
    return Course.of(tmp_path)
