"""Figures of unit 03: where layers look, who resembles whom, what losses do not see, and which of them help."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
from matplotlib.figure import Figure
from torch import Tensor

from kdtutor.measure import Interval
from kdtutor.plots.style import BLUE, CYCLE, GREY, ORANGE, VERMILION, house_style


def attention_maps(pictures: Tensor, maps: Mapping[str, Tensor]) -> Figure:
    """Pictures in the first row, below them one row of maps a layer, brighter where the layer responds more.

    pictures: (n, H, W). maps: name -> (n, h·w), square maps.
    """
    with house_style():
        shape = (1 + len(maps), len(pictures))
        figure, axes = plt.subplots(*shape, figsize=(8, 1.35 * shape[0]), layout="constrained", squeeze=False)
        for axis, picture in zip(axes[0], pictures.cpu(), strict=True):
            axis.imshow(picture.numpy(), cmap="gray_r", vmin=0, vmax=1)
        for row, values in zip(axes[1:], maps.values(), strict=True):
            side = round(values.shape[1] ** 0.5)
            for axis, value in zip(row, values.detach().cpu(), strict=True):
                axis.imshow(value.view(side, side).numpy(), cmap="viridis", vmin=0)
        for row, name in zip(axes, ("picture", *maps), strict=True):
            row[0].set_ylabel(name, rotation=0, ha="right", va="center")
            for axis in row:
                axis.set(xticks=[], yticks=[])
                axis.grid(visible=False)
    return figure


def similarity_matrices(matrices: Mapping[str, Tensor], names: Sequence[str]) -> Figure:
    """One matrix a panel, sample against sample, one scale of colour for all.

    matrices: title -> (N, N). names: the class of each of the N samples, samples of one class next to each other.
    """
    firsts = [i for i, name in enumerate(names) if i == 0 or names[i - 1] != name]
    ends = [*firsts[1:], len(names)]
    middles = [(first + end - 1) / 2 for first, end in zip(firsts, ends, strict=True)]
    top = max(float(matrix.detach().max()) for matrix in matrices.values())
    with house_style():
        figure, axes = plt.subplots(
            1, len(matrices), figsize=(3.3 * len(matrices), 3.4), layout="constrained", squeeze=False
        )
        for axis, (title, matrix) in zip(axes[0], matrices.items(), strict=True):
            image = axis.imshow(matrix.detach().cpu().numpy(), cmap="viridis", vmin=0, vmax=top)
            axis.set_title(title)
            axis.set_xticks(middles, [names[first] for first in firsts])
            axis.set_yticks(middles, [names[first] for first in firsts])
            axis.tick_params(length=0)
            axis.grid(visible=False)
        figure.colorbar(image, ax=list(axes[0]), label="entry of G, rows of length 1", shrink=0.85)
    return figure


def loss_by_scale(scales: Sequence[float], curves: Mapping[str, Sequence[float]]) -> Figure:
    """Loss of a student whose logits are the teacher's times a factor, one panel a loss, one axis for all.

    curves: name -> one number a factor, each a multiple of that loss for an untrained student.
    """
    with house_style():
        figure, axes = plt.subplots(1, len(curves), figsize=(9, 2.8), layout="constrained", squeeze=False)
        top = max(max(values) for values in curves.values())
        for axis, colour, (name, values) in zip(axes[0], CYCLE, curves.items(), strict=False):
            axis.plot(scales, values, color=colour, marker="o")
            axis.axvline(1, color=GREY, linestyle="--", linewidth=1)
            axis.set(xscale="log", title=name, xlabel="student's logits / teacher's", ylim=(-0.04 * top, 1.08 * top))
            axis.set_xticks(list(scales), [f"{scale:g}" for scale in scales])
            axis.minorticks_off()
        axes[0][0].set_ylabel("loss / untrained student's")
    return figure


def accuracy_by_weight(factors: Sequence[float], curves: Mapping[str, Sequence[float]], without: float) -> Figure:
    """Validation accuracy in % against the weight of a loss, one small panel a method.

    factors: the weight as a multiple of each method's middle weight. curves: method -> one accuracy (0 to 1) a factor.
    without: accuracy of students trained without any such loss, the dashed line.
    """
    columns = 5
    rows = -(-len(curves) // columns)
    low = 100 * min(without, *(min(values) for values in curves.values()))
    high = 100 * max(without, *(max(values) for values in curves.values()))
    with house_style():
        figure, axes = plt.subplots(
            rows, columns, figsize=(10, 1.75 * rows), layout="constrained", sharex=True, sharey=True, squeeze=False
        )
        for axis in axes.flat[len(curves) :]:
            axis.set_visible(False)
        for axis, (name, values) in zip(axes.flat, curves.items(), strict=False):
            axis.plot(factors, [100 * value for value in values], color=BLUE, marker="o")
            axis.axhline(100 * without, color=GREY, linestyle="--", linewidth=1)
            axis.set_title(name, fontsize=9.5)
            axis.set(xscale="log", ylim=(low - 1, high + 1))
            axis.set_xticks(list(factors), [f"{factor:g}" for factor in factors])
            axis.minorticks_off()
        figure.supxlabel("weight of the loss, times its middle value", fontsize=11)
        figure.supylabel("validation accuracy, %", fontsize=11)
    return figure


def gains_beside_reported(
    measured: Mapping[str, Interval], reported: Mapping[str, Sequence[float]], protocols: Mapping[str, str]
) -> Figure:
    """Gain over training on labels, in points: measured with intervals on the left, as printed elsewhere on the right.

    measured: method -> gain (0 to 1) with its interval. reported: method -> gains in points, one a pair of networks.
    protocols: method -> how its reported row was measured; a colour and a mark for each. Methods of both are lined up.
    """
    names = [*measured, *(name for name in reported if name not in measured)]
    kinds = list(dict.fromkeys(protocols[name] for name in reported))
    with house_style():
        figure, (ours, theirs) = plt.subplots(
            1, 2, figsize=(10, 0.36 * len(names) + 1.1), layout="constrained", sharey=True, width_ratios=[1.15, 1]
        )
        for row, name in enumerate(names):
            if name in measured:
                gain = measured[name]
                colour = VERMILION if name == "KD" else BLUE
                ours.plot([100 * gain.low, 100 * gain.high], [row, row], color=colour, linewidth=3, alpha=0.5)
                ours.plot(100 * gain.mean, row, "o", color=colour)
            if name in reported:
                kind = kinds.index(protocols[name])
                style = [("o", BLUE), ("s", ORANGE), ("^", VERMILION)][kind]
                theirs.plot(
                    reported[name],
                    [row] * len(reported[name]),
                    style[0],
                    color=style[1],
                    linestyle="",
                    label=kinds[kind],
                )
        if "KD" in measured:
            ours.axvline(100 * measured["KD"].mean, color=VERMILION, linewidth=1, linestyle=":")
        for axis in (ours, theirs):
            axis.axvline(0, color=GREY, linewidth=1)
            axis.set_xlabel("points above the student trained on labels")
        ours.set(title="measured here", yticks=range(len(names)))
        ours.set_yticklabels(names)
        ours.invert_yaxis()
        theirs.set_title("as printed for CIFAR-100")
        handles, labels = theirs.get_legend_handles_labels()
        unique = dict(zip(labels, handles, strict=True))
        figure.legend(unique.values(), unique.keys(), loc="outside lower right", ncols=len(unique), fontsize=9)
    return figure


def chosen_epochs(validation: Sequence[float], test: Sequence[float]) -> Figure:
    """One run's validation and test accuracy (0 to 1) by epoch, with the three epochs that could be reported."""
    epochs = range(1, len(test) + 1)
    choices = {
        "best on test": (max(range(len(test)), key=test.__getitem__), VERMILION),
        "chosen on validation": (max(range(len(test)), key=validation.__getitem__), BLUE),
        "last": (len(test) - 1, GREY),
    }
    with house_style():
        figure, axis = plt.subplots(figsize=(7, 3.2), layout="constrained")
        axis.plot(epochs, [100 * value for value in validation], color=GREY, linewidth=1, label="validation")
        axis.plot(epochs, [100 * value for value in test], color="black", linewidth=1.5, label="test")
        for number, (name, (epoch, colour)) in enumerate(choices.items()):
            label = f"{name}: {100 * test[epoch]:.1f} %"
            axis.plot(epoch + 1, 100 * test[epoch], "o", color=colour, markersize=11 - 3 * number, label=label)
        later = [100 * value for value in (*validation[len(validation) // 4 :], *test[len(test) // 4 :])]
        axis.legend(loc="lower right", frameon=False)
        axis.set(xlabel="epoch", ylabel="accuracy, %", ylim=(min(later) - 4, max(later) + 1))
        axis.set_xticks(range(2, len(test) + 1, max(2, len(test) // 10)))
    return figure
