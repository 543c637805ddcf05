"""Figures of unit 02: students on labels and distilled, what the settings do, and what faults do."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from kdtutor.measure import Interval
from kdtutor.plots.style import BLUE, CYCLE, GREY, ORANGE, VERMILION, house_style


def asked_again(picture: Tensor, answers: Mapping[str, Tensor], classes: Sequence[str], top: int = 5) -> Figure:
    """One picture, and what a network says about it on several occasions, the same classes in every panel.

    picture: (H, W). answers: occasion -> probabilities (C,). The `top` classes of the first occasion are shown.
    """
    first = next(iter(answers.values()))
    order = first.argsort(descending=True)[:top].tolist()
    with house_style():
        figure, axes = plt.subplots(
            1, 1 + len(answers), figsize=(10, 2.3), layout="constrained", width_ratios=[0.7, *[1] * len(answers)]
        )
        axes[0].imshow(picture.cpu().numpy(), cmap="gray_r", vmin=0, vmax=1)
        axes[0].set(title="input", xticks=[], yticks=[])
        axes[0].grid(visible=False)
        axes[0].spines[:].set_visible(False)
        for axis, (occasion, probs) in zip(axes[1:], answers.items(), strict=True):
            axis.barh(range(len(order)), probs[order].cpu().numpy(), color=BLUE)
            axis.set(xlim=(0, 1), title=occasion, yticks=range(len(order)), xlabel="probability")
            axis.set_yticklabels([classes[c] for c in order])
            axis.invert_yaxis()
    return figure


def accuracy_by_learning_rate(rates: Sequence[float], curves: Mapping[str, Sequence[Interval]]) -> Figure:
    """Accuracy against the learning rate (logarithmic), a curve with its band for each way of training."""
    with house_style():
        figure, axis = plt.subplots(figsize=(7, 3.6), layout="constrained")
        _curves(axis, rates, curves)
        axis.set(xscale="log", xlabel="largest learning rate", ylabel="validation accuracy")
        axis.set_xticks(list(rates), [f"{rate:g}" for rate in rates])
        axis.minorticks_off()
    return figure


def paired_runs(panels: Mapping[str, tuple[Sequence[float], Sequence[float]]], names: tuple[str, str]) -> Figure:
    """Two ways of training, seed by seed: a thin line joins the two results of one seed, a thick one their means.

    panels: title -> (results of names[0], results of names[1]), one number a seed.
    """
    with house_style():
        figure, row = plt.subplots(
            1, len(panels), figsize=(3.4 * len(panels), 3.4), layout="constrained", sharey=True, squeeze=False
        )
        for axis, (title, (first, second)) in zip(row[0], panels.items(), strict=True):
            for a, b in zip(first, second, strict=True):
                axis.plot([0, 1], [a, b], color=GREY, linewidth=0.8, marker="o", markersize=3, alpha=0.7)
            means = [sum(values) / len(values) for values in (first, second)]
            axis.plot([0, 1], means, color=VERMILION, linewidth=3, marker="o", markersize=7)
            axis.set(title=title, xlim=(-0.3, 1.3))
            axis.set_xticks([0, 1], names)
        row[0, 0].set_ylabel("test accuracy")
    return figure


def temperature_alpha_map(
    temperatures: Sequence[float], alphas: Sequence[float], accuracy: Tensor, labels_alone: float
) -> Figure:
    """Accuracy for every temperature and α, written in its square in percent; α = 0 is one number for all.

    accuracy: (temperatures, alphas), from 0 to 1.
    """
    with house_style():
        figure, axis = plt.subplots(figsize=(6.4, 3.8), layout="constrained")
        picture = axis.imshow(accuracy.cpu().numpy() * 100, cmap="viridis", aspect="auto", origin="lower")
        middle = float(accuracy.min() + accuracy.max()) / 2
        for i, row in enumerate(accuracy.tolist()):
            for j, value in enumerate(row):
                colour = "black" if value > middle else "white"
                axis.text(j, i, f"{value:.1%}", ha="center", va="center", color=colour)
        axis.set_xticks(range(len(alphas)), [f"{alpha:g}" for alpha in alphas])
        axis.set_yticks(range(len(temperatures)), [f"{T:g}" for T in temperatures])
        axis.set(xlabel="weight α of the teacher", ylabel="temperature T")
        axis.set_title(f"labels alone (α = 0): {labels_alone:.1%}")
        axis.grid(visible=False)
        figure.colorbar(picture, ax=axis, label="validation accuracy in percent")
    return figure


def accuracy_by_labels(
    counts: Sequence[int], curves: Mapping[str, Sequence[Interval]], reference: tuple[str, Interval]
) -> Figure:
    """Accuracy against the number of pictures (logarithmic), with one result that needs no label as a level line."""
    name, level = reference
    with house_style():
        figure, axis = plt.subplots(figsize=(7, 3.8), layout="constrained")
        _curves(axis, counts, curves)
        axis.axhspan(level.low, level.high, color=ORANGE, alpha=0.3, linewidth=0)
        axis.axhline(level.mean, color=ORANGE)
        axis.annotate(name, (counts[0], level.mean), xytext=(0, -14), textcoords="offset points", color=ORANGE)
        axis.set(xscale="log", xlabel="pictures trained on", ylabel="test accuracy")
        axis.set_xticks(list(counts), [f"{count:,}" for count in counts])
        axis.minorticks_off()
    return figure


def by_shift(
    shifts: Sequence[float], panels: Mapping[str, Mapping[str, Sequence[Interval]]], chosen: Interval
) -> Figure:
    """What raising one class's bias does: a panel for each measure, a curve for each student."""
    with house_style():
        figure, axes = plt.subplots(1, len(panels), figsize=(9.4, 3.6), layout="constrained", squeeze=False)
        for axis, (title, curves) in zip(axes[0], panels.items(), strict=True):
            _curves(axis, shifts, curves)
            axis.axvspan(chosen.low, chosen.high, color=GREY, alpha=0.25, linewidth=0)
            axis.set(title=title, xlabel="shift of the missing class's logit", ylim=(-0.03, 1.03))
    return figure


def rare_and_common(rows: Mapping[str, Mapping[str, Interval]]) -> Figure:
    """A line for each way of training, and on it a dot with its interval for each group of classes."""
    groups = list(next(iter(rows.values())))
    with house_style():
        figure, axis = plt.subplots(figsize=(8, 0.55 * len(rows) + 1.3), layout="constrained")
        for colour, group in zip(CYCLE, groups, strict=False):
            points = [measured[group] for measured in rows.values()]
            means = [point.mean for point in points]
            reach = [[p.mean - p.low for p in points], [p.high - p.mean for p in points]]
            axis.errorbar(means, range(len(rows)), xerr=reach, fmt="o", color=colour, label=group, capsize=3)
        axis.set_yticks(range(len(rows)), list(rows))
        axis.set(xlim=(0, 1), xlabel="share of test pictures recognised")
        axis.invert_yaxis()
        axis.legend(frameon=False, loc="upper left", bbox_to_anchor=(1, 1))
    return figure


def faulty_loops(right: Sequence[float], faults: Mapping[str, Sequence[float]], columns: int = 4) -> Figure:
    """One small panel a fault: the accuracy after every epoch beside that of the right loop."""
    lines = -(-len(faults) // columns)
    with house_style():
        figure, axes = plt.subplots(
            lines, columns, figsize=(10, 2.5 * lines), layout="constrained", sharex=True, sharey=True, squeeze=False
        )
        for axis, (name, values) in zip(axes.flat, faults.items(), strict=False):
            axis.plot(range(1, len(right) + 1), right, color=BLUE, linewidth=3, alpha=0.6)
            axis.plot(range(1, len(values) + 1), values, color=VERMILION)
            axis.set_title(name, fontsize=11)
            axis.set_ylim(0, 1)
        for axis in axes.flat[len(faults) :]:
            axis.set_axis_off()
        for axis in axes.flat[: len(faults)][-columns:]:
            axis.set_xlabel("epoch")
            axis.tick_params(labelbottom=True)
        for axis in axes[:, 0]:
            axis.set_ylabel("validation accuracy")
        key = axes.flat[len(faults)] if len(faults) < axes.size else axes.flat[0]
        key.text(0.1, 0.6, "the right loop", color=BLUE, transform=key.transAxes)
        key.text(0.1, 0.4, "with this fault", color=VERMILION, transform=key.transAxes)
    return figure


def _curves(axis: Axes, x: Sequence[float], curves: Mapping[str, Sequence[Interval]]) -> None:
    """A line through the means and a band between the ends of the intervals, named at its right end."""
    for colour, (name, points) in zip(CYCLE, curves.items(), strict=False):
        mean, low, high = zip(*((point.mean, point.low, point.high) for point in points), strict=True)
        axis.plot(x, mean, color=colour, marker="o" if len(points) < 12 else "", label=name)
        axis.fill_between(x, low, high, color=colour, alpha=0.2, linewidth=0)
        axis.annotate(name, (x[-1], mean[-1]), xytext=(8, 0), textcoords="offset points", color=colour, va="center")
