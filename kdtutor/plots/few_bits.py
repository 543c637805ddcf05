"""Figures of unit 08: slopes of a staircase, accuracy by bits, means of many roundings, bytes in a file."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from kdtutor.measure import Interval
from kdtutor.plots.style import BLUE, CYCLE, GREEN, GREY, ORANGE, PURPLE, VERMILION, house_style


def staircase(
    x: Tensor, value: Tensor, smoothed: Tensor, slopes: Mapping[str, Tensor], low: float, high: float
) -> Figure:
    """Left: the rounded value and its running mean over one step. Right: slopes against x, a curve a name.

    All tensors: (N,). The range that the codes cover, [low, high], is shaded.
    """
    with house_style():
        figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.6), layout="constrained")
        for axis in (left, right):
            axis.axvspan(low, high, color=GREY, alpha=0.12, linewidth=0)
            axis.set_xlabel("x")
        left.plot(x.numpy(), value.numpy(), color=BLUE, label="rounded")
        left.plot(x.numpy(), smoothed.numpy(), color=VERMILION, linestyle="--", label="its mean over a step")
        left.set_ylabel("x̂")
        left.legend(loc="upper left", frameon=False)
        for colour, dash, (name, slope) in zip(
            (BLUE, VERMILION, GREEN), ("-", "--", ":"), slopes.items(), strict=False
        ):
            right.plot(x.numpy(), slope.numpy(), color=colour, linestyle=dash, label=name)
        right.set(ylabel="slope", ylim=(-0.15, 1.6))
        right.legend(loc="upper left", frameon=False, fontsize=10)
    return figure


def accuracy_by_bits(curves: Mapping[str, Mapping[int, Interval]], floating: Interval) -> Figure:
    """Accuracy against bits a weight, a curve a method with its interval as a band; the dashed line is float32.

    A method that is trained is drawn solid, one whose name ends in "afterwards" dashed.
    """
    with house_style():
        figure, axis = plt.subplots(figsize=(8, 4.2), layout="constrained")
        axis.axhline(100 * floating.mean, color=GREY, linewidth=1)
        for colour, mark, (name, points) in zip(CYCLE, "osD^v", curves.items(), strict=False):
            dash = "--" if name.endswith("afterwards") else "-"
            _band(axis, list(points), list(points.values()), colour, marker=mark, linestyle=dash, label=name)
        bits = sorted({b for points in curves.values() for b in points})
        axis.annotate("float32", (bits[0], 100 * floating.mean), xytext=(0, 4), textcoords="offset points", color=GREY)
        axis.set(xscale="log", xlabel="bits a weight", ylabel="accuracy in %")
        axis.set_xticks(bits, [str(b) for b in bits])
        axis.minorticks_off()
        axis.legend(loc="lower right", frameon=False)
    return figure


def rounded_gradients(
    draws: Sequence[int],
    errors: Mapping[str, Sequence[float]],
    accuracies: Mapping[str, Mapping[int, Interval]],
    floating: Interval,
) -> Figure:
    """Left: error of the mean of n roundings of one gradient, both axes logarithmic. Right: accuracy after training.

    errors: way of rounding -> relative error a number of draws. accuracies: way -> bits -> interval.
    """
    with house_style():
        figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.7), layout="constrained")
        for colour, (name, values) in zip((VERMILION, BLUE), errors.items(), strict=False):
            left.plot(draws, values, marker="o", color=colour, label=name)
        left.set(xscale="log", yscale="log", xlabel="roundings averaged", ylabel="error of their mean, relative to g")
        left.set_xticks(list(draws), [str(n) for n in draws])
        left.set_yticks([0.1, 0.2, 0.5, 1, 2], ["0.1", "0.2", "0.5", "1", "2"])
        left.minorticks_off()
        left.legend(loc="lower left", frameon=False)
        right.axhline(100 * floating.mean, color=GREY, linewidth=1)
        bits = sorted({b for points in accuracies.values() for b in points})
        for colour, shift, (name, points) in zip((VERMILION, BLUE), (-0.06, 0.06), accuracies.items(), strict=False):
            means = [100 * p.mean for p in points.values()]
            reach = [
                [100 * (p.mean - p.low) for p in points.values()],
                [100 * (p.high - p.mean) for p in points.values()],
            ]
            at = [bits.index(b) + shift for b in points]
            right.errorbar(at, means, reach, color=colour, marker="o", linestyle="none", capsize=3, label=name)
        right.annotate("float32", (-0.3, 100 * floating.mean), xytext=(0, 4), textcoords="offset points", color=GREY)
        right.set(xlabel="bits of a gradient", ylabel="accuracy in %", xlim=(-0.4, len(bits) - 0.6))
        right.set_xticks(range(len(bits)), [str(b) for b in bits])
        right.legend(loc="lower right", frameon=False)
    return figure


def bytes_by_part(files: Mapping[str, Mapping[str, int]], whole: int) -> Figure:
    """Bytes of each way of storing, a bar a way, its parts side by side; beside it how many times less than `whole`."""
    parts = list(dict.fromkeys(part for file in files.values() for part in file))
    colours = dict(zip(parts, (BLUE, ORANGE, GREEN, PURPLE, VERMILION), strict=False))
    with house_style():
        figure, axis = plt.subplots(figsize=(9, 0.9 + 0.55 * len(files)), layout="constrained")
        for row, file in enumerate(files.values()):
            begun = 0.0
            for part, size in file.items():
                axis.barh(row, size / 1000, left=begun, color=colours[part], label=part if part in parts else None)
                parts = [p for p in parts if p != part]
                begun += size / 1000
            axis.annotate(
                f"{begun:.1f} kB, {whole / sum(file.values()):.1f} times less", (begun, row), xytext=(5, 0),
                textcoords="offset points", va="center",
            )  # fmt: skip
        widest = max(sum(file.values()) for file in files.values()) / 1000
        axis.set(xlabel="kB (1,000 bytes)", xlim=(0, 1.45 * widest))
        axis.set_yticks(range(len(files)), list(files))
        axis.invert_yaxis()
        axis.grid(visible=False, axis="y")
        axis.legend(loc="lower right", frameon=False)
    return figure


def _band(axis: Axes, at: Sequence[float], points: Sequence[Interval], colour: str, **style: object) -> None:
    axis.plot(at, [100 * p.mean for p in points], color=colour, **style)  # type: ignore[arg-type]
    axis.fill_between(
        at, [100 * p.low for p in points], [100 * p.high for p in points], color=colour, alpha=0.2, linewidth=0
    )
