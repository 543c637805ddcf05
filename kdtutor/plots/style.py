"""One look for every figure: colours that colour-blind readers tell apart, sizes that a projector carries."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import matplotlib.pyplot as plt

# Okabe and Ito, "Color Universal Design", 2008
BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY, GREY = (
    "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#6B6B6B",
)  # fmt: skip
CYCLE = [BLUE, VERMILION, GREEN, ORANGE, PURPLE, SKY]

Theme = Literal["light", "dark"]


@dataclass(frozen=True)
class Palette:
    """The colours of a theme: ground and ink, what is muted, and the cycle whose members keep apart on that ground."""

    ground: str
    ink: str
    muted: str
    grid: str
    cycle: tuple[str, ...]

    @property
    def main(self) -> str:
        """What is shown."""
        return self.cycle[0]

    @property
    def accent(self) -> str:
        """What is set against it."""
        return self.cycle[1]


_PALETTES = {
    "light": Palette("#FFFFFF", "#1A1A1A", GREY, "#E5E5E5", tuple(CYCLE)),
    # On a dark ground the darker half of the colours is hard to see: the lighter half leads.
    "dark": Palette("#14171A", "#F2F2F2", "#A8ADB3", "#3A3F45", (SKY, ORANGE, "#2CC295", PURPLE, "#F0E442", "#F2734A")),
}


def palette(theme: Theme = "light") -> Palette:
    """The theme's colours. Raises ValueError for a theme that is neither "light" nor "dark"."""
    if theme not in _PALETTES:
        raise ValueError(f"theme is {theme!r}: 'light' or 'dark' is needed")
    return _PALETTES[theme]


_RC: dict[Any, Any] = {
    "figure.dpi": 110,
    "figure.facecolor": "white",
    "savefig.bbox": "tight",
    "font.size": 11,
    "axes.titlesize": 12,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E5E5E5",
    "axes.prop_cycle": plt.cycler(color=CYCLE),
    "lines.linewidth": 2,
    "lines.markersize": 5,
}


@contextmanager
def house_style(theme: Theme = "light") -> Iterator[None]:
    """Figures made inside have the house style; matplotlib's settings are as before afterwards."""
    with plt.rc_context(_RC if theme == "light" else _RC | _on(palette(theme))):
        yield


def _on(colours: Palette) -> dict[Any, Any]:
    """The settings that a ground other than white changes."""
    ink = ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color", "axes.titlecolor")
    return {
        **dict.fromkeys(ink, colours.ink),
        **dict.fromkeys(("figure.facecolor", "axes.facecolor", "savefig.facecolor"), colours.ground),
        "grid.color": colours.grid,
        "axes.prop_cycle": plt.cycler(color=colours.cycle),
    }
