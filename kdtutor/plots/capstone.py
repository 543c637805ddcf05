"""Figures of unit 12: what orders of three methods reach, and what a class has handed in, against the contract."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from kdtutor.measure import Interval
from kdtutor.plots.style import BLUE, GREEN, GREY, VERMILION, house_style


class Costs(NamedTuple):
    """What a compressed network costs: bytes, points of accuracy lost, its share of the teacher's time."""

    bytes: float
    points_lost: float
    time_share: float


def pareto_front(costs: Mapping[str, Costs]) -> list[str]:
    """The names that no other one beats: as good in all three and better in one. Ordered by bytes."""

    def beaten(mine: Costs) -> bool:
        return any(all(o <= m for o, m in zip(other, mine, strict=True)) and other != mine for other in costs.values())

    return sorted((name for name, mine in costs.items() if not beaten(mine)), key=lambda name: costs[name])


def class_front(costs: Mapping[str, Costs], most: Costs) -> Figure:
    """A point a network: bytes against points lost, its time written beside it; the shaded corner keeps the contract.

    Filled points are on the front of all three costs. Green: keeps every clause; vermilion: breaks one or more.
    """
    front = set(pareto_front(costs))
    with house_style():
        figure, axis = plt.subplots(figsize=(8, 4.4), layout="constrained")
        lowest = min([0.0, *(each.points_lost for each in costs.values())]) - 0.3
        axis.fill_between([1, most.bytes], lowest, most.points_lost, color=GREEN, alpha=0.1, linewidth=0)
        for name, each in costs.items():
            kept = all(value <= bound for value, bound in zip(each, most, strict=True))
            colour = GREEN if kept else VERMILION
            face = colour if name in front else "white"
            axis.plot(each.bytes, each.points_lost, marker="o", markersize=8, color=colour, markerfacecolor=face)
            text = f"{name}, {1 / each.time_share:.1f}×"
            axis.annotate(text, (each.bytes, each.points_lost), xytext=(8, 5), textcoords="offset points", fontsize=10)
        sizes = [each.bytes for each in costs.values()] + [most.bytes]
        axis.set(xscale="log", xlim=(min(sizes) / 1.6, max(sizes) * 4))
        axis.set(xlabel="bytes of the file", ylabel="points of accuracy lost")
        axis.set_ylim(lowest, 1.15 * max([most.points_lost, *(each.points_lost for each in costs.values())]))
    return figure


def accuracy_by_order(orders: Mapping[str, Interval], best: str, start: float) -> Figure:
    """Accuracy of each order of methods with its interval, the best one coloured; the dashed line is the start."""
    names: Sequence[str] = sorted(orders, key=lambda name: orders[name].mean)
    with house_style():
        figure, axis = plt.subplots(figsize=(8, 3.4), layout="constrained")
        for row, name in enumerate(names):
            found = orders[name]
            spread = [[100 * (found.mean - found.low)], [100 * (found.high - found.mean)]]
            colour = BLUE if name == best else GREY
            axis.errorbar(100 * found.mean, row, xerr=spread, fmt="o", color=colour, capsize=3)
        axis.axvline(100 * start, color=GREY, linestyle="--", linewidth=1)
        axis.annotate(
            "before", (100 * start, len(names) - 1), xytext=(-4, 4), textcoords="offset points", color=GREY, ha="right"
        )
        axis.set_yticks(range(len(names)), names)
        axis.set_xlabel("accuracy in %")
        axis.grid(visible=False, axis="y")
    return figure
