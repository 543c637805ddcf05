"""Figures of unit 06: what removed neurons cost, and what removed products save."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from kdtutor.measure import Interval, LatencyRatio
from kdtutor.plots.style import BLUE, CYCLE, GREY, VERMILION, house_style


def accuracy_by_units(curves: Mapping[str, Mapping[int, Interval]], whole: Interval) -> Figure:
    """Accuracy in per cent against hidden units kept, most on the left: a curve a score, its interval a band."""
    with house_style():
        figure, axis = plt.subplots(figsize=(7, 3.8), layout="constrained")
        axis.axhline(whole.mean, color=GREY, linestyle="--", linewidth=1)
        axis.annotate(
            "nothing removed", (1, whole.mean), xycoords=("axes fraction", "data"), xytext=(0, 4),
            textcoords="offset points", color=GREY, ha="right",
        )  # fmt: skip
        for colour, marker, (name, curve) in zip(CYCLE, "os^Dvx", curves.items(), strict=False):
            units, points = list(curve), list(curve.values())
            axis.plot(units, [point.mean for point in points], marker=marker, color=colour, label=name)
            low, high = [point.low for point in points], [point.high for point in points]
            axis.fill_between(units, low, high, color=colour, alpha=0.2, linewidth=0)
        axis.invert_xaxis()
        axis.set(xlabel="units kept in each hidden layer", ylabel="accuracy in %", ylim=(0, 100))
        axis.legend(loc="lower left", frameon=False)
    return figure


def promised_and_measured(
    promised: Mapping[str, float], measured: Mapping[str, Mapping[int, LatencyRatio]], baseline: str
) -> Figure:
    """Time against batch size, a panel a smaller network; dashed its MACs. Both relative to the large network."""
    with house_style():
        figure, axes = plt.subplots(
            1, len(measured), figsize=(2.7 * len(measured) + 0.6, 3.7), layout="constrained", sharey=True, squeeze=False
        )
        for axis, (name, ratios) in zip(axes[0], measured.items(), strict=True):
            places, points = range(len(ratios)), list(ratios.values())
            reach = [[p.median - p.low for p in points], [p.high - p.median for p in points]]
            axis.axhline(1, color=GREY, linewidth=1)
            axis.axhline(promised[name], color=VERMILION, linestyle="--", label="MACs promise")
            medians = [point.median for point in points]
            axis.errorbar(places, medians, reach, fmt="o-", color=BLUE, capsize=4, label="time measured")
            axis.set_xticks(places, [str(batch) for batch in ratios])
            axis.set(title=name, xlabel="batch size", ylim=(0, 1.3))
            axis.grid(visible=False, axis="x")
        axes[0][0].set_ylabel(f"relative to {baseline}")
        handles, labels = axes[0][0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=2, frameon=False)
    return figure


def time_by_width(ratios: Mapping[int, LatencyRatio], promised: Mapping[int, float], base: int) -> Figure:
    """Time of a layer against its number of channels, relative to `base` channels, beside the ratio of the MACs."""
    widths, points = list(ratios), list(ratios.values())
    reach = [[p.median - p.low for p in points], [p.high - p.median for p in points]]
    with house_style():
        figure, axis = plt.subplots(figsize=(7, 3.6), layout="constrained")
        axis.plot(list(promised), list(promised.values()), color=VERMILION, linestyle="--", label="MACs promise")
        medians = [point.median for point in points]
        axis.errorbar(widths, medians, reach, fmt="o", color=BLUE, capsize=4, label="time measured")
        for width, point in zip(widths, points, strict=True):
            axis.annotate(
                str(width), (width, point.high), xytext=(0, 4), textcoords="offset points", ha="center", fontsize=9
            )
        axis.set(xlabel="channels in and out", ylabel=f"relative to {base} channels")
        axis.legend(loc="upper left", frameon=False)
        axis.set_ylim(bottom=0)
    return figure


def accuracy_by_way(accuracies: Mapping[str, Interval], whole: Interval) -> Figure:
    """Accuracy of networks of one size, a row a way to make them, with its interval; dashed the large network."""
    names, points = list(accuracies), list(accuracies.values())
    reach = [[p.mean - p.low for p in points], [p.high - p.mean for p in points]]
    with house_style():
        figure, axis = plt.subplots(figsize=(7.4, 0.5 * len(names) + 1.3), layout="constrained")
        axis.axvline(whole.mean, color=GREY, linestyle="--", linewidth=1)
        axis.annotate(
            "large network", (whole.mean, 0), xycoords=("data", "axes fraction"), xytext=(-4, 4),
            textcoords="offset points", color=GREY, ha="right",
        )  # fmt: skip
        axis.errorbar([p.mean for p in points], range(len(names)), xerr=reach, fmt="o", color=BLUE, capsize=4)
        axis.set_yticks(range(len(names)), names)
        axis.invert_yaxis()
        axis.set(xlabel="accuracy in %", ylim=(len(names) - 0.4, -0.6))
        axis.grid(visible=False, axis="y")
    return figure
