"""Figures of unit 13: how many samples a second."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from kdtutor.plots.style import BLUE, house_style


def throughput(rates: Mapping[str, tuple[float, float, float]]) -> Figure:
    """Pictures a second, a bar a way: its median with the middle half of the steps as (median, low, high)."""
    names, medians = list(rates), [rate[0] for rate in rates.values()]
    reach = [[median - low for median, low, _ in rates.values()], [high - median for median, _, high in rates.values()]]
    with house_style():
        figure, axis = plt.subplots(figsize=(7.4, 0.55 * len(names) + 1.2), layout="constrained")
        axis.barh(names, medians, xerr=reach, color=BLUE, capsize=4, height=0.6)
        for place, (median, _, high) in enumerate(rates.values()):
            axis.annotate(
                f"{median:,.0f}", (high, place), xytext=(6, 0), textcoords="offset points", va="center", fontsize=10
            )
        axis.invert_yaxis()
        axis.margins(x=0.15)
        axis.set(xlabel="pictures a second in training (more is better)", xlim=(0, None))
        axis.grid(visible=False, axis="y")
    return figure
