"""Figures of unit 10: a known truth and what its students say, memory by chunk, bits by group."""

from collections.abc import Mapping, Sequence
from itertools import cycle

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from torch import Tensor

from kdtutor.measure import Interval
from kdtutor.plots.style import BLUE, CYCLE, GREEN, GREY, VERMILION, house_style

MARKS = "osD^vPX"


def fits_of_one_context(truth: Tensor, fits: Mapping[str, Tensor], tokens: Sequence[str]) -> Figure:
    """The probabilities of the next token as bars, and what fits to them say as lines, a panel each, (V,)."""
    places = range(len(tokens))
    with house_style():
        figure, axes = plt.subplots(
            1, len(fits), figsize=(4.3 * len(fits), 3.2), layout="constrained", sharey=True, squeeze=False
        )
        for axis, colour, (name, fit) in zip(axes.flat, cycle((BLUE, GREEN, VERMILION)), fits.items(), strict=False):
            axis.bar(places, truth.tolist(), color=GREY, alpha=0.5, width=0.9)
            axis.plot(places, fit.tolist(), color=colour, marker="o", markersize=3)
            axis.set(title=name, xlabel="next token")
            axis.set_xticks(list(places)[::4], list(tokens)[::4])
        axes[0, 0].set_ylabel("probability")
    return figure


def against_the_truth(results: Mapping[str, tuple[Interval, Interval]], teacher: tuple[float, float]) -> Figure:
    """Nats lost on the truth's text (across) and on the student's own (up), a point a way of learning, both from 0."""
    with house_style():
        figure, axis = plt.subplots(figsize=(7.6, 4.4), layout="constrained")
        for colour, mark, (name, (covering, seeking)) in zip(cycle(CYCLE), cycle(MARKS), results.items(), strict=False):
            axis.errorbar(
                covering.mean, seeking.mean, _reach([seeking]), _reach([covering]), color=colour, marker=mark,
                markersize=8, capsize=3, linestyle="none", label=name,
            )  # fmt: skip
        axis.plot(*teacher, color=GREY, marker="*", markersize=13, linestyle="none", label="the teacher")
        axis.set(xlabel="nats a token lost on the truth's text", ylabel="nats a token lost on its own text")
        axis.set_xlim(left=0)
        axis.set_ylim(bottom=0)
        axis.legend(frameon=False)
    return figure


def losses_by_text(results: Mapping[str, Interval]) -> Figure:
    """Nats lost on the truth's text, a row a way of learning, on a logarithmic axis."""
    with house_style():
        figure, axis = plt.subplots(figsize=(7.6, 0.9 + 0.5 * len(results)), layout="constrained")
        rows = range(len(results))
        means = [interval.mean for interval in results.values()]
        axis.errorbar(
            means, rows, xerr=_reach(list(results.values())), color=BLUE, marker="o", capsize=3, linestyle="none"
        )
        axis.set(xlabel="nats a token lost on the truth's text", xscale="log", ylim=(len(results) - 0.5, -0.5))
        axis.set_yticks(rows, list(results))
        axis.xaxis.set_major_formatter(plt.FuncFormatter(lambda value, _: f"{value:g}"))
        axis.xaxis.set_minor_formatter(
            plt.FuncFormatter(lambda value, _: f"{value:g}" if f"{value:.0e}"[0] in "25" else "")
        )
    return figure


def memory_by_chunk(curves: Mapping[str, Mapping[int, int]], logits: int) -> Figure:
    """Peak memory of one loss with its gradient against tokens a chunk; the dashed line is one tensor of all logits."""
    with house_style():
        figure, axis = plt.subplots(figsize=(7.6, 3.9), layout="constrained")
        for colour, mark, (name, peaks) in zip(cycle(CYCLE), cycle(MARKS), curves.items(), strict=False):
            axis.plot(list(peaks), [peak / 1e6 for peak in peaks.values()], color=colour, marker=mark, label=name)
        axis.axhline(logits / 1e6, color=GREY, linestyle="--", linewidth=1)
        chunks = sorted({chunk for peaks in curves.values() for chunk in peaks})
        axis.annotate(
            "logits of one model", (chunks[0], logits / 1e6), xytext=(0, 4), textcoords="offset points", color=GREY
        )
        axis.set(xscale="log", yscale="log", xlabel="tokens in a chunk", ylabel="peak memory in MB")
        axis.set_xticks(chunks, [str(chunk) for chunk in chunks])
        axis.yaxis.set_major_formatter(plt.FuncFormatter(lambda value, _: f"{value:g}"))
        most = max(max(peaks.values()) for peaks in curves.values())
        axis.set_yticks([mb for power in range(-3, 5) for mb in (10**power, 2 * 10**power, 5 * 10**power)])
        axis.set_ylim(
            top=1.3 * max(most, logits) / 1e6, bottom=0.7 * min(min(p.values()) for p in curves.values()) / 1e6
        )
        axis.minorticks_off()
        axis.legend(frameon=False)
    return figure


def nats_by_bits(curves: Mapping[str, Sequence[tuple[float, Interval]]]) -> Figure:
    """Nats that rounding costs against bits a weight, scales included, a curve a number of bits in a code."""
    with house_style():
        figure, axis = plt.subplots(figsize=(7.6, 4), layout="constrained")
        for colour, mark, (name, points) in zip(cycle(CYCLE), cycle(MARKS), curves.items(), strict=False):
            intervals = [interval for _, interval in points]
            means = [interval.mean for interval in intervals]
            bits = [b for b, _ in points]
            axis.errorbar(bits, means, _reach(intervals), color=colour, marker=mark, capsize=3, label=name)
        axis.set(xlabel="bits per weight, scales and zero-points included", ylabel="nats a token lost by rounding")
        axis.set_ylim(bottom=0)
        axis.legend(frameon=False)
    return figure


def _reach(intervals: Sequence[Interval]) -> list[list[float]]:
    """How far the intervals reach below and above their means, as error bars want it."""
    return [[i.mean - i.low for i in intervals], [i.high - i.mean for i in intervals]]
