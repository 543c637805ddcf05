"""One look for every figure: colours that colour-blind readers tell apart, sizes that a projector carries."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib.pyplot as plt

# Okabe and Ito, "Color Universal Design", 2008
BLUE, ORANGE, GREEN, VERMILION, PURPLE, SKY, GREY = (
    "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#6B6B6B",
)  # fmt: skip
CYCLE = [BLUE, VERMILION, GREEN, ORANGE, PURPLE, SKY]

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
def house_style() -> Iterator[None]:
    """Figures made inside have the house style; matplotlib's settings are as before afterwards."""
    with plt.rc_context(_RC):
        yield
