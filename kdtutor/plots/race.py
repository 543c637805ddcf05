"""Figures of the race: two ways of training, epoch by epoch, while they run."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from kdtutor.plots.style import Theme, house_style, palette


def growing_curves(
    curves: Mapping[str, Sequence[Sequence[float]]], epochs: int, theme: Theme = "light", chance: float = 1 / 36
) -> Figure:
    """Validation accuracy against the epoch: a line through each side's means, a band from its worst to its best seed.

    curves: side → a list an epoch with each seed's accuracy, from 0 to 1; the axes already have room for `epochs`.
    chance: what guessing reaches, where every curve begins.
    """
    with house_style(theme):
        figure = Figure(figsize=(4.6, 3.4))
        axes = figure.subplots()
        figure.subplots_adjust(left=0.17, right=0.97, bottom=0.15, top=0.97)
        ends = {side: sum(values[-1]) / len(values[-1]) if values else chance for side, values in curves.items()}
        for colour, (side, values) in zip(palette(theme).cycle, curves.items(), strict=False):
            x = range(len(values) + 1)
            low, mean, high = ([chance, *(f(seeds) for seeds in values)] for f in (min, _mean, max))
            axes.fill_between(x, low, high, color=colour, alpha=0.3, linewidth=0)
            axes.plot(x, mean, color=colour, marker="o" if epochs <= 30 else "", markersize=4)
            above = ends[side] >= max(ends.values())
            axes.annotate(
                f"{side} {ends[side]:.1%}" if values else side, (len(values), ends[side]),
                xytext=(6, 10 if above else -12), textcoords="offset points", color=colour, weight="bold",
                ha="left" if len(values) < 0.5 * epochs else "right", va="center",
            )  # fmt: skip
        _epochs(axes, epochs)
        axes.set(ylim=(0, 1), ylabel="validation accuracy")
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    return figure


def growing_difference(
    method: Sequence[Sequence[float]], baseline: Sequence[Sequence[float]], epochs: int, theme: Theme = "light"
) -> Figure:
    """By how much the method is ahead, in percentage points, seed by seed: a thin line for each, a thick for the mean.

    method, baseline: a list an epoch with each seed's accuracy, the same seeds in the same order.
    """
    ahead = [
        [100 * (a - b) for a, b in zip(ours, theirs, strict=True)]
        for ours, theirs in zip(method, baseline, strict=True)
    ]
    colours = palette(theme)
    with house_style(theme):
        figure = Figure(figsize=(4.6, 3.4))
        axes = figure.subplots()
        figure.subplots_adjust(left=0.17, right=0.97, bottom=0.15, top=0.97)
        axes.axhline(0, color=colours.ink, linewidth=1)
        x = range(1, len(ahead) + 1)
        axes.plot(x, ahead, color=colours.muted, linewidth=0.8, alpha=0.7)
        axes.plot(x, [_mean(seeds) for seeds in ahead], color=colours.accent, linewidth=3, marker="o", markersize=4)
        _epochs(axes, epochs)
        reach = max([5.0, *(1.1 * abs(d) for seeds in ahead for d in seeds)])
        axes.set(ylim=(-reach, reach), ylabel="ahead, percentage points")
    return figure


def _epochs(axes: Axes, epochs: int) -> None:
    axes.set(xlim=(-0.2, epochs + 0.3), xlabel="epoch")
    axes.set_xticks(range(0, epochs + 1, max(1, epochs // 6)))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
