"""Front page, syllabus and glossary: made of README and syllabus, with links, without what tells answers."""

import pytest

from kdtutor.site.front_page import description, front_page
from kdtutor.site.syllabus_pages import FOR_INSTRUCTORS, glossary_page, syllabus_page

UNITS = {"00_start_here": "Start here", "01_soft_targets": "Soft targets"}
README = """# kdtutor

A course on making networks smaller.

![picture](x.png)

| unit | you build |
|---|---|
| 00 start here | accuracy |
| 01 soft targets | a loss |

More.
"""
SYLLABUS = """# Syllabus

Where everything is.

## Units

| unit | folder |
|---|---|
| 01 | `01_soft_targets` |

## Where the articles are wrong

| article | fault |
|---|---|
| 3 | 0.16 is the other direction |

## Glossary

Sorted.

| term | 中文 | in one sentence | unit |
|---|---|---|---|
| logit | 对数几率 | A raw output. | 01 |
"""


def test_the_front_page_has_the_readme_s_description_and_links_every_unit() -> None:
    page = front_page(README, UNITS)
    assert "A course on making networks smaller." in page
    assert "| [00 start here](units/00_start_here.ipynb) | accuracy |" in page
    assert "| [01 soft targets](units/01_soft_targets.ipynb) | a loss |" in page
    assert "x.png" not in page


def test_a_readme_that_leaves_a_unit_out_or_names_another_is_refused() -> None:
    with pytest.raises(ValueError, match="leaves out 02_more"):
        front_page(README, UNITS | {"02_more": "More"})
    with pytest.raises(ValueError, match=r"not there: .*01 soft targets"):
        front_page(README, {"00_start_here": "Start here"})
    with pytest.raises(ValueError, match="no table of units"):
        front_page("# kdtutor\n\nA course.\n", UNITS)


def test_a_readme_without_a_description_is_refused() -> None:
    with pytest.raises(ValueError, match="says what the course is"):
        description("# kdtutor\n\n![picture](x.png)\n")


def test_the_syllabus_page_links_units_and_leaves_out_what_learners_are_to_find() -> None:
    page = syllabus_page(SYLLABUS, UNITS)
    assert "| 01 | [01_soft_targets](units/01_soft_targets.ipynb) |" in page
    assert FOR_INSTRUCTORS not in page
    assert "the other direction" not in page
    assert "对数几率" not in page


def test_the_glossary_has_each_term_under_both_names_with_its_sentence_and_unit() -> None:
    page = glossary_page(SYLLABUS, UNITS)
    assert "logit\n对数几率\n    A raw output. ([unit 01](units/01_soft_targets.ipynb))" in page


def test_a_row_of_the_glossary_that_lacks_a_column_is_refused() -> None:
    with pytest.raises(ValueError, match="not term, Chinese term"):
        glossary_page(SYLLABUS.replace("| A raw output. ", ""), UNITS)
