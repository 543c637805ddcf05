"""The race as an explorer: what is drawn and said while it runs, and a button that stops it."""

import asyncio

import pytest

from kdtutor.demos import race
from kdtutor.demos.racing import DISTILLED, LABELS, Settings, Standing
from kdtutor.demos.shell import Panel
from kdtutor.measure import paired_comparison

CURVES = {LABELS: ((0.5, 0.4), (0.6, 0.62)), DISTILLED: ((0.55, 0.39), (0.7, 0.71))}


def test_before_the_button_nothing_is_trained() -> None:
    pictures, sentence = race.explorer().see()
    assert sentence == "Nobody has started yet."
    assert "No epoch has been run" in pictures[1].alt


def test_while_it_runs_both_sides_are_told_with_their_worst_and_best_seed() -> None:
    standing = Standing(Settings(epochs=9), CURVES)
    assert race.say(standing) == (
        "After 2 of 9 epochs, mean (worst to best): labels 61.0% (60.0% to 62.0%), distilled 70.5% (70.0% to 71.0%)."
    )
    pictures = race.draw(standing, "dark")
    assert "leads in 2 of 2" in pictures[1].alt
    curves, ahead = (picture.figure.axes[0] for picture in pictures)
    assert curves.get_xlim()[1] > 9, "there is room for the epochs to come"
    assert [line.get_ydata()[-1] for line in curves.lines] == pytest.approx([0.61, 0.705])
    assert ahead.lines[-1].get_ydata().tolist() == pytest.approx([2.0, 9.5])


def test_the_end_is_a_verdict_in_percentage_points() -> None:
    verdict = paired_comparison([0.9, 0.92, 0.91], [0.88, 0.9, 0.88], smallest_gain=0.005)
    said = race.say(Standing(Settings(), CURVES, verdict))
    assert "On test pictures: gain. Distilled minus labels is +2.3 percentage points" in said
    assert "from 3 pairs of seeds; a gain counts from 0.5" in said


def test_a_still_picture_shows_a_race_that_was_run() -> None:
    explorer = race.explorer()
    (changes,) = explorer.stills
    _, sentence = explorer.see(**(changes | {"epochs": 4}))
    assert sentence.startswith("After 4 of 4 epochs")
    assert "On test pictures" in sentence


def test_the_panel_draws_each_epoch_and_stop_ends_the_race() -> None:
    panel = Panel(race.explorer(), ask=False)
    panel.choose(pictures=250, epochs=24)
    epochs: list[int] = []

    def seen(_change: object) -> None:
        epochs.append(panel.result.epoch)
        if panel.result.epoch == 3:
            panel._heard(panel, {"do": "stop"}, [])

    panel.observe(seen, "seen")
    asyncio.run(panel.run())
    assert epochs == [1, 2, 3]
    assert not panel.running


def test_the_prediction_is_measured_when_it_is_committed() -> None:
    question = race.explorer().question
    assert question is not None
    assert "1,000 training pictures" in question.text
    assert -10 < question.answer() < 20
