"""A canvas to write a character on, in a notebook or in Voila: mouse, pen and finger."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anywidget
import traitlets

FRONT = Path(__file__).parent / "front"
SIDE = 128


def _as_bytes(value: Any, _widget: object) -> bytes:
    return bytes(value or b"")


class Canvas(anywidget.AnyWidget):
    """What is drawn comes in as `pixels`, `side` × `side` bytes row by row, 0 is paper and 255 ink, while it is drawn.

    shown: a square picture's bytes to put on the paper, as `handwriting.as_pixels` gives them. description: what a
    screen reader says of the paper. theme, large: as a Panel's. on_test: called when a test picture is wanted, by
    those who cannot or would not draw.
    """

    _esm = FRONT / "canvas.js"
    _css = FRONT / "canvas.css"
    side = traitlets.Int(SIDE).tag(sync=True)
    pixels = traitlets.Bytes(b"").tag(sync=True, echo_update=False, from_json=_as_bytes)
    shown = traitlets.Bytes(b"").tag(sync=True, from_json=_as_bytes)
    description = traitlets.Unicode("Empty paper").tag(sync=True)
    theme = traitlets.Enum(("auto", "light", "dark"), "auto").tag(sync=True)
    large = traitlets.Bool(False).tag(sync=True)

    def __init__(self, on_test: Callable[[], None], **traits: Any) -> None:
        self._on_test = on_test
        super().__init__(**traits)
        self.on_msg(self._heard)

    def _heard(self, _widget: object, content: dict[str, Any], _buffers: object) -> None:
        if content == {"do": "test"}:
            self._on_test()
