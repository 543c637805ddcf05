"""The last look before a site is put in place finds a hidden line however a page marks it up."""

import pytest

from kdtutor.authoring import Course
from kdtutor.site.hidden_text import hidden_in_pages, hidden_lines_of

LINE = "return (logits / temperature).softmax(-1)"  # of unit 01's solution


@pytest.mark.parametrize(
    "html",
    [
        f"<p>{LINE}</p>",
        "<pre><span>return</span> <span>(</span>logits <b>/</b> temperature<i>)</i>.softmax(<span>-1</span>)</pre>",
        "<pre>return (logits\n    / temperature).softmax(&#45;1)</pre>",
        "<!doctype html><script>x = 'return (logits / temperature).softmax(-1)'</script>",
    ],
)
def test_a_line_of_a_solution_is_found(course: Course, tmp_path, html: str) -> None:
    (tmp_path / "units").mkdir()
    (tmp_path / "units" / "page.html").write_text(html, encoding="utf-8")
    assert f"units/page.html shows a hidden line: {LINE}" in hidden_in_pages(course, tmp_path)


def test_what_learners_are_shown_is_not_hidden(course: Course, tmp_path) -> None:
    (tmp_path / "page.html").write_text("<p>def soften(logits, temperature): check(soften)</p>", encoding="utf-8")
    assert hidden_in_pages(course, tmp_path) == []


def test_solutions_hidden_tests_and_sample_answers_of_every_graded_unit_are_looked_for(course: Course) -> None:
    hidden = [line for _, line in hidden_lines_of(course)]
    assert LINE in hidden
    assert 'assert rows.shape == (4, 7), "works for any number of classes"' in hidden
    assert len(hidden) > 10 * (len(course.units) - 1)
