"""Figures of the drawing explorer: the picture as networks see it, and what each of them says."""

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure
from torch import Tensor

from kdtutor.plots.style import Theme, house_style, palette


def seen(picture: Tensor, theme: Theme = "light") -> Figure:
    """One picture (H, W) in [0, 1], large enough to count its pixels: what was drawn is what is shown in ink."""
    with house_style(theme):
        figure = Figure(figsize=(2.2, 2.2))
        axes = figure.add_axes((0.02, 0.02, 0.96, 0.96))
        axes.imshow(picture.numpy(), cmap="gray_r" if theme == "light" else "gray", vmin=0, vmax=1)
        axes.set(xticks=[], yticks=[])
        axes.grid(visible=False)
        for side in ("top", "right"):
            axes.spines[side].set_visible(True)
        for spine in axes.spines.values():
            spine.set_color(palette(theme).muted)
    return figure


def answers_side_by_side(
    answers: Mapping[str, Sequence[tuple[str, float]]], notes: Mapping[str, str], theme: Theme = "light"
) -> Figure:
    """For each network its likeliest classes as bars of probability, the first in the colour that leads.

    answers: network → (class, probability), likeliest first. notes: network → what stands beside its name.
    """
    colours = palette(theme)
    rows = max(len(top) for top in answers.values())
    block = rows + 1.6  # bars, the name above them, a gap
    with house_style(theme):
        figure = Figure(figsize=(3.7, 0.165 * block * len(answers)))
        axes = figure.add_axes((0.04, 0.01, 0.94, 0.98))
        for number, (network, top) in enumerate(answers.items()):
            y = number * block
            axes.text(-0.05, y, network, color=colours.ink, weight="bold", va="center")
            axes.text(1.2, y, notes[network], color=colours.muted, va="center", ha="right", fontsize=10)
            places = [y + 1 + place for place in range(len(top))]
            fills = [colours.main, *[colours.grid] * (len(top) - 1)]
            axes.barh(places, [1.0] * len(top), color="none", edgecolor=colours.grid, linewidth=0.5, height=0.8)
            axes.barh(places, [p for _, p in top], color=fills, height=0.8)
            for place, (name, p) in zip(places, top, strict=True):
                axes.text(-0.02, place, name, ha="right", va="center", color=colours.ink, family="monospace")
                axes.text(1.2, place, f"{p:.1%}", ha="right", va="center", color=colours.ink, fontsize=10)
        axes.set(xlim=(-0.05, 1.21), ylim=(len(answers) * block - 0.6, -0.8))
        axes.axis("off")
    return figure
