"""Figures of unit 11: what a network hears of a word, what pruning left of it, and answers while a word is spoken."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from kdtutor.measure import Interval, mean_interval
from kdtutor.plots.style import BLUE, CYCLE, GREY, VERMILION, house_style


def wave_to_features(samples: Tensor, power: Tensor, features: Tensor, sample_rate: int, hop: int) -> Figure:
    """Three panels over one axis of time: waveform (S,), log-power (T, bins), log-mel features (T, mels)."""
    seconds = len(samples) / sample_rate
    with house_style():
        figure, axes = plt.subplots(3, 1, figsize=(8, 5.6), layout="constrained", sharex=True)
        axes[0].plot([i / sample_rate for i in range(len(samples))], samples.numpy(), color=BLUE, linewidth=0.6)
        axes[0].set(ylabel="sample", title="waveform", xlim=(0, seconds))
        _heat(axes[1], (power + 1e-6).log(), hop / sample_rate, sample_rate / 2000)
        axes[1].set(ylabel="kHz", title=f"power spectrum, {power.shape[1]} bins")
        _heat(axes[2], features, hop / sample_rate, features.shape[1])
        axes[2].set(ylabel="mel band", xlabel="seconds", title=f"log-mel, {features.shape[1]} bands")
    return figure


def mel_triangles(filters: Tensor, sample_rate: int) -> Figure:
    """The height of each filter (mels, bins) against frequency."""
    bins = filters.shape[1]
    kilohertz = [k * sample_rate / 2000 / (bins - 1) for k in range(bins)]
    with house_style():
        figure, axis = plt.subplots(figsize=(8, 2.3), layout="constrained")
        for m, row in enumerate(filters):
            axis.plot(kilohertz, row.numpy(), color=CYCLE[m % 2], linewidth=1.2)
        axis.set(xlabel="kHz", ylabel="height", xlim=(0, sample_rate / 2000))
    return figure


def accuracy_by_stage(stages: Mapping[str, Sequence[float]]) -> Figure:
    """Accuracies from 0 to 1 in percent, a row a stage: a grey dot a network, the mean with its 95 % interval."""
    with house_style():
        figure, axis = plt.subplots(figsize=(8, 0.55 * len(stages) + 1.2), layout="constrained")
        for row, values in enumerate(stages.values()):
            interval = mean_interval(list(values))
            axis.plot([100 * v for v in values], [row + 0.2] * len(values), ".", color=GREY, alpha=0.6)
            reach = [[100 * (interval.mean - interval.low)], [100 * (interval.high - interval.mean)]]
            axis.errorbar([100 * interval.mean], [row], xerr=reach, fmt="o", color=BLUE, capsize=4)
            axis.annotate(
                f"{100 * interval.mean:.1f} %", (100 * interval.mean, row), xytext=(0, 6), textcoords="offset points",
                ha="center", color=BLUE, fontsize=10,
            )  # fmt: skip
        axis.set_yticks(range(len(stages)), list(stages))
        axis.set(xlabel="accuracy on the test speakers in %", ylim=(len(stages) - 0.5, -0.7))
        axis.grid(visible=False, axis="y")
    return figure


def answers_over_time(features: Tensor, probabilities: Tensor, classes: Sequence[str], hop_ms: float) -> Figure:
    """Above the features (T, mels) of one word, below what is said after each frame, (T, C), in probabilities."""
    ends = [hop_ms * (t + 2) for t in range(len(probabilities))]
    shown = probabilities.amax(0).topk(min(4, probabilities.shape[1])).indices.tolist()
    with house_style():
        figure, (top, bottom) = plt.subplots(
            2, 1, figsize=(8, 4.6), layout="constrained", sharex=True, height_ratios=[1, 1.6]
        )
        _heat(top, features, hop_ms, features.shape[1])
        top.set(ylabel="mel band")
        for colour, dash, c in zip(CYCLE, ("-", "--", "-.", ":"), shown, strict=False):
            bottom.plot(ends, probabilities[:, c].numpy(), color=colour, linestyle=dash, label=classes[c])
        bottom.set(ylim=(0, 1.02), xlim=(0, ends[-1]), xlabel="milliseconds heard", ylabel="probability")
        bottom.legend(loc="upper left", frameon=False)
    return figure


def sooner_or_better(curve: Mapping[float, tuple[Interval, Interval]], end: tuple[Interval, Interval]) -> Figure:
    """Accuracy against milliseconds waited, a point a threshold: threshold -> (milliseconds, accuracy), and the end."""
    with house_style():
        figure, axis = plt.subplots(figsize=(7.5, 3.8), layout="constrained")
        waits, accuracies = [w for w, _ in curve.values()], [a for _, a in curve.values()]
        _crosses(axis, waits, accuracies, BLUE, "-")
        for threshold, wait, accuracy in zip(curve, waits, accuracies, strict=True):
            axis.annotate(
                f"{threshold:g}", (wait.mean, 100 * accuracy.mean), xytext=(6, -13), textcoords="offset points"
            )
        _crosses(axis, [end[0]], [end[1]], VERMILION, "none")
        axis.annotate(
            "at the end", (end[0].mean, 100 * end[1].mean), xytext=(0, 9), textcoords="offset points",
            color=VERMILION, ha="center",
        )  # fmt: skip
        axis.set(xlabel="milliseconds heard before the answer, mean", ylabel="accuracy in %")
        axis.margins(0.08, 0.15)
    return figure


def _crosses(axis: Axes, x: Sequence[Interval], y: Sequence[Interval], colour: str, dash: str) -> None:
    """Means in both directions with the ends of their intervals; y in percent."""
    across = [[i.mean - i.low for i in x], [i.high - i.mean for i in x]]
    up = [[100 * (i.mean - i.low) for i in y], [100 * (i.high - i.mean) for i in y]]
    axis.errorbar(
        [i.mean for i in x], [100 * i.mean for i in y], up, across, color=colour, marker="o", linestyle=dash, capsize=2
    )


def _heat(axis: Axes, values: Tensor, step: float, top: float) -> None:
    """Values (T, rows) as a picture over time, first row at the bottom."""
    extent = (0.0, step * len(values), 0.0, top)
    axis.imshow(values.T.numpy(), origin="lower", aspect="auto", extent=extent, cmap="cividis", interpolation="nearest")
    axis.grid(visible=False)
