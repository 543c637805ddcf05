"""The page for a projector: rooms are furnished once, one is on stage, and all have one theme."""

import asyncio

import ipywidgets
import pytest
import traitlets

from kdtutor.demos import page as pages
from kdtutor.demos.page import Page


class Lamp(ipywidgets.VBox):
    theme = traitlets.Unicode()


def page(made: list[str]) -> Page:
    def room(name: str) -> pages.Room:
        def make(traits: dict, ask: bool) -> ipywidgets.DOMWidget:
            made.append(f"{name} {ask}")
            return ipywidgets.VBox([Lamp(theme=traits["theme"])])

        return pages.Room(lambda: made.append(f"{name} loaded"), make)

    return Page({name: room(name) for name in ("one", "two", "three")}, ask=False)


def on_stage(shown: Page) -> list[int]:
    return [place for place, room in shown.furnished.items() if room.layout.display != "none"]


def test_only_the_room_that_is_entered_is_made_and_only_once() -> None:
    made: list[str] = []
    shown = page(made)
    assert (made, on_stage(shown)) == (["one False"], [0])
    shown.bar.index = 2
    assert (made, on_stage(shown)) == (["one False", "three False"], [2])
    shown.bar.index = 0
    assert (made, on_stage(shown)) == (["one False", "three False"], [0])
    assert len(shown.stage.children) == 2


def test_once_a_browser_shows_the_page_all_rooms_are_furnished_out_of_sight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "PAUSE", 0.0)
    made: list[str] = []
    shown = page(made)

    async def browser() -> None:
        for _ in range(2):
            shown._heard(shown.bar, {"do": "furnish"}, [])
        assert shown._furnishing is not None
        await shown._furnishing

    asyncio.run(browser())
    assert made == ["one False", "one loaded", "two loaded", "two False", "three loaded", "three False"]
    assert on_stage(shown) == [0]


def test_a_change_of_theme_reaches_the_room_on_stage_at_once_and_the_others_when_they_are_entered() -> None:
    shown = page([])
    shown.bar.index = 1
    shown.bar.theme = "dark"

    def themes() -> list[str]:
        return [room.children[0].theme for room in shown.furnished.values()]

    assert themes() == ["auto", "dark"]
    shown.bar.index = 0
    assert themes() == ["dark", "dark"]
    shown.bar.index = 2
    assert themes() == ["dark", "dark", "dark"]


def test_the_bar_has_the_five_explorers_in_their_order() -> None:
    assert list(pages.rooms()) == ["Temperature", "Draw", "Prune", "Quantise", "Race"]
