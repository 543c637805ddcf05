"""Figures of unit 04: teachers of several sizes, gains over a baseline, stored bytes, a pull, a drifting stream."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from kdtutor.measure import Comparison, Interval
from kdtutor.plots.style import BLUE, CYCLE, GREEN, GREY, VERMILION, house_style

VERDICT_COLOURS = {"gain": GREEN, "no gain": VERMILION, "cannot tell": GREY}


def capacity_sweep(
    widths: Sequence[int], teachers: Sequence[Interval], students: Sequence[Interval], alone: Interval
) -> Figure:
    """Accuracy (%) of teachers against their width, and of the students that they taught.

    alone: the same student on labels, drawn as a horizontal band.
    """
    with house_style():
        figure, axis = plt.subplots(figsize=(7.5, 3.8), layout="constrained")
        _level(axis, alone, "student on labels alone")
        _curve(axis, widths, teachers, GREY, "teacher")
        _curve(axis, widths, students, BLUE, "its student")
        axis.set(xscale="log", xlabel="hidden units of the teacher", ylabel="test accuracy in %")
        axis.set_xticks(list(widths), [str(width) for width in widths])
        axis.minorticks_off()
    return figure


def paired_gains(gains: Mapping[str, Comparison], baseline: str) -> Figure:
    """Mean paired difference to a baseline with its interval, a row a method, coloured by the verdict.

    gains: name -> comparison, in percentage points. The shaded strip holds the gains too small to be worth having.
    """
    comparisons = list(gains.values())
    with house_style():
        figure, axis = plt.subplots(figsize=(8, 0.9 + 0.46 * len(gains)), layout="constrained")
        axis.axvspan(0, comparisons[0].smallest_gain, color=GREY, alpha=0.18, linewidth=0)
        axis.axvline(0, color=GREY, linewidth=1)
        for row, c in enumerate(comparisons):
            colour = VERDICT_COLOURS[c.verdict]
            axis.plot([c.low, c.high], [row, row], color=colour)
            axis.plot(c.difference, row, marker="o", color=colour)
            axis.annotate(
                c.verdict, (c.high, row), xytext=(8, 0), textcoords="offset points", color=colour, va="center"
            )
        axis.set_yticks(range(len(gains)), list(gains))
        axis.set(ylim=(len(gains) - 0.4, -0.6), xlabel=f"points of accuracy more than {baseline}")
        axis.margins(x=0.15)
    return figure


def accuracy_by_bytes(
    stored: Sequence[float], students: Mapping[str, Sequence[Interval]], alone: Interval, kept: Sequence[int]
) -> Figure:
    """Accuracy (%) of students against the bytes stored of the teacher's answer to one sample.

    stored: bytes, one a number of kept classes. students: rule for the missing mass -> an interval each; two rules.
    """
    with house_style():
        figure, axis = plt.subplots(figsize=(7.5, 3.8), layout="constrained")
        _level(axis, alone, "labels alone")
        for colour, (name, points) in zip((BLUE, GREEN), students.items(), strict=True):
            _curve(axis, stored, points, colour, "")
            axis.plot([], [], color=colour, label=name)
        axis.legend(loc="lower right", frameon=False)
        axis.set(xscale="log", xlabel="bytes stored per sample (k classes kept)", ylabel="test accuracy in %")
        labels = [f"{count:.0f}\nk = {k}" for count, k in zip(stored, kept, strict=True)]
        axis.set_xticks(list(stored), labels)
        axis.minorticks_off()
    return figure


def pull_trade_off(strengths: Sequence[float], new: Sequence[Interval], old: Sequence[Interval]) -> Figure:
    """Accuracy (%) on a new and on the old domain against the strength of the pull, evenly spaced."""
    places = list(range(len(strengths)))
    with house_style():
        figure, axis = plt.subplots(figsize=(7, 3.6), layout="constrained")
        _curve(axis, places, new, BLUE, "new domain")
        _curve(axis, places, old, VERMILION, "old domain")
        axis.set_xticks(places, [f"{strength:g}" for strength in strengths])
        axis.set(xlabel="strength of the pull toward the teacher's weights", ylabel="test accuracy in %")
        axis.margins(x=0.12)
    return figure


def along_a_stream(positions: Sequence[float], curves: Mapping[str, Sequence[Interval]], xlabel: str) -> Figure:
    """Agreement with the teacher (%) along a stream, one curve a student."""
    with house_style():
        figure, axis = plt.subplots(figsize=(7.5, 3.8), layout="constrained")
        for colour, (name, points) in zip(CYCLE, curves.items(), strict=False):
            _curve(axis, positions, points, colour, "")
            axis.plot([], [], color=colour, label=name)
        axis.legend(loc="lower left", frameon=False)
        axis.set(xlabel=xlabel, ylabel="agreement with the teacher in %")
    return figure


def _curve(axis: Axes, x: Sequence[float], points: Sequence[Interval], colour: str, name: str) -> None:
    mean, low, high = zip(*((point.mean, point.low, point.high) for point in points), strict=True)
    axis.plot(x, mean, marker="o", color=colour)
    axis.fill_between(x, low, high, color=colour, alpha=0.2, linewidth=0)
    axis.annotate(name, (x[-1], mean[-1]), xytext=(8, 0), textcoords="offset points", color=colour, va="center")


def _level(axis: Axes, level: Interval, name: str) -> None:
    axis.axhspan(level.low, level.high, color=VERMILION, alpha=0.15, linewidth=0)
    axis.axhline(level.mean, color=VERMILION, linestyle="--", linewidth=1)
    axis.annotate(
        name,
        (0.01, level.high),
        xytext=(0, 3),
        textcoords="offset points",
        xycoords=axis.get_yaxis_transform(),
        color=VERMILION,
    )
