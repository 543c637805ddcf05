"""Names a cell binds and needs, held against Python itself: the name it misses first is the one we find."""

import ast

import pytest

from kdtutor.authoring.names import bound_names, free_names, plain_python, star_imports

# Python runs these into a NameError exactly where a name is free
RUN = [
    ("check(soften)", {"check", "soften"}),
    ("from os import path\npath.join(soften)", {"soften"}),
    ("import os.path\nos.sep", set()),
    ("import os.path as p\nos", {"os"}),
    ("x = x + 1", {"x"}),
    ("x += 1", {"x"}),
    ("x: int = x", {"x"}),
    ("x: int\nx", {"x"}),
    ("y = (x := 3) + x", set()),
    ("y = x + (x := 3)", {"x"}),
    ("[a for a in rows]", {"rows"}),
    ("[a for a in [1]]\na", {"a"}),
    ("[(w := a) for a in [1]]\nw", set()),
    ("{k: v for k, v in {1: 2}.items() if v > limit}", {"limit"}),
    ("for i in range(3):\n    j = i\ni, j", set()),
    ("for i in i:\n    pass", {"i"}),
    ("with open(name) as f:\n    f", {"name"}),
    ("try:\n    1 / 0\nexcept Oops:\n    pass", {"Oops"}),
    ("try:\n    1 / 0\nexcept ArithmeticError as e:\n    e", set()),
    ("def f(a, b=default, *c, d: kind = 1, **e) -> out:\n    return a, b, c, d, e", {"default", "kind", "out"}),
    ("def f():\n    return later\nlater = 1\nf()", set()),
    ("def f():\n    return learner\nf()", {"learner"}),
    ("f = lambda a, b=c: a + b + d", {"c", "d"}),
    ("@wrap\nclass A(Base):\n    x = 1\n    y = x\n    def m(self):\n        return z", {"wrap", "Base", "z"}),
    ("class A:\n    y = outside", {"outside"}),
    ("class A:\n    y = 1\n    z = y\nA", set()),
    ("match [1, 2]:\n    case [a, *b]:\n        a, b", set()),
    ("match {'k': 1, 'l': 2}:\n    case {'k': v, **rest}:\n        v, rest", set()),
    ("match 3:\n    case Point(x=0) as p:\n        p", {"Point"}),
    ("x = 1\ndel x\nx", {"x"}),
    ("print(end='')\nlen([]), ValueError, __name__", set()),
    ("display(1), get_ipython()", {"display", "get_ipython"}),
    ("assert (lambda: soften)() == 1, f'{other!r}'", {"soften", "other"}),
]
# Here the text alone decides: what Python does depends on values
READ = [
    ("def f():\n    global g\n    g = 1\nf()\ng", {"g"}),
    ("if False:\n    missing", {"missing"}),
    ("f = lambda: missing", {"missing"}),
]


@pytest.mark.parametrize(("source", "expected"), RUN + READ)
def test_free_names_are_those_the_cell_neither_binds_nor_imports(source, expected):
    assert set(free_names(source)) == expected


@pytest.mark.parametrize(("source", "expected"), RUN)
def test_python_itself_misses_a_name_exactly_where_one_is_free(source, expected):
    code = compile(source, "<cell>", "exec")
    if not expected:
        exec(code, {"__name__": "cell"})
        return
    with pytest.raises(NameError) as caught:
        exec(code, {"__name__": "cell"})
    assert caught.value.name in expected


def test_each_free_name_carries_its_first_line():
    assert free_names("x = 1\n\ny = z\ndef f():\n    return w + z\n") == {"z": 3, "w": 5}


def test_bound_names_are_everything_left_at_top_level():
    source = (
        "import a.b, c as d\nfrom e import f\ng = h = 1\ni, (j, *k) = 1, (2, 3)\nfor m in []: pass\n"
        "def n(o): p = 1\nclass q: r = 1\nwith s as t: pass\n[u for u in []]\nif (v := 1): w: int = 2\n"
        "def x():\n    global y\n    y = 1\nz.attribute = 1\n"
    )
    assert bound_names(source) == {"a", "d", "f", "g", "h", "i", "j", "k", "m", "n", "q", "t", "v", "w", "x", "y"}


def test_magics_become_python_that_keeps_its_lines():
    source = "\n\nx = 1\n%matplotlib inline\ny = !ls\nz = 2"
    tree = ast.parse(plain_python(source))
    assert [node.lineno for node in tree.body] == [3, 4, 5, 6]
    assert bound_names(plain_python(source)) == {"x", "y", "z"}


def test_star_imports_are_found():
    assert star_imports("import os\nfrom math import *\n") == [2]
