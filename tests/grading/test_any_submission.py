"""Whatever the bytes, a file is rebuilt safely or refused, and no order and no loss of cells costs a solution."""

import json
from typing import Any

import nbformat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kdtutor.grading.handed_in.submission import Unreadable, rebuild
from tests.grading.small_notebook import DOUBLE, RELEASED, TRIPLE, assert_safe, by_id, handed_in, written


def rebuilds_or_refuses(data: bytes) -> None:
    try:
        result = rebuild(RELEASED, data)
    except Unreadable:
        return
    assert_safe(result)
    again = rebuild(RELEASED, data)
    assert (again.notebook, again.repairs, again.untouched) == (result.notebook, result.repairs, result.untouched)


@settings(max_examples=200)
@given(st.binary(max_size=200))
def test_random_bytes_are_rebuilt_or_refused_and_nothing_else(data):
    rebuilds_or_refuses(data)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(["code", "double"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "cells",
                    "source",
                    "input",
                    "cell_type",
                    "metadata",
                    "nbgrader",
                    "grade_id",
                    "id",
                    "worksheets",
                    "level",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=12,
)


@settings(max_examples=200)
@given(JSON_VALUES)
def test_any_json_is_rebuilt_or_refused(value):
    rebuilds_or_refuses(json.dumps(value).encode())


def places(value: Any, path: tuple = ()) -> list[tuple]:
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, each in inside for place in places(each, (*path, key)))]


PLACES = [place for place in places(json.loads(written(handed_in()))) if place]


@settings(max_examples=300)
@given(
    st.lists(st.tuples(st.sampled_from(PLACES), st.sampled_from(["set", "delete", "repeat"]), JSON_VALUES), max_size=6)
)
def test_a_valid_notebook_changed_anywhere_is_rebuilt_or_refused(changes):
    notebook = json.loads(written(handed_in()))
    for place, how, value in changes:
        inside = notebook
        try:
            for key in place[:-1]:
                inside = inside[key]
            if how == "set":
                inside[place[-1]] = value
            elif how == "delete":
                del inside[place[-1]]
            elif isinstance(inside, list):
                inside.append(inside[place[-1]])
        except (KeyError, IndexError, TypeError):
            continue  # an earlier change took the place away
    rebuilds_or_refuses(json.dumps(notebook).encode())


@settings(max_examples=200)
@given(st.data())
def test_bytes_changed_anywhere_are_rebuilt_or_refused(data):
    mutable = bytearray(written(handed_in()))
    for _ in range(data.draw(st.integers(1, 8))):
        at = data.draw(st.integers(0, len(mutable) - 1))
        length = data.draw(st.integers(0, 40))
        mutable[at : at + length] = data.draw(st.binary(max_size=10))
    rebuilds_or_refuses(bytes(mutable))


@given(st.permutations(range(len(RELEASED.cells))), st.sets(st.integers(0, len(RELEASED.cells) - 1)))
def test_no_order_and_no_loss_of_cells_costs_a_solution_that_was_handed_in(order, lost):
    solved = handed_in().cells
    kept = [solved[i] for i in order if i not in lost]
    data = written(nbformat.v4.new_notebook(cells=kept))
    if lost >= {3, 4, 6, 7, 8, 9}:
        with pytest.raises(Unreadable):
            rebuild(RELEASED, data)
        return
    result = rebuild(RELEASED, data)
    assert_safe(result)
    assert by_id(result, "double").source == (RELEASED.cells[3].source if 3 in lost else DOUBLE)
    assert by_id(result, "triple").source == (RELEASED.cells[6].source if 6 in lost else TRIPLE)
