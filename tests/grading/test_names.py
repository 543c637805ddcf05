"""The names of learners: what is made from any text is a plain name, and what could lead elsewhere is none."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kdtutor.grading.records.names import LONGEST, as_name, why_no_name


@given(st.text())
def test_a_name_made_from_any_text_is_a_plain_name(text):
    name = as_name(text)
    assert why_no_name(name) is None
    assert as_name(name) == name
    assert len(name.encode()) <= LONGEST
    assert Path("/folder", name).parent == Path("/folder")


@pytest.mark.parametrize("name", ["", " ", ".", "..", "a/b", "a\\b", "a\nb", ".hidden", "a" * 300, "a\ud800", 3, None])
def test_what_could_lead_elsewhere_is_no_name(name):
    assert why_no_name(name)
