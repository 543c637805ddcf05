"""What holds for every explorer with controls: each setting is drawn, said and described, in time, in both themes."""

import re
from contextlib import nullcontext
from statistics import median
from time import perf_counter
from typing import Any

import pytest

from kdtutor.demos import pruning, quantising, temperature
from kdtutor.demos.explorer import Control, Explorer
from kdtutor.demos.picture import pixels
from kdtutor.demos.shell import Panel
from kdtutor.plots.style import palette
from tests.one_machine import OneMachine

EXPLORERS = {"temperature": temperature.explorer, "pruning": pruning.explorer, "quantising": quantising.explorer}
WIDEST = 4.6  # inches
SOON = 0.15  # seconds

every_explorer = pytest.mark.parametrize("name", EXPLORERS)


def settings(explorer: Explorer[Any]) -> list[dict[str, Any]]:
    """Every value of each control, the others at their start."""
    return [{control.name: value} for control in explorer.controls for value in control.values]


@every_explorer
def test_every_value_of_every_control_is_drawn_said_and_described(name: str) -> None:
    explorer = EXPLORERS[name]()
    for changes in settings(explorer):
        pictures, sentence = explorer.see(**changes)
        assert len(re.findall(r"\d", sentence)) > 5, sentence
        for picture in pictures:
            assert picture.figure.get_size_inches()[0] <= WIDEST
            assert len(re.findall(r"\d", picture.alt)) > 1, picture.alt
            assert "nan" not in picture.alt + sentence


@every_explorer
def test_moving_a_control_changes_the_numbers(name: str) -> None:
    explorer = EXPLORERS[name]()
    for control in explorer.controls:
        said = {re.sub(r"[\d.]+ ms.*", "", explorer.say(explorer.result(**{control.name: v}))) for v in control.values}
        assert len(said) > len(control.values) / 2, control.name


@every_explorer
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_pictures_have_the_ground_of_their_theme(name: str, theme: Any) -> None:
    pictures, _ = EXPLORERS[name]().see(theme)
    for picture in pictures:
        colours = pixels(picture.figure, theme).convert("RGB").getcolors(2**20)
        assert colours is not None
        assert "#{:02X}{:02X}{:02X}".format(*max(colours)[1]) == palette(theme).ground


@every_explorer
def test_a_move_is_answered_within_150_ms(name: str, machine: OneMachine) -> None:
    """Computed, drawn and packed for the page: the median of nine moves; beside another test, or else alone."""
    panel = Panel(EXPLORERS[name](), ask=False)
    control = next(control for control in panel.explorer.controls if control.kind == "slider")
    for company in (nullcontext, machine.alone):
        taken = []
        with company():
            for step in range(9):
                value = control.values[step % (len(control.values) - 1) + 1 if step % 2 else 0]
                began = perf_counter()
                panel.choose(**{control.name: value})
                taken.append(perf_counter() - began)
        if median(taken) <= SOON:
            break
    assert median(taken) <= SOON, f"{1000 * median(taken):.0f} ms"


@every_explorer
def test_the_question_s_answer_is_a_number_among_what_can_be_reached(name: str) -> None:
    question = EXPLORERS[name]().question
    assert question is not None
    assert question.text.endswith("?")
    assert 1 < question.answer() < 1000


def test_a_control_that_starts_nowhere_is_refused() -> None:
    with pytest.raises(ValueError, match="starts at 5, which is not among its values"):
        Control("bits", "bits", (2, 3), 5)
