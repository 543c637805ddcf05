"""Figures of unit 01: what temperature does to a distribution, to its entropy and to the gradient."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from torch import Tensor

from kdtutor.measure import Interval
from kdtutor.plots.style import BLUE, CYCLE, GREY, VERMILION, house_style


def softened(picture: Tensor, probs: Mapping[float, Tensor], classes: Sequence[str], top: int = 10) -> Figure:
    """One picture beside its class probabilities at several temperatures, the same classes in every panel.

    picture: (H, W). probs: temperature -> (C,). The `top` classes of the lowest temperature are shown.
    """
    coolest = probs[min(probs)]
    order = coolest.argsort(descending=True)[:top].tolist()
    with house_style():
        figure, axes = plt.subplots(
            1, 1 + len(probs), figsize=(10, 2.9), layout="constrained", width_ratios=[0.8, *[1] * len(probs)]
        )
        axes[0].imshow(picture.cpu().numpy(), cmap="gray_r", vmin=0, vmax=1)
        axes[0].set(title="input", xticks=[], yticks=[])
        axes[0].grid(visible=False)
        axes[0].spines[:].set_visible(False)
        for axis, (temperature, row) in zip(axes[1:], sorted(probs.items()), strict=True):
            axis.barh(range(len(order)), row[order].cpu().numpy(), color=[VERMILION, *[BLUE] * (len(order) - 1)])
            axis.set(xlim=(0, 1), title=f"T = {temperature:g}", yticks=range(len(order)), xlabel="probability")
            axis.set_yticklabels([classes[c] for c in order])
            axis.invert_yaxis()
    return figure


def entropy_by_temperature(
    temperatures: Sequence[float], entropies: Mapping[str, Sequence[float]], ceiling: float
) -> Figure:
    """Entropy against temperature, a curve a name, with the entropy of the uniform distribution as ceiling (nats)."""
    with house_style():
        figure, axis = plt.subplots(figsize=(7, 3.4), layout="constrained")
        for colour, (name, values) in zip(CYCLE, entropies.items(), strict=False):
            axis.plot(temperatures, values, color=colour, label=name)
        axis.legend(loc="lower right", frameon=False)
        axis.axhline(ceiling, color=GREY, linestyle="--", linewidth=1)
        axis.annotate(
            "uniform: log C", (temperatures[0], ceiling), xytext=(0, 4), textcoords="offset points", color=GREY
        )
        axis.set(xscale="log", xlabel="temperature T", ylabel="entropy of p(T) in nats", ylim=(0, ceiling * 1.12))
        axis.set_xticks(list(temperatures)[:: max(1, len(temperatures) // 6)])
        axis.get_xaxis().set_major_formatter(plt.FuncFormatter(lambda t, _: f"{t:g}"))
        axis.minorticks_off()
    return figure


def gradient_by_temperature(temperatures: Sequence[float], curves: Mapping[str, Sequence[Interval]]) -> Figure:
    """Norm of the loss's gradient against temperature, both axes logarithmic.

    curves: name -> one interval a temperature; it is drawn as a band around the mean.
    """
    with house_style():
        figure, axis = plt.subplots(figsize=(7, 3.8), layout="constrained")
        for colour, (name, points) in zip((BLUE, VERMILION), curves.items(), strict=False):
            mean, low, high = zip(*((point.mean, point.low, point.high) for point in points), strict=True)
            axis.plot(temperatures, mean, marker="o", color=colour)
            axis.fill_between(temperatures, low, high, color=colour, alpha=0.2, linewidth=0)
            axis.annotate(
                name, (temperatures[-1], mean[-1]), xytext=(8, 0), textcoords="offset points", color=colour, va="center"
            )
        axis.set(xscale="log", yscale="log", xlabel="temperature T", ylabel="norm of ∂L/∂z")
        axis.set_xticks(list(temperatures), [f"{t:g}" for t in temperatures])
        axis.minorticks_off()
    return figure


def look_alikes(shares: Mapping[str, Mapping[str, float]], temperature: float) -> Figure:
    """For each class, how the teacher's mean probability is shared among its largest rivals.

    shares: class -> {rival: mean probability at `temperature`}, at most five rivals each are shown.
    """
    with house_style():
        figure, axes = plt.subplots(1, len(shares), figsize=(9, 2.8), layout="constrained", sharex=True)
        for axis, (name, rivals) in zip(axes, shares.items(), strict=True):
            shown = sorted(rivals.items(), key=lambda item: -item[1])[:5]
            axis.barh([rival for rival, _ in shown], [share for _, share in shown], color=BLUE)
            axis.invert_yaxis()
            axis.set(title=f"pictures of {name}", xlabel=f"mean probability, T = {temperature:g}")
    return figure
