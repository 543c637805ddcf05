"""Figures of unit 09: kept pixels as pictures, and accuracy against the bytes of the training data."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from torch import Tensor

from kdtutor.measure import Interval
from kdtutor.plots.style import BLUE, CYCLE, GREY, house_style

Curve = Sequence[tuple[float, Interval]]
MARKS = "os^Dv<>P*X"
BYTES = (50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000)  # ticks, in kB


def pictures_in_rows(rows: Mapping[str, Tensor]) -> Figure:
    """A row of pictures a name, each row on its own grey scale. rows: name -> (n, height, width), as many in each."""
    count = len(next(iter(rows.values())))
    with house_style():
        figure, axes = plt.subplots(
            len(rows), count, figsize=(0.85 * count + 1.6, 0.9 * len(rows)), squeeze=False, layout="constrained"
        )
        for line, (name, pictures) in zip(axes, rows.items(), strict=True):
            for axis, picture in zip(line, pictures, strict=True):
                axis.imshow(picture.numpy(), cmap="gray_r", vmin=float(pictures.min()), vmax=float(pictures.max()))
                axis.set(xticks=[], yticks=[])
                axis.grid(visible=False)
            line[0].set_ylabel(name, rotation=0, ha="right", va="center")
    return figure


def kept_pixels(kept: Mapping[str, Tensor], height: int, width: int) -> Figure:
    """One square a method: the pixels that it keeps are dark. kept: name -> positions among height · width."""
    with house_style():
        figure, axes = plt.subplots(1, len(kept), figsize=(1.45 * len(kept), 2.0), squeeze=False, layout="constrained")
        for axis, (name, positions) in zip(axes[0], kept.items(), strict=True):
            picture = positions.new_zeros(height * width)
            picture[positions] = 1
            axis.imshow(picture.view(height, width).numpy(), cmap="Blues", vmin=0, vmax=1.3)
            axis.set(xticks=[], yticks=[])
            axis.grid(visible=False)
            axis.set_title(name.replace(" ", "\n", 1), fontsize=9, loc="center")
    return figure


def accuracy_by_data(
    panels: Mapping[str, Mapping[str, Curve]], reference: tuple[str, Curve], whole: Interval
) -> Figure:
    """Accuracy against bytes, one panel a family of methods, all on the same two axes.

    panels: title -> method -> points (bytes, interval). reference: name and points of a curve that every panel shows
    in grey. whole: accuracy with all data, the dashed line.
    """
    with house_style():
        figure, axes = plt.subplots(
            1, len(panels), figsize=(4.1 * len(panels), 4.6), sharex=True, sharey=True, squeeze=False,
            layout="constrained",
        )  # fmt: skip
        for axis, (title, curves) in zip(axes[0], panels.items(), strict=True):
            axis.axhline(100 * whole.mean, color=GREY, linewidth=1, linestyle="--")
            looks = [(colour, dash) for dash in ("-", "--") for colour in CYCLE]
            named = [
                (name, points, *look, mark)
                for (name, points), look, mark in zip(curves.items(), looks, MARKS, strict=False)
            ]
            for name, points, colour, dash, mark in [(*reference, GREY, "-", "."), *named]:
                means = [100 * interval.mean for _, interval in points]
                reach = [[100 * (i.mean - i.low) for _, i in points], [100 * (i.high - i.mean) for _, i in points]]
                axis.errorbar(
                    [size / 1000 for size, _ in points], means, reach, color=colour, linestyle=dash, marker=mark,
                    capsize=2, linewidth=1.4, label=name,
                )  # fmt: skip
            axis.set(xscale="log", xlabel="training data in kB (1,000 bytes)", title=title)
            axis.legend(loc="upper left", bbox_to_anchor=(0, -0.18), frameon=False, fontsize=9, ncols=2)
        ends = axes[0][0].get_xlim()
        ticks = [tick for tick in BYTES if ends[0] <= tick <= ends[1]]
        axes[0][0].set_xticks(ticks, [f"{tick:,}" for tick in ticks])
        axes[0][0].minorticks_off()
        axes[0][0].set_ylabel("accuracy in %")
    return figure


def labels_and_teacher(pairs: Mapping[str, tuple[Interval, Interval]], whole: tuple[Interval, Interval]) -> Figure:
    """Per reduced set the accuracy from labels (open) and from the teacher's answers (filled), joined by a line."""
    rows = {**pairs, "all pictures": whole}
    with house_style():
        figure, axis = plt.subplots(figsize=(8, 0.9 + 0.5 * len(rows)), layout="constrained")
        for row, (labels, teacher) in enumerate(rows.values()):
            axis.plot([100 * labels.mean, 100 * teacher.mean], [row, row], color=GREY, linewidth=1)
            for interval, face, name in ((labels, "white", "labels"), (teacher, BLUE, "the teacher's answers")):
                reach = [[100 * (interval.mean - interval.low)], [100 * (interval.high - interval.mean)]]
                axis.errorbar(
                    [100 * interval.mean], [row], xerr=reach, color=BLUE, marker="o", markerfacecolor=face, capsize=3,
                    linestyle="none", label=name if row == 0 else None,
                )  # fmt: skip
        axis.set_yticks(range(len(rows)), list(rows))
        axis.invert_yaxis()
        axis.set_xlabel("accuracy in %")
        axis.legend(loc="lower left", frameon=False)
    return figure
