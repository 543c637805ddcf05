"""Headers as jupytext reads them, and the line in the file of everything in a cell."""

import jupytext
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kdtutor.authoring.source import Role, read_cells


def read(text):
    return read_cells(text, "unit.py")


def one(header, body="x = 1"):
    cells, problems = read(f"# %% {header}\n{body}\n")
    assert problems == []
    return cells[0]


@pytest.mark.parametrize(
    ("header", "role", "name", "keys"),
    [
        ("", Role.ORDINARY, "", {}),
        ('exercise="soften"', Role.EXERCISE, "soften", {}),
        ('exercise="soften" difficulty=2 minutes=7.5', Role.EXERCISE, "soften", {"difficulty": 2, "minutes": 7.5}),
        ('check="soften" points=2', Role.CHECK, "soften", {"points": 2}),
        ('points=0.5 answer="why"', Role.ANSWER, "why", {"points": 0.5}),
        ("given", Role.GIVEN, "", {"given": True}),
        ('given="tools"', Role.GIVEN, "tools", {}),
        ("experiment", Role.ORDINARY, "", {"experiment": True}),
        ("given experiment", Role.GIVEN, "", {"given": True, "experiment": True}),
        ('given tags=["a", "b"]', Role.GIVEN, "", {"given": True, "tags": ["a", "b"]}),
        ('tags=["a"] given', Role.GIVEN, "", {"given": True, "tags": ["a"]}),
        ('given="tools" experiment', Role.GIVEN, "tools", {"experiment": True}),
    ],
)
def test_keys_and_flags_are_read_wherever_they_stand(header, role, name, keys):
    cell = one(header)
    assert (cell.role, cell.name) == (role, name)
    assert {key: value for key, value in cell.keys.items() if value != name} == keys


def test_a_markdown_cell_carries_the_same_keys_and_loses_its_comment_marks():
    cell = one('[markdown] answer="why" points=3', "# Why?\n#\n# - because")
    assert (cell.kind, cell.role, cell.source) == ("markdown", Role.ANSWER, "Why?\n\n- because")


def test_a_tag_named_experiment_is_the_flag():
    assert one('tags=["experiment"]').experiment
    assert one("experiment").experiment
    assert not one('tags=["other"]').experiment


def test_header_and_lines_are_those_of_the_file():
    text = (
        '# %% [markdown]\n# # One\n#\n# Two\n\n# %%\n\n# %matplotlib inline\nx = """\n# %% no cell\n"""\n\n\n# %%\ny\n'
    )
    cells, problems = read(text)
    assert problems == []
    lines = text.split("\n")
    assert [cell.line for cell in cells] == [1, 6, 14]
    for cell in cells:
        for i, source in enumerate(cell.source.split("\n"), 1):
            assert lines[cell.at(i) - 1] in (source, f"# {source}", f"#{source}")
    assert cells[1].source == '\n%matplotlib inline\nx = """\n# %% no cell\n"""'


TRICKY_LINES = st.sampled_from(
    ["# %%", "#%%", "# %% [markdown]", '# %% exercise="f"', "# %%%", "# %%% deeper", "    # %% given", "# %%time",
     "# %% points=", '# %% {"check": "f"}', "# text", "#", "", "x = 1", '"""', "'''", "# ```", "# # %% quoted",
     "# # <codecell>", "def f():", "    return 1", "# In[3]:", "# %ls", "### BEGIN SOLUTION", "# %% title words"]
)  # fmt: skip


@given(st.lists(TRICKY_LINES, max_size=12))
def test_cells_are_jupytext_s_and_every_line_is_found_where_it_stands(lines):
    text = "\n".join(["# %%", *lines, ""])
    cells, problems = read(text)
    theirs = jupytext.reads(text, fmt="py:percent").cells
    assert [cell.source for cell in cells] == [cell.source for cell in theirs] or any(
        "the mark of another format" in problem.words for problem in problems
    )
    rows = text.split("\n")
    for cell in cells:
        assert rows[cell.line - 1].strip().startswith("#")
        assert list(cell.lines) == sorted(set(cell.lines))


def test_the_cell_mark_of_another_format_is_refused():
    cells, problems = read("# %%\nx = 1\n\n# In[3]:\ny = 2\n")
    assert [(problem.line, problem.words) for problem in problems] == [
        (4, "a cell starts with '# %%', not with the mark of another format")
    ]
    assert [cell.source for cell in cells] == ["x = 1"]


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("givn", "unknown key givn: a header knows exercise, check, answer, given"),
        ("A title", "unknown key A"),
        ('excercise="soften"', "unknown key excercise"),  # codespell:ignore
        ('language="bash"', "unknown key language"),
        ('active="py"', "unknown key active"),
        ('name="x"', "unknown key name"),
        ("exercise=soften", "cannot read the header"),
        ("points=", "cannot read the header"),
        ('{"exercise": "soften"}', "cannot read the header"),
        ('tags=["a"', "cannot read the header"),
        ('check="a" points=2 points=3', "key points stands twice"),
        ('check="a" points=0', "points is 0: a positive number"),
        ('check="a" points=-1', "points is -1: a positive number"),
        ('check="a" points="2"', "points is '2': a positive number"),
        ('check="a" points=true', "points is True: a positive number"),
        ('check="a" points=1e999', "points is inf: a positive number"),
        ('exercise="a" difficulty=6', "difficulty is 6: a whole number from 1 to 5"),
        ('exercise="a" difficulty=1.5', "difficulty is 1.5"),
        ('exercise="a" minutes=0', "minutes is 0"),
        ("experiment=3", "experiment is 3: it is a flag"),
        ('tags="a"', "cannot read the header '# %% tags=\"a\"': 'a' is not of type 'array'"),
        ("tags=3", "cannot read the header"),
        ('tags=["a", 3]', "cannot read the header"),
        ('exercise="two words"', "exercise is 'two words': a Python name"),
        ('exercise="class"', "exercise is 'class': a Python name"),
        ('exercise="größe"', "exercise is 'größe': a Python name"),
        ('check=""', "check is '': a Python name"),
        ("exercise=3", "exercise is 3: a Python name"),
        (f'exercise="{"a" * 51}"', "at most 50 characters"),
        ('exercise="a" check="b"', "a cell has one role, this header gives 2: exercise, check"),
        ("[code] given", "unknown key [code]"),
    ],
)  # fmt: skip
def test_a_header_that_cannot_be_meant_is_refused_in_words(header, words):
    _, problems = read(f"# %%\nfirst = 1\n\n# %% {header}\nx = 1\n")
    assert any(words in problem.words and problem.line == 4 for problem in problems), problems


def test_a_deeper_percent_header_is_refused():
    _, problems = read("# %%% given\nx = 1\n")
    assert "not with more percent signs" in problems[0].words


def test_text_before_the_first_cell_is_refused_and_a_yaml_header_is_not():
    _, problems = read("\nimport torch\n\n# %%\nx = 1\n")
    assert [(problem.line, problem.words.split(":")[0]) for problem in problems] == [(2, "text before the first cell")]
    cells, problems = read(
        "# ---\n# jupyter:\n#   kernelspec:\n#     display_name: Python 3\n#     name: python3\n# ---\n\n# %%\nx = 1\n"
    )
    assert problems == []
    assert [(cell.line, cell.source) for cell in cells] == [(8, "x = 1")]
