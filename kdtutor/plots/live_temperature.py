"""Figures of the temperature explorer: a softened answer, its entropy, the pull on a student."""

import math
from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from kdtutor.plots.style import Theme, house_style, palette

TICKS = (1.0, 2.0, 4.0, 8.0, 20.0)


def picture_and_bars(picture: Tensor, probs: Mapping[str, float], title: str, theme: Theme = "light") -> Figure:
    """A picture (H, W) in [0, 1] beside the probabilities of the classes that are named, the first one set apart."""
    colours = palette(theme)
    with house_style(theme):
        figure = Figure(figsize=(4.4, 3.2))
        image = figure.add_axes((0.02, 0.3, 0.3, 0.42))
        image.imshow(picture.numpy(), cmap="gray_r" if theme == "light" else "gray", vmin=0, vmax=1)
        image.set_axis_off()
        bars = figure.add_axes((0.42, 0.17, 0.54, 0.7))
        fills = [colours.accent, *[colours.main] * (len(probs) - 1)]
        bars.barh(range(len(probs)), list(probs.values()), color=fills)
        bars.set(xlim=(0, 1), ylim=(len(probs) - 0.5, -0.5), yticks=range(len(probs)), xlabel="probability")
        bars.set(xticks=[0, 0.5, 1], title=title)
        bars.set_yticklabels(list(probs))
    return figure


def entropy_along(
    temperatures: Sequence[float], entropies: Sequence[float], at: float, ceiling: float, theme: Theme = "light"
) -> Figure:
    """Entropy in nats against temperature, with a mark at the temperature `at`; dashed: the uniform distribution."""
    colours = palette(theme)
    with house_style(theme):
        figure, axis = _over_temperature()
        axis.axhline(ceiling, color=colours.muted, linestyle="--", linewidth=1)
        axis.text(0.02, ceiling * 1.02, "uniform", color=colours.muted)
        axis.plot([math.log(T) for T in temperatures], entropies, color=colours.main)
        axis.plot(math.log(at), entropies[list(temperatures).index(at)], "o", color=colours.accent, markersize=9)
        axis.set(ylim=(0, ceiling * 1.15), yticks=range(math.ceil(ceiling)), title="entropy in nats")
    return figure


def gradient_along(
    temperatures: Sequence[float], curves: Mapping[str, Sequence[float]], at: float, theme: Theme = "light"
) -> Figure:
    """Norm of the loss's gradient against temperature, a curve a name (two), with marks at the temperature `at`."""
    colours = palette(theme)
    logs = [math.log(T) for T in temperatures]
    top = 1.3 * max(max(curve) for curve in curves.values())
    with house_style(theme):
        figure, axis = _over_temperature()
        for (name, curve), colour in zip(curves.items(), (colours.main, colours.accent), strict=True):
            axis.plot(logs, curve, color=colour)
            axis.plot(math.log(at), curve[list(temperatures).index(at)], "o", color=colour, markersize=9)
            axis.text(logs[-1], curve[-1] + 0.03 * top, name, color=colour, ha="right", va="bottom", weight="bold")
        axis.set(ylim=(0, top), title="norm of the loss's gradient")
    return figure


def _over_temperature() -> tuple[Figure, Axes]:
    """Axes over log T. A logarithmic scale of matplotlib's would take longer to draw than all that is on it."""
    figure = Figure(figsize=(4.4, 3.2))
    axis = figure.add_axes((0.13, 0.17, 0.83, 0.7))
    axis.set(xlabel="temperature T", xlim=(math.log(0.93), math.log(21.5)))
    axis.set_xticks([math.log(T) for T in TICKS], [f"{T:g}" for T in TICKS])
    return figure, axis
