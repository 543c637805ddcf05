"""The file as it comes: any encoding and old format is read, and what holds no notebook is refused in a sentence."""

import json

import nbformat
import pytest

from kdtutor.grading.handed_in.submission import Unreadable, rebuild
from kdtutor.grading.handed_in.submitted_cells import LARGEST, read_cells
from tests.grading.small_notebook import DOUBLE, RELEASED, TRIPLE, assert_safe, by_id, handed_in, rebuilt, text, written


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_any_unicode_encoding_is_read(encoding):
    notebook = handed_in(lambda cells: cells[8].update(source="Weil α > ½."))
    result = rebuild(RELEASED, json.dumps(notebook, ensure_ascii=False).encode(encoding))
    assert by_id(result, "why").source == "Weil α > ½."
    assert result.repairs == ()


def test_bytes_that_are_not_utf_8_cost_a_character_each_and_no_more():
    notebook = handed_in(lambda cells: cells[8].update(source="für"))
    result = rebuild(RELEASED, json.dumps(notebook, ensure_ascii=False).encode("latin-1"))
    assert by_id(result, "why").source == "f�r"
    assert by_id(result, "double").source == DOUBLE
    assert result.repairs == ("The file is not UTF-8 text: what could not be read was replaced by �.",)


def test_half_a_surrogate_pair_does_not_reach_the_notebook():
    result = rebuilt(lambda cells: cells[8].update(source="a\ud800b 😀"))
    assert by_id(result, "why").source == "a�b 😀"
    nbformat.writes(result.notebook).encode()


@pytest.mark.parametrize("version", [2, 3])
def test_old_formats_are_converted(version):
    old = nbformat.convert(handed_in(lambda cells: cells[8].update(source="Because.\nYes.")), 3)
    if version == 2:
        for each in old.worksheets[0].cells:
            each.pop("metadata")  # format 2 has none
        old.nbformat = 2
    result = rebuild(RELEASED, written(old))
    assert_safe(result)
    assert by_id(result, "double").source == DOUBLE
    assert by_id(result, "triple").source == TRIPLE
    assert "# A unit" in text(result)
    assert result.repairs[0] == "The notebook was saved in an old format: its cells were converted."


def test_windows_line_ends_change_nothing():
    def change(cells):
        for each in cells:
            each.source = each.source.replace("\n", "\r\n")

    result = rebuilt(change)
    assert text(result) == [each.source for each in handed_in().cells]
    assert result.repairs == ()


def test_sources_as_lists_of_lines_are_read():
    result = rebuilt(lambda cells: cells[3].update(source=DOUBLE.splitlines(keepends=True)))
    assert by_id(result, "double").source == DOUBLE


@pytest.mark.parametrize("source", [None, 7, {"a": 1}, ["a", 7], [["a"]], True])
def test_a_cell_whose_source_is_no_text_costs_itself(source):
    result = rebuilt(lambda cells: cells[3].update(source=source))
    assert_safe(result)
    assert by_id(result, "double").source == RELEASED.cells[3].source
    assert by_id(result, "triple").source == TRIPLE
    assert "One cell of the file could not be read and had to be left out." in result.repairs


@pytest.mark.parametrize("strange", [None, 3, "cell", [], [[]]])
def test_an_entry_that_is_no_cell_costs_nothing_else(strange):
    result = rebuilt(lambda cells: cells.insert(2, strange))
    assert_safe(result)
    assert text(result) == [each.source for each in handed_in().cells]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is empty"),
        (b" \n\t", "is empty"),
        (b"\xef\xbb\xbf", "JSON is broken"),
        (b"print(1)", "JSON is broken in line 1, column 1"),
        (written(RELEASED)[:-200], "JSON is broken in line 1"),
        (b"[]", "JSON but not a notebook"),
        (b"null", "JSON but not a notebook"),
        (b"NaN", "JSON but not a notebook"),
        (b"9" * 10_000, "JSON but not a notebook"),
        (b"{}", "no list of cells"),
        (b'{"cells": {"0": {}}}', "no list of cells"),
        (b'{"worksheets": 3}', "no list of cells"),
        (b'{"cells": []}', "none of this unit's exercises"),
        (b'{"worksheets": [3, {"cells": 3}]}', "none of this unit's exercises"),
        (b'{"cells": [{"cell_type": "code", "source": "x = 1"}]}', "none of this unit's exercises"),
        (b"[" * 100_000, "too deeply"),
        (b'{"cells":' * 100_000 + b"0" + b"}" * 100_000, "too deeply"),
        (b"[" + b"[]," * 2_000_000 + b"[]]", "lists and objects"),
        (b"PK\x03\x04rest", "a zip archive"),
        (b"<!DOCTYPE html><title>Log in</title>", "a web page"),
        (b"%PDF-1.7", "a PDF"),
        (b" " * (200 * 2**20), "200 MB"),
    ],
)
def test_bytes_without_a_notebook_are_refused_in_a_sentence(data, words):
    with pytest.raises(Unreadable, match=words) as refusal:
        rebuild(RELEASED, data)
    assert str(refusal.value).endswith((".", "?"))
    assert len(str(refusal.value)) < 200


def test_huge_numbers_and_nan_in_what_is_dropped_do_no_harm():
    text_of_file = json.dumps(handed_in()).replace(
        '"nbformat": 4', f'"nbformat": {"9" * 100_000}, "x": [NaN, -Infinity]'
    )
    assert by_id(rebuild(RELEASED, text_of_file.encode()), "double").source == DOUBLE


def test_a_file_at_the_size_limit_is_read():
    data = written(handed_in())
    assert by_id(rebuild(RELEASED, data + b" " * (LARGEST - len(data))), "double").source == DOUBLE


def test_reading_leaves_the_text_of_a_cell_as_it_was_typed():
    typed = "  x = 1  \n\n\ty = '\\n'\n"
    (only,) = read_cells(json.dumps({"cells": [{"cell_type": "code", "source": typed}]}).encode()).cells
    assert only.source == typed
