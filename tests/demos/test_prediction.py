"""Predictions: read as typed, collected from notebooks, shown as a histogram beside what was measured."""

import json
from pathlib import Path

import pytest

from kdtutor.demos import show_predictions
from kdtutor.demos.prediction import class_answers, class_histogram, compare_class, read_answers

QUESTION = "weights that can go"


def notebook(*sources: str) -> str:
    cells = [{"cell_type": "code", "source": source.splitlines(keepends=True)} for source in sources]
    return json.dumps({"cells": [{"cell_type": "markdown", "source": f'predict("{QUESTION}", 1)'}, *cells]})


@pytest.mark.parametrize(
    ("text", "answers"),
    [("40", [40]), (" 0.5 \n1e2\n", [0.5, 100]), ("3;4, 5", [3, 4, 5]), ("40%\n 60%", [40, 60]), ("-2", [-2])],
)
def test_answers_are_read_as_people_type_them(text: str, answers: list[float]) -> None:
    assert read_answers(text) == answers


@pytest.mark.parametrize(("text", "word"), [("", "Write a number"), ("a lot", "'a'"), ("nan", "'nan'"), ("1 2x", "2x")])
def test_what_is_no_number_is_refused_by_name(text: str, word: str) -> None:
    with pytest.raises(ValueError, match=word):
        read_answers(text)


def test_a_class_s_predictions_are_collected_from_its_notebooks(tmp_path: Path) -> None:
    sources = {
        "ada": notebook(f'predict("{QUESTION}", 40)', f'x = 1\npredict("{QUESTION}", 45)'),
        "ben": notebook(f"predict('{QUESTION}', -0.5)"),
        "not answered": notebook(f'predict("{QUESTION}", ...)'),
        "another question": notebook('predict("bits", 4)'),
        "no number": notebook(f'predict("{QUESTION}", "many")'),
        "broken": notebook(f'predict("{QUESTION}", 40', "%magic"),
        "no notebook": "{}",
        "no text": "[1, 2",
        "would run": notebook(f'predict("{QUESTION}", __import__("os").system("touch ran"))'),
    }
    for name, text in sources.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "unit.ipynb").write_text(text)
    assert class_answers(tmp_path, QUESTION) == [45, -0.5]
    with pytest.raises(ValueError, match="none of the 9 notebooks"):
        class_answers(tmp_path, "something else")
    with pytest.raises(FileNotFoundError, match="no such folder"):
        class_answers(tmp_path / "nowhere", QUESTION)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("answers", [[5.0], [5.0] * 30, [1.0, 2.0, 2.5, 40.0], [-3.0, 0.0]])
def test_every_answer_is_counted_in_the_histogram_and_the_measured_value_is_marked(theme, answers) -> None:
    picture = class_histogram("%", answers, 4.0, theme)
    axis = picture.figure.axes[0]
    assert sum(bar.get_height() for bar in axis.patches) == len(answers)
    assert list(axis.lines[0].get_xdata()) == [4.0, 4.0]
    assert axis.get_xlim()[0] < min(*answers, 4.0)
    assert axis.get_xlim()[1] > max(*answers, 4.0)
    assert "Measured: 4 %" in picture.alt


def test_the_sentence_counts_who_was_near() -> None:
    said = compare_class("times", [8, 50, 64], 50.77)
    assert said == (
        "Measured: 50.77 times. 3 predictions from 8 to 64, median 50; 1 of them within 20% of what was measured."
    )


def test_predictions_of_a_folder_are_shown_with_their_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[tuple] = []
    monkeypatch.setattr("IPython.display.display", lambda *data, **_: shown.append(data))
    for name, answer in (("ada", 40), ("ben", 60)):
        (tmp_path / f"{name}.ipynb").write_text(notebook(f'predict("{QUESTION}", {answer})'))
    show_predictions(QUESTION, tmp_path, 50.0, unit="%")
    show_predictions(QUESTION, [40, 60], 50.0, unit="%")
    from_folder, _, from_numbers, _ = shown
    assert from_folder[0]["image/png"] == from_numbers[0]["image/png"]
    assert "2 predictions from 40 to 60, median 50" in from_folder[0]["text/plain"]


def test_an_empty_class_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        class_histogram("%", [], 4.0)
