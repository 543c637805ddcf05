"""The panel without a browser: what it holds back, what it shows, what it does when something moves."""

import base64

import pytest

from kdtutor.checks import predictions
from kdtutor.demos.shell import Panel, show
from tests.demos.toy import squares

LIVE = "application/vnd.jupyter.widget-view+json"


def test_nothing_is_computed_or_shown_before_a_prediction_is_committed() -> None:
    asked: list[str] = []
    panel = Panel(squares(asked))
    panel.choose(x=3)
    panel.theme = "dark"
    assert (panel.seen, panel.verdict, asked, panel.result) == ({}, {}, [], None)
    panel.commit("50")
    assert asked == ["measured"]
    assert panel.seen["sentence"] == "The result is 9."
    assert panel.question is None
    assert panel.verdict["sentence"] == "Measured: 49. You predicted 50: close."
    assert predictions.recall("What is 7²?") == 50


def test_what_is_no_number_is_named_and_commits_nothing() -> None:
    asked: list[str] = []
    panel = Panel(squares(asked))
    for text, words in (("", "Write a number first"), ("50\nmany", "'many' is not a number"), ("inf", "'inf' is not")):
        panel.commit(text)
        assert words in panel.verdict["problem"]
    assert panel.question is not None
    assert asked == []


def test_a_class_s_answers_show_as_a_histogram() -> None:
    panel = Panel(squares())
    panel.commit("40\n49, 50; 98%")
    assert panel.verdict["sentence"].startswith("Measured: 49 units. 4 predictions from 40 to 98, median 49.5; 3 of")
    assert base64.b64decode(panel.verdict["picture"]["src"].split(",")[1]).startswith(b"\x89PNG")
    before = panel.verdict
    panel.commit("1")
    assert panel.verdict == before, "a second commit changed the first"


def test_controls_given_values_and_theme_change_what_is_seen() -> None:
    panel = Panel(squares(), ask=False)
    assert panel.seen["sentence"] == "The result is 4."
    panel.choose(x=3, sign=-1)
    assert panel.seen["sentence"] == "The result is -9."
    panel.given["offset"] = 100
    panel.compute()
    assert panel.seen["sentence"] == "The result is 91."
    light = panel.seen["pictures"][0]
    panel.theme = "dark"
    dark = panel.seen["pictures"][0]
    assert light["alt"] == dark["alt"] == "A line from 0 to 91."
    assert light["src"] != dark["src"]
    panel.large = True
    assert len(panel.seen["pictures"][0]["src"]) > len(dark["src"])
    with pytest.raises(ValueError, match="x is 4: one of 1, 2, 3 is needed"):
        panel.choose(x=4)


def test_the_front_end_gets_labels_and_words_for_every_value() -> None:
    panel = Panel(squares(), ask=False)
    assert panel.controls == [
        {"name": "x", "label": "number", "kind": "slider", "shown": ["1", "2", "3"]},
        {"name": "sign", "label": "sign", "kind": "menu", "shown": ["+1", "-1"]},
    ]
    assert panel.chosen == {"x": 1, "sign": 0}


def test_one_output_carries_the_live_view_and_the_stills(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[tuple[dict, dict]] = []
    monkeypatch.setattr("IPython.display.display", lambda data, metadata, raw: shown.append((data, metadata)))
    show(squares())
    ((data, metadata),) = shown
    assert set(data) == {LIVE, "image/png", "text/plain"}
    assert data["image/png"].startswith(b"\x89PNG")
    assert "The result is 9." in metadata["image/png"]["alt"]
