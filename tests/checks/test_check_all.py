"""check_all: one table of the whole unit, from the names that the notebook holds."""

from html.parser import HTMLParser

import pytest

from kdtutor.checks import check_all, examine
from kdtutor.checks.exercise import Verdict
from kdtutor.checks.overview import Overview
from kdtutor.checks.registry import exercises_by_unit

RIGHT = "soften = lambda z, T: (z / T).softmax(-1)\n"
WRONG = "soften = lambda z, T: (z * T).softmax(-1)\n"
UNIT = "01_soft_targets"
HOSTILE = "</td><script>document.title = 'owned'</script><img src=x onerror=alert(1)>"


def in_a_notebook(source: str) -> None:
    exec(source, {"check_all": check_all})


def test_every_exercise_of_the_unit_is_in_the_table_with_its_verdict(capsys):
    in_a_notebook(
        "def entropy(probs): ...\n"
        "def kl_divergence(p, q): return p / 0\n"
        "def kd_gradient(a, b, T): raise TypeError('no')\n" + WRONG + "check_all()"
    )
    shown = capsys.readouterr().out
    assert shown.startswith(f"{UNIT}: 0 of 6 checks passed")
    for name in exercises_by_unit()[UNIT]:
        assert name in shown
    assert "not yet (temperature multiplied)" in shown
    assert "not attempted" in shown
    assert "it raised an error" in shown
    assert "kd_loss           not defined" in shown


def test_it_says_what_check_says_for_each_exercise(capsys):
    solution = lambda z, T: (z * T).softmax(-1)  # noqa: E731
    exec("check_all()", {"check_all": check_all, "soften": solution})
    verdict = examine("soften", solution)
    shown = " ".join(capsys.readouterr().out.split())
    assert " ".join(verdict.message.split()) in shown


def test_what_passes_is_counted_and_needs_no_words(capsys):
    in_a_notebook(RIGHT + "check_all()")
    shown = capsys.readouterr().out
    assert "1 of 6 checks passed" in shown
    assert "soften            passed\nentropy" in shown


def test_the_unit_is_told_from_the_names_or_asked_for(capsys):
    in_a_notebook(f"top_1_accuracy = ...\n{RIGHT}def entropy(p): ...\ncheck_all()")
    assert capsys.readouterr().out.startswith(UNIT)
    in_a_notebook(f"{RIGHT}check_all('00_start_here')")
    assert capsys.readouterr().out.startswith("00_start_here: 0 of")


def test_where_no_exercise_is_defined_and_for_an_unknown_unit_it_says_what_to_do():
    with pytest.raises(ValueError, match="run the cells of the exercises first"):
        in_a_notebook("check_all()")
    with pytest.raises(ValueError, match=r"no unit '09_x'.*01_soft_targets"):
        in_a_notebook("check_all('09_x')")


def test_it_never_raises_for_what_a_solution_does_while_nbgrader_executes_either(monkeypatch, capsys):
    monkeypatch.setenv("NBGRADER_EXECUTION", "autograde")
    in_a_notebook("def soften(z, T): raise KeyboardInterrupt if False else ValueError('x')\ncheck_all()")
    assert "it raised an error" in capsys.readouterr().out


def test_in_a_browser_it_is_a_table_with_headings_and_nothing_in_it_acts():
    verdicts = [Verdict("soften", "failed", HOSTILE, HOSTILE), Verdict("entropy", "error", None, "x" * 4000), "kd_loss"]
    tags: list[str] = []
    texts: list[str] = []
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, attrs: tags.append(tag)  # type: ignore[method-assign]
    parser.handle_data = texts.append  # type: ignore[method-assign]
    parser.feed(Overview(UNIT, verdicts)._repr_html_())
    assert set(tags) == {"div", "table", "caption", "thead", "tbody", "tr", "th", "td", "code", "strong"}
    assert HOSTILE in texts
    assert f"not yet ({HOSTILE})" in texts
    assert f"{UNIT}: 0 of 3 checks passed" in texts
