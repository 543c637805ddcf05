"""The rows as a figure: every ratio, its spread, its target."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from kdtutor.bench.row import Row
from kdtutor.plots.style import BLUE, GREY, VERMILION, house_style

_COLOURS = {"reached": BLUE, "missed": VERMILION}


def picture(rows: Sequence[Row]) -> Figure:
    """Ours over rival, a line a row, on a logarithmic axis: left of 1 ours is the smaller, a tick marks the target.

    The bar through a point spans the middle half of the pairs. Blue: target reached; vermilion: missed; grey: only
    reported. Rows without a figure are named with what they lack. Raises ValueError without any comparison.
    """
    compared = [row for row in rows if row.rival_is is not None]
    if not compared:
        raise ValueError("rows holds no comparison: run something beside the ceilings")
    with house_style():
        figure, axis = plt.subplots(figsize=(9, 1.2 + 0.34 * len(compared)), layout="constrained")
        axis.axvline(1, color=GREY, linewidth=1)
        for place, row in enumerate(compared):
            colour = _COLOURS.get(row.verdict, GREY)
            if row.ratio is None:
                axis.annotate(f"  {row.verdict}", (1, place), color=GREY, va="center", fontsize=9)
                continue
            axis.plot([row.ratio.low, row.ratio.high], [place, place], color=colour, linewidth=3, alpha=0.5)
            axis.plot(row.ratio.median, place, "o", color=colour)
            axis.annotate(
                f"{row.ratio.median:.3g}",
                (row.ratio.high, place),
                xytext=(6, 0),
                textcoords="offset points",
                color=colour,
                va="center",
                fontsize=9,
            )
            if row.target is not None:
                axis.plot(row.target, place, "|", color="black", markersize=14, markeredgewidth=2)
        axis.set_yticks(range(len(compared)), [row.name for row in compared], fontsize=9)
        axis.set_ylim(len(compared) - 0.5, -0.5)
        axis.set(xscale="log", xlabel="ours / rival (left of 1: ours is smaller); | target")
        axis.xaxis.set_major_formatter(plt.FuncFormatter(lambda ratio, _: f"{ratio:g}"))
        axis.minorticks_off()
    return figure
