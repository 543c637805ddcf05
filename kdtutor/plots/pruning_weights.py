"""Figures of unit 05: where the weights that stay are, what their removal costs, and what brings them back."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from kdtutor.measure import Interval
from kdtutor.plots.style import BLUE, CYCLE, GREY, VERMILION, house_style

Curve = Mapping[float, Interval]


def kept_by_pixel(counts: Mapping[str, Tensor], title: str = "weights kept at each pixel") -> Figure:
    """How many of the first layer's weights are left at each input pixel, one panel a mask, all on one scale.

    counts: name -> (H, W), from 0 to the number of units that read the pixel.
    """
    highest = max(float(grid.max()) for grid in counts.values())
    with house_style():
        figure, axes = plt.subplots(
            1, len(counts), figsize=(2.9 * len(counts) + 1, 2.9), layout="constrained", squeeze=False
        )
        for axis, (name, grid) in zip(axes[0], counts.items(), strict=True):
            image = axis.imshow(grid.cpu().numpy(), cmap="viridis", vmin=0, vmax=highest)
            axis.set(title=name, xticks=[], yticks=[])
            axis.grid(visible=False)
        figure.colorbar(image, ax=list(axes[0]), label=title, shrink=0.9)
    return figure


def accuracy_by_sparsity(panels: Mapping[str, Mapping[str, Curve]], whole: Interval) -> Figure:
    """Accuracy against sparsity, a panel each, a curve a name with its interval as a band; dashed: nothing removed.

    panels: title -> name -> sparsity -> interval, in per cent. A name has one colour in all panels.
    """
    names = list(dict.fromkeys(name for curves in panels.values() for name in curves))
    colours = dict(zip(names, CYCLE, strict=False))
    with house_style():
        figure, axes = plt.subplots(
            1, len(panels), figsize=(4.9 * len(panels), 3.7), layout="constrained", sharey=True, squeeze=False
        )
        for axis, (title, curves) in zip(axes[0], panels.items(), strict=True):
            axis.axhline(whole.mean, color=GREY, linestyle="--", linewidth=1)
            for name, curve in curves.items():
                sparsities = [100 * sparsity for sparsity in curve]
                axis.plot(sparsities, [p.mean for p in curve.values()], marker="o", color=colours[name], label=name)
                _band(axis, sparsities, list(curve.values()), colours[name])
            axis.set(title=title, xlabel="weights removed in %", ylim=(0, 100))
        axis.legend(loc="lower left", frameon=False)
        axes[0][0].set_ylabel("accuracy in %")
        axes[0][0].annotate(
            "nothing removed", (1, whole.mean), xycoords=("axes fraction", "data"), xytext=(0, 4),
            textcoords="offset points", color=GREY, ha="right",
        )  # fmt: skip
    return figure


def revived(steps: Sequence[int], curves: Mapping[str, Sequence[Interval]]) -> Figure:
    """Mean magnitude of the removed weights against steps since pruning, in units of the pruning threshold."""
    with house_style():
        figure, axis = plt.subplots(figsize=(7, 3.4), layout="constrained")
        for colour, (name, points) in zip(CYCLE, curves.items(), strict=False):
            means = [point.mean for point in points]
            axis.plot(steps, means, color=colour)
            _band(axis, steps, points, colour)
            axis.annotate(
                name, (steps[-1], means[-1]), xytext=(6, 0), textcoords="offset points", color=colour, va="center"
            )
        axis.set(xlabel="steps since pruning", ylabel="mean |w| of removed weights\nin pruning thresholds")
    return figure


def one_weight(paths: Mapping[str, Sequence[float]]) -> Figure:
    """The path of a single weight that no gradient moves, step by step under each rule."""
    with house_style():
        figure, axis = plt.subplots(figsize=(7, 3.4), layout="constrained")
        axis.axhline(0, color=GREY, linewidth=1)
        for colour, marker, (name, path) in zip(CYCLE, "osD^", paths.items(), strict=False):
            axis.plot(range(len(path)), path, marker=marker, color=colour, label=name, linewidth=1.5)
        axis.legend(frameon=False, loc="upper right")
        axis.set(xlabel="step", ylabel="weight")
    return figure


def tickets(accuracies: Mapping[str, Curve], whole: Interval) -> Figure:
    """Accuracy of tickets and their controls at each sparsity, a point with its interval each; in per cent."""
    sparsities = list(dict.fromkeys(sparsity for curve in accuracies.values() for sparsity in curve))
    with house_style():
        figure, axis = plt.subplots(figsize=(7, 3.6), layout="constrained")
        axis.axhline(whole.mean, color=GREY, linestyle="--", linewidth=1)
        axis.annotate(
            "whole network", (0, whole.mean), xycoords=("axes fraction", "data"), xytext=(4, -13),
            textcoords="offset points", color=GREY,
        )  # fmt: skip
        for number, (colour, (name, curve)) in enumerate(zip(CYCLE, accuracies.items(), strict=False)):
            shift = 0.14 * (number - (len(accuracies) - 1) / 2)
            places = [sparsities.index(sparsity) + shift for sparsity in curve]
            means = [point.mean for point in curve.values()]
            reach = [[p.mean - p.low for p in curve.values()], [p.high - p.mean for p in curve.values()]]
            axis.errorbar(places, means, reach, fmt="o", color=colour, label=name, capsize=4)
        axis.set_xticks(range(len(sparsities)), [f"{sparsity:.0%} removed" for sparsity in sparsities])
        axis.set(ylabel="accuracy in %", xlim=(-0.6, len(sparsities) - 0.4))
        axis.grid(visible=False, axis="x")
        axis.legend(loc="lower left", frameon=False)
    return figure


def sparsity_by_step(curves: Mapping[str, Sequence[float]]) -> Figure:
    """Fraction removed against training steps, one curve a schedule, given at every step from 0."""
    with house_style():
        figure, axis = plt.subplots(figsize=(7, 3.2), layout="constrained")
        for colour, (name, values) in zip((BLUE, VERMILION, *CYCLE[2:]), curves.items(), strict=False):
            axis.plot(range(len(values)), [100 * value for value in values], color=colour, label=name)
        axis.legend(frameon=False, loc="lower right")
        axis.set(xlabel="training step", ylabel="weights removed in %", ylim=(0, 105))
    return figure


def _band(axis: Axes, x: Sequence[float], points: Sequence[Interval], colour: str) -> None:
    axis.fill_between(x, [p.low for p in points], [p.high for p in points], color=colour, alpha=0.2, linewidth=0)
