"""Every rule of the format, broken one at a time in a unit that is otherwise good; and all at once."""

import re

import pytest

from kdtutor.authoring import BuildError, build_all, read_unit
from tests.authoring.conftest import TEXT, UNIT, lay_out

EXERCISE = '# %% exercise="double" difficulty=2 minutes=5'
CHECK = '# %% check="double" points=2'


def problems_of(tmp_path, text, unit=UNIT):
    course = lay_out(tmp_path, text, unit)
    with pytest.raises(BuildError) as caught:
        read_unit(course.source(unit))
    return caught.value


def test_a_good_unit_breaks_no_rule(course):
    unit = read_unit(course.source(UNIT))
    assert unit.name == UNIT
    assert len(unit.cells) == 9


# what is changed in the good text, the line (as text) that the error points to, its words
BROKEN = {
    "unknown key": (EXERCISE, EXERCISE + ' level="hard"', "level=", "unknown key level"),
    "duplicate exercise": (
        "# %%\nprediction",
        '# %% exercise="double"\ndef double(n):\n    ### BEGIN SOLUTION\n    return n\n    ### END SOLUTION\n\n'
        "# %%\nprediction",
        '# %% exercise="double"\n',
        'duplicate name: exercise "double" is already taken by the exercise in line 12',
    ),
    "duplicate check": (
        "# %%\nprediction",
        '# %% check="double" points=1\nassert double(1) == 2\n\n# %%\nprediction',
        '# %% check="double" points=1',
        'duplicate name: check "double" is already taken by the check in line',
    ),
    "answer named like a check": ('answer="plot"', 'answer="check_double"', 'answer="check_double"', "duplicate name"),
    "given named like an exercise": (
        'given="tools"',
        'given="double"',
        EXERCISE,
        "already taken by the given in line 6",
    ),
    "exercise without check": (CHECK, "# %%", EXERCISE, 'exercise "double" without a check'),
    "check without exercise": (
        'check="double"',
        'check="triple"',
        'check="triple"',
        'check "triple" without an exercise',
    ),
    "check without points": (CHECK, '# %% check="double"', 'check="double"', 'check "double" has no points'),
    "answer without points": (" points=1.5", "", 'answer="plot"', 'answer "plot" has no points'),
    "points not positive": ("points=2\n", "points=-2\n", "points=-2", "points is -2: a positive number is needed"),
    "points on an exercise": (
        EXERCISE,
        EXERCISE + " points=2",
        EXERCISE,
        "points stand on check and answer cells only",
    ),
    "difficulty on a check": (CHECK, CHECK + " difficulty=1", CHECK, "difficulty stands on exercise cells only"),
    "experiment on a check": (CHECK, CHECK + " experiment", CHECK, "grading would skip this cell"),
    "experiment as a tag on an exercise": (EXERCISE, EXERCISE + ' tags=["experiment"]', EXERCISE, "would skip"),
    "experiment on markdown": ("[markdown] given", "[markdown] given experiment", "given experiment", "would skip"),
    "exercise in markdown": (
        '[markdown] answer="why_double" points=3',
        '[markdown] exercise="why_double"',
        '[markdown] exercise="why_double"',
        "exercise on a markdown cell: it needs code",
    ),
    "raw cell with a role": ("# %% [markdown] given", "# %% [raw] given", "[raw] given", "given on a raw cell"),
    "empty cell": ("prediction = 3\nprint", "# %%\nprint", "# %%\n# %%", "an empty cell"),
    "missing END SOLUTION": (
        "    return twice_as_much\n    ### END SOLUTION\n",
        "    return twice_as_much\n",
        "    ### BEGIN SOLUTION",
        "missing END SOLUTION: this region never ends",
    ),
    "missing END HIDDEN TESTS": (
        "### END HIDDEN TESTS\n",
        "",
        "### BEGIN HIDDEN TESTS",
        "missing END HIDDEN TESTS",
    ),
    "nested markers": (
        "    twice_as_much = number",
        "    ### BEGIN SOLUTION\n    twice_as_much = number",
        "    ### BEGIN SOLUTION\n    twice",
        "BEGIN SOLUTION inside a region of SOLUTION",
    ),
    "stray end": (
        "prediction = 3\n",
        "prediction = 3\n### END SOLUTION\n",
        "### END SOLUTION\nprint",
        "without a BEGIN",
    ),
    "solution in an ordinary cell": (
        "prediction = 3\n",
        "### BEGIN SOLUTION\nprediction = 3\n### END SOLUTION\n",
        "### BEGIN SOLUTION\nprediction",
        "BEGIN SOLUTION in a cell that is not an exercise or answer",
    ),
    "solution in ordinary markdown": (
        "# Twice what you put in.",
        "# ### BEGIN SOLUTION\n# Twice\n# ### END SOLUTION",
        "# ### BEGIN SOLUTION\n# Twice",
        "BEGIN SOLUTION in a cell that is not an exercise or answer",
    ),
    "marker in prose": (
        "# Twice what you put in.",
        "# Write between BEGIN SOLUTION and so on.",
        "# Write between",
        "is a marker and stands alone",
    ),
    "exercise without a solution": (
        "    ### BEGIN SOLUTION\n    twice_as_much = number + number\n    return twice_as_much\n    ### END SOLUTION",
        "    return 2 * number",
        EXERCISE,
        'exercise "double" without a solution',
    ),
    "answer without a solution": (
        '### BEGIN SOLUTION\nprint("any picture of the doubles")\n### END SOLUTION',
        "print(1)",
        'answer="plot"',
        'answer "plot" without a solution',
    ),
    "empty solution": (
        'print("any picture of the doubles")\n',
        "",
        "### BEGIN SOLUTION\n### END",
        'the solution of answer "plot" is empty',
    ),
    "hidden tests outside a check": (
        "prediction = 3\n",
        "prediction = 3\n### BEGIN HIDDEN TESTS\nassert 1\n### END HIDDEN TESTS\n",
        "### BEGIN HIDDEN TESTS\nassert 1",
        "BEGIN HIDDEN TESTS in a cell that is not a check",
    ),
    "mark scheme outside a solution": (
        "# Why twice?\n",
        "# Why twice?\n# ### BEGIN MARK SCHEME\n# 1\n# ### END MARK SCHEME\n",
        "# ### BEGIN MARK SCHEME\n# 1",
        "a mark scheme stands inside the solution of its answer",
    ),
    "mark scheme in an exercise": (
        "    return twice_as_much\n",
        "    ### BEGIN MARK SCHEME\n    return twice_as_much\n    ### END MARK SCHEME\n",
        "    ### BEGIN MARK SCHEME",
        "BEGIN MARK SCHEME in a cell that is not an answer",
    ),
    "syntax error": ("prediction = 3", "prediction = = 3", "prediction = =", "not Python: invalid syntax"),
    "syntax error without the solution": (
        "    ### BEGIN SOLUTION\n    twice",
        "    if number:\n    ### BEGIN SOLUTION\n        pass\n    twice",
        "    ### BEGIN SOLUTION",
        "not Python once the marked regions are taken out: expected an indented block",
    ),
    "an escape that warns": (
        "prediction = 3",
        r'prediction = "\d"',
        "prediction =",
        r"not Python: invalid escape sequence",
    ),
    "magic in a check": (
        "from math import pi\n",
        "%time\nfrom math import pi\n",
        "%time",
        "not Python: invalid syntax",
    ),
    "exercise defines another name": (
        "def double(",
        "def twice(",
        EXERCISE,
        'exercise "double" does not define double',
    ),
    "exercise defines its name in the solution": (
        'def double(number):\n    """Twice the number. Example: double(2) -> 4"""\n    ### BEGIN SOLUTION\n'
        "    twice_as_much = number + number\n    return twice_as_much\n    ### END SOLUTION",
        "### BEGIN SOLUTION\ndouble = abs\n### END SOLUTION",
        EXERCISE,
        "defines double only inside its solution",
    ),
    "another cell defines the exercise again": (
        "prediction = 3\n",
        "from operator import pos as double\nprediction = 3\n",
        "from operator",
        "this cell defines double again, the exercise of line 12",
    ),
    "the check defines its exercise": (
        "from math import pi\n",
        "from math import pi\ndouble = abs\n",
        "double = abs",
        "this cell defines double again",
    ),
    "test cell uses a learner's name": (
        "assert double(2) == 4,",
        "assert double(prediction) == 6,",
        "assert double(prediction)",
        "the test cell of double uses prediction, a name of the learner's, from line",
    ),
    "hidden test uses a name made by an experiment": (
        "assert double(pi) == 2 * pi,",
        "assert largest == 18 and double,",
        "assert largest",
        "uses largest, a name of the learner's",
    ),
    "test cell uses what a given cell imports": (
        "assert double(2) == 4,",
        "assert isclose(double(2), 4),",
        "assert isclose",
        "the test cell of double uses isclose, which it neither imports nor makes",
    ),
    "test cell that never uses its exercise": (
        'assert double(2) == 4, "not attempted or wrong"\n### BEGIN HIDDEN TESTS\nassert double(pi) == 2 * pi,',
        "### BEGIN HIDDEN TESTS\nassert pi > 3,",
        CHECK,
        'check "double" never uses double',
    ),
    "star import in a check": (
        "from math import pi\n",
        "from math import *\n",
        "from math import *",
        "a test cell imports by name",
    ),
    "text before the first cell": (
        "# %% [markdown]\n# # A",
        "import os\n\n# %% [markdown]\n# # A",
        "import os",
        "text before",
    ),
}


@pytest.mark.parametrize("rule", BROKEN)
def test_a_broken_rule_is_named_with_file_and_line(tmp_path, rule):
    old, new, at, words = BROKEN[rule]
    assert TEXT.count(old) == 1
    text = TEXT.replace(old, new)
    assert at in text
    line = text[: text.index(at)].count("\n") + 1
    error = problems_of(tmp_path, text)
    found = [str(problem) for problem in error.problems]
    assert any(f"solutions/{UNIT}/{UNIT}.py:{line}: " in problem and words in problem for problem in found), found
    assert all(re.match(rf"solutions/{UNIT}/{UNIT}\.py:\d+: \S", problem) for problem in found)
    assert str(error).split("\n") == found


def test_a_check_before_its_exercise_is_refused(tmp_path):
    head, rest = TEXT.split("# %% exercise", 1)
    body, tail = rest.split("# %% check", 1)
    check, tail = tail.split("# %%\nprediction", 1)
    error = problems_of(tmp_path, f"{head}# %% check{check}# %% exercise{body}# %%\nprediction{tail}")
    assert 'check "double" stands before its exercise' in str(error)


def test_all_problems_of_a_file_come_together_in_order(tmp_path):
    text = TEXT.replace("points=1.5", "point=1.5").replace("prediction = 3", "prediction = = 3").replace(CHECK, "# %%")
    error = problems_of(tmp_path, text)
    lines = [problem.line for problem in error.problems]
    assert lines == sorted(lines)
    for words in ("unknown key point", 'answer "plot" has no points', "not Python", "without a check", "not a check"):
        assert words in str(error)


def test_a_file_named_unlike_its_folder_is_refused(tmp_path):
    course = lay_out(tmp_path)
    other = course.source(UNIT).rename(course.solutions / UNIT / "08_other.py")
    with pytest.raises(BuildError, match=r"08_other.py:1: the file 08_other.py lies in the folder 07_demo"):
        read_unit(other)
    with pytest.raises(BuildError, match=r"07_demo.py:1: there is no such file; its folder holds 08_other.py, and"):
        build_all(course.root)


def test_a_file_that_is_missing_empty_or_not_text_is_refused(course):
    source = course.source(UNIT)
    source.write_bytes(b"# %%\nx = '\xff'\n")
    with pytest.raises(BuildError, match="not UTF-8 text: byte 10"):
        read_unit(source)
    source.write_text("\n")
    with pytest.raises(BuildError, match=f"{UNIT}.py:1: the file holds no cell"):
        read_unit(source)
    source.unlink()
    with pytest.raises(BuildError, match="there is no such file"):
        read_unit(source)


def test_a_source_outside_any_course_is_refused(tmp_path):
    (tmp_path / "lonely.py").write_text("# %%\nx = 1\n")
    with pytest.raises(FileNotFoundError, match=r"lies in no course: .* nbgrader_config.py"):
        read_unit(tmp_path / "lonely.py")
