"""Figures of unit 07: where the codes lie, what comes back from them, what they cost in accuracy and save in time."""

from collections.abc import Mapping, Sequence
from itertools import cycle

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from kdtutor.measure import Interval, LatencyRatio
from kdtutor.plots.style import BLUE, CYCLE, GREEN, GREY, ORANGE, VERMILION, house_style


def round_trips(x: Tensor, returned: Mapping[str, Tensor], low: float, high: float) -> Figure:
    """What comes back of each x, a panel a way of coding; the range that the codes cover, [low, high], is shaded."""
    with house_style():
        figure, axes = plt.subplots(
            1, len(returned), figsize=(4.2 * len(returned), 3.3), layout="constrained", sharey=True, squeeze=False
        )
        for axis, (name, values) in zip(axes.flat, returned.items(), strict=True):
            axis.axvspan(low, high, color=GREY, alpha=0.12, linewidth=0)
            axis.plot(x.numpy(), x.numpy(), color=GREY, linewidth=1, linestyle="--")
            axis.plot(x.numpy(), values.numpy(), color=BLUE, marker=".", markersize=2, linestyle="none")
            axis.set(title=name, xlabel="x")
        axes[0, 0].set_ylabel("x̂, back from its code")
    return figure


def levels_over_weights(weights: Tensor, levels: Mapping[str, Tensor]) -> Figure:
    """A histogram of weights, and below it the values that each format can name among them, a row a format."""
    shown = 1.05 * float(weights.abs().max())
    with house_style():
        figure, (top, bottom) = plt.subplots(
            2, 1, figsize=(7.5, 3.9), layout="constrained", sharex=True, height_ratios=[2, 0.45 * len(levels)]
        )
        top.hist(weights.flatten().numpy(), bins=80, color=BLUE)
        top.set(ylabel="weights", xlim=(-shown, shown))
        for row, (colour, (_, values)) in enumerate(zip(cycle(CYCLE[1:]), levels.items(), strict=False)):
            inside = values[values.abs() <= shown].numpy()
            bottom.plot(inside, [row] * len(inside), marker="|", markersize=14, linestyle="none", color=colour)
        bottom.set(xlabel="value", yticks=range(len(levels)), ylim=(len(levels) - 0.5, -0.5))
        bottom.set_yticklabels(list(levels))
    return figure


def accuracy_by_calibration(results: Mapping[str, Mapping[str, Mapping[str, Interval]]], floating: float) -> Figure:
    """Accuracy by calibration method: a panel a number of bits, a colour a calibration set (two).

    results: panel -> calibration set -> method -> interval of accuracies from 0 to 1. floating: the networks' accuracy
    without rounding, drawn as a dashed line.
    """
    with house_style():
        figure, axes = plt.subplots(
            1, len(results), figsize=(4.6 * len(results), 3.4), layout="constrained", sharey=True, squeeze=False
        )
        for axis, (panel, sets) in zip(axes.flat, results.items(), strict=True):
            for shift, colour, (name, methods) in zip((-0.12, 0.12), (BLUE, VERMILION), sets.items(), strict=True):
                at = [place + shift for place in range(len(methods))]
                _intervals(axis, at, list(methods.values()), colour, linestyle="none", label=name)
            axis.axhline(100 * floating, color=GREY, linestyle="--", linewidth=1)
            axis.set(title=panel, ylim=(0, 100), xticks=range(len(methods)))
            axis.set_xticklabels(list(methods))
        axes[0, 0].set_ylabel("accuracy in %")
        axes[0, 0].legend(loc="lower left", frameon=False, fontsize=10)
    return figure


def accuracy_by_bits(curves: Mapping[str, Sequence[tuple[float, Interval]]], floating: Interval) -> Figure:
    """Accuracy against bits per weight, a curve a scheme, intervals as bars; the dashed line is float32."""
    with house_style():
        figure, axis = plt.subplots(figsize=(8, 4.4), layout="constrained")
        axis.axhline(100 * floating.mean, color=GREY, linestyle="--", linewidth=1)
        for colour, mark, (name, points) in zip(cycle([*CYCLE, GREY]), cycle("osD^vPX"), curves.items(), strict=False):
            bits, intervals = [b for b, _ in points], [interval for _, interval in points]
            _intervals(axis, bits, intervals, colour, marker=mark, label=name, linewidth=1.5)
        axis.annotate("float32", (2, 100 * floating.mean), xytext=(0, 4), textcoords="offset points", color=GREY)
        axis.set(xlabel="bits per weight, scales included", ylabel="accuracy in %", ylim=(0, 95))
        axis.legend(loc="lower right", frameon=False)
    return figure


def time_against_float(
    ratios: Mapping[int, Mapping[int, LatencyRatio]], parts: Mapping[str, Mapping[str, float]]
) -> Figure:
    """Left: time of int8 over float32 against batch size, a curve a width. Right: what an int8 layer spends it on.

    ratios: width -> batch size -> ratio, quartiles as bars. parts: layer -> step -> time as a share of the whole.
    """
    with house_style():
        figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.7), layout="constrained", width_ratios=[1.1, 1])
        for colour, (width, row) in zip(cycle(CYCLE), ratios.items(), strict=False):
            middle, low, high = zip(*((r.median, r.low, r.high) for r in row.values()), strict=True)
            reach = [
                [m - a for m, a in zip(middle, low, strict=True)],
                [b - m for m, b in zip(middle, high, strict=True)],
            ]
            left.errorbar(list(row), middle, reach, color=colour, marker="o", capsize=3, label=f"{width} × {width}")
        left.axhline(1, color=GREY, linestyle="--", linewidth=1)
        sizes = sorted({size for row in ratios.values() for size in row})
        left.set(xscale="log", yscale="log", xlabel="rows in the batch", ylabel="time of int8 / time of float32")
        left.set_xticks(sizes, [str(size) for size in sizes])
        left.yaxis.set_major_formatter(plt.FuncFormatter(lambda ratio, _: f"{ratio:g}"))
        left.set_yticks([0.125, 0.25, 0.5, 1, 2, 4])
        left.minorticks_off()
        left.legend(frameon=False, title="weights")
        _stacked(right, parts)
    return figure


def _intervals(axis: Axes, at: Sequence[float], intervals: Sequence[Interval], colour: str, **style: object) -> None:
    """Means with the ends of their intervals, in percent."""
    means = [100 * interval.mean for interval in intervals]
    reach = [[100 * (i.mean - i.low) for i in intervals], [100 * (i.high - i.mean) for i in intervals]]
    axis.errorbar(at, means, reach, color=colour, capsize=3, **{"marker": "o", **style})  # type: ignore[arg-type]


def _stacked(axis: Axes, parts: Mapping[str, Mapping[str, float]]) -> None:
    """One bar a layer, its steps side by side in percent of the whole."""
    steps = list(next(iter(parts.values())))
    begun = [0.0] * len(parts)
    for colour, step in zip((VERMILION, ORANGE, BLUE, GREEN), steps, strict=True):
        shares = [100 * row[step] for row in parts.values()]
        axis.barh(list(parts), shares, left=begun, color=colour, label=step)
        begun = [a + b for a, b in zip(begun, shares, strict=True)]
    axis.set(xlabel="share of the int8 layer's time in %", xlim=(0, 100))
    axis.invert_yaxis()
    axis.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, frameon=False, fontsize=9)
