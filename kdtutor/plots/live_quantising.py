"""Figures of the quantisation explorer: where the codes lie among the values, and the error that they leave."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure

from kdtutor.plots.style import Theme, house_style, palette


def values_and_levels(
    counts: Sequence[float], edges: Sequence[float], levels: Sequence[float], whose: str, theme: Theme = "light"
) -> Figure:
    """A histogram of values with the levels that codes stand for below it; what lies outside the levels is shaded.

    counts: (n,), drawn on a logarithmic axis. edges: (n + 1,). levels: the values of all codes, rising. whose values.
    """
    colours = palette(theme)
    low, high = min(edges[0], levels[0]), max(edges[-1], levels[-1])
    room = 0.03 * (high - low)
    with house_style(theme):
        figure = Figure(figsize=(4.6, 3.2))
        axis = figure.add_axes((0.09, 0.17, 0.87, 0.7))
        for start, end in ((low - room, levels[0]), (levels[-1], high + room)):
            axis.axvspan(start, end, color=colours.muted, alpha=0.18, linewidth=0)
        axis.stairs(np.log10(1 + np.asarray(counts)), edges, fill=True, color=colours.main)
        top = np.log10(1 + max(counts))
        axis.vlines(levels, -0.13 * top, -0.02 * top, color=colours.accent, linewidth=1.6 if len(levels) < 40 else 0.8)
        axis.set(xlim=(low - room, high + room), ylim=(-0.15 * top, 1.05 * top), yticks=[], xlabel=whose)
        axis.set_title("how many values (log), and the levels", fontsize=11)
        axis.locator_params(axis="x", nbins=5)
    return figure


def error_by_layer(errors: Mapping[str, float], theme: Theme = "light") -> Figure:
    """A bar a layer: the size of the rounding error over the size of the values, in percent."""
    colours = palette(theme)
    with house_style(theme):
        figure = Figure(figsize=(3.0, 3.2))
        axis = figure.add_axes((0.2, 0.17, 0.76, 0.7))
        axis.bar(range(len(errors)), list(errors.values()), color=colours.accent, width=0.6)
        for place, value in enumerate(errors.values()):
            axis.text(place, min(value, 100) + 2, f"{value:.2g} %", ha="center", weight="bold")
        axis.set(ylim=(0, 112), yticks=(0, 50, 100), xticks=range(len(errors)), title="relative error in %")
        axis.set_xticklabels(list(errors))
    return figure


def accuracy_by_bits(
    bits: Sequence[int], accuracies: Sequence[float], floating: float, at: int, theme: Theme = "light"
) -> Figure:
    """Accuracy in percent against bits; a mark at `at`; dashed: the network that is not rounded."""
    colours = palette(theme)
    with house_style(theme):
        figure = Figure(figsize=(3.6, 3.2))
        axis = figure.add_axes((0.15, 0.17, 0.81, 0.7))
        axis.axhline(floating, color=colours.muted, linestyle="--", linewidth=1)
        axis.text(bits[0], floating + 2, "float32", color=colours.muted)
        axis.plot(bits, accuracies, color=colours.main, marker="o")
        axis.plot(at, accuracies[list(bits).index(at)], "o", color=colours.accent, markersize=10)
        axis.set(xticks=list(bits), ylim=(0, 100), yticks=range(0, 101, 25), xlabel="bits", title="accuracy in %")
    return figure
