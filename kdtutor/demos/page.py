"""All explorers on one page, one at a time, for a projector: what `kdtutor demo` opens through Voila."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anywidget
import ipywidgets
import traitlets

if TYPE_CHECKING:
    from kdtutor.demos.explorer import Explorer

FRONT = Path(__file__).parent / "front"
PAUSE = 0.5  # seconds between two rooms that are furnished in advance, in which what was pressed is heard


@dataclass(frozen=True)
class Room:
    """load: reads or trains what is needed, in any thread. make: the widget, from traits (theme, large) and ask."""

    load: Callable[[], object]
    make: Callable[[dict[str, Any], bool], ipywidgets.DOMWidget]


class Bar(anywidget.AnyWidget):
    """Steps between rooms: buttons, arrow keys, Page Up and Page Down; and light or dark, at first what the system has.

    titles: of the rooms. index: the room on stage. theme: "auto" until the browser has said what it prefers.
    """

    _esm = FRONT / "bar.js"
    _css = FRONT / "bar.css"
    titles = traitlets.List(traitlets.Unicode()).tag(sync=True)
    index = traitlets.Int(0).tag(sync=True)
    theme = traitlets.Enum(("auto", "light", "dark"), "auto").tag(sync=True)


class Page:
    """A bar and a stage. A room is furnished when it is first entered; once a browser shows the page, all are."""

    def __init__(self, rooms: dict[str, Room], *, ask: bool = True) -> None:
        """rooms: title → room. ask: explorers ask before they show."""
        self._rooms, self._ask = list(rooms.values()), ask
        self.furnished: dict[int, ipywidgets.DOMWidget] = {}
        self.bar = Bar(titles=list(rooms))
        self.stage = ipywidgets.VBox()
        self.stage.add_class("kdtutor-stage")
        self.whole = ipywidgets.VBox([self.bar, self.stage])
        self.whole.add_class("kdtutor-page")
        self.bar.observe(lambda _change: self.enter(), "index")
        self.bar.observe(lambda _change: self.enter(), "theme")
        self.bar.on_msg(self._heard)
        self._furnishing: asyncio.Task[None] | None = None
        self.enter()

    def enter(self) -> None:
        """Put the room that the bar points to on stage, in the bar's theme, and the others out of sight."""
        self.furnish(self.bar.index)
        for place, room in self.furnished.items():
            room.layout.display = None if place == self.bar.index else "none"
        for widget in _with_theme(self.furnished[self.bar.index]):
            widget.theme = self.bar.theme

    def furnish(self, place: int) -> None:
        """Make a room's widget, unless it is there. It stays out of sight."""
        if place in self.furnished:
            return
        room = self._rooms[place].make({"theme": self.bar.theme, "large": True}, self._ask)
        room.add_class(f"kdtutor-room-{place}")
        room.layout.display = "none"
        self.furnished[place] = room
        self.stage.children = (*self.stage.children, room)

    async def furnish_rest(self) -> None:
        """Furnish all rooms, so that stepping to one takes no time; what is pressed meanwhile is heard."""
        for place, room in enumerate(self._rooms):
            await asyncio.to_thread(room.load)
            self.furnish(place)
            await asyncio.sleep(PAUSE)

    def _heard(self, _bar: object, content: dict[str, Any], _buffers: object) -> None:
        """The browser shows the page. Not earlier: it would miss what is made while it still asks what there is."""
        if content == {"do": "furnish"} and self._furnishing is None:
            self._furnishing = asyncio.get_running_loop().create_task(self.furnish_rest())


def rooms() -> dict[str, Room]:
    """The five explorers by the title that the bar shows."""
    return {
        "Temperature": _room("temperature"),
        "Draw": _room("draw", _drawing),
        "Prune": _room("pruning"),
        "Quantise": _room("quantising"),
        "Race": _room("race"),
    }


def open_page(*, ask: bool = True) -> None:
    """Show the page, in a notebook that Voila serves or in any other. ask: explorers ask before they show."""
    from IPython.display import display

    display(Page(rooms(), ask=ask).whole)


def _room(module: str, make: Callable[[dict[str, Any], bool], ipywidgets.DOMWidget] | None = None) -> Room:
    """A module's explorer. It is imported when the room is furnished: the page is there before the last of them."""

    def load() -> "Explorer[Any]":
        return import_module(f"kdtutor.demos.{module}").explorer()

    def panel(traits: dict[str, Any], ask: bool) -> ipywidgets.DOMWidget:
        from kdtutor.demos.shell import Panel

        return Panel(load(), ask=ask, **traits)

    return Room(load, make or panel)


def _drawing(traits: dict[str, Any], _ask: bool) -> ipywidgets.DOMWidget:
    from kdtutor.demos import draw

    return draw.beside(*draw.live(**traits))


def _with_theme(widget: ipywidgets.Widget) -> Sequence[Any]:
    inside = [found for child in getattr(widget, "children", ()) for found in _with_theme(child)]
    return [widget, *inside] if widget.has_trait("theme") else inside
