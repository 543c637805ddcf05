"""Figures of the pruning explorer: accuracy along the slider, and two bars beside each other."""

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from kdtutor.plots.style import Theme, house_style, palette


def accuracy_along(
    removed: Sequence[float], curves: Mapping[str, Sequence[float]], chosen: str, at: float, theme: Theme = "light"
) -> Figure:
    """Accuracy against what is removed, both in percent, a curve a name; a mark on the chosen curve at `at`."""
    colours = palette(theme)
    with house_style(theme):
        figure = Figure(figsize=(4.4, 3.2))
        axis = figure.add_axes((0.13, 0.17, 0.83, 0.7))
        for place, (colour, (name, curve)) in enumerate(zip(colours.cycle, curves.items(), strict=False)):
            axis.plot(removed, curve, color=colour)
            axis.text(2, 16 - 9 * place, name, color=colour, weight="bold")
            if name == chosen:
                axis.plot(at, curve[list(removed).index(at)], "o", color=colour, markersize=10)
        axis.set(xlabel="removed in %", xlim=(-3, 103), ylim=(0, 100), title="accuracy in %")
        axis.set(xticks=range(0, 101, 25), yticks=range(0, 101, 25))
    return figure


def bars(
    values: Mapping[str, float],
    title: str,
    theme: Theme = "light",
    reach: Mapping[str, tuple[float, float]] | None = None,
) -> Figure:
    """One bar a name with its value beside it; reach: name -> (low, high), drawn as a line over the bar's end."""
    colours, reach = palette(theme), reach or {}
    longest = max(*values.values(), *(high for _, high in reach.values()), 1e-12)
    with house_style(theme):
        figure = Figure(figsize=(3.2, 3.2))
        axis = figure.add_axes((0.24, 0.09, 0.72, 0.76))
        for place, (name, value) in enumerate(values.items()):
            axis.barh(place, value, height=0.55, color=colours.accent if place else colours.main)
            if name in reach:
                axis.plot(reach[name], (place, place), color=colours.ink, linewidth=2)
            axis.text(0, place + 0.3, f"{value:.3g}", weight="bold", va="top", color=colours.ink)
        axis.set(
            xlim=(0, 1.08 * longest), ylim=(len(values) - 0.3, -0.5), yticks=range(len(values)), xticks=[], title=title
        )
        axis.set_yticklabels(list(values))
        axis.grid(visible=False)
    return figure
