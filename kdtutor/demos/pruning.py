"""Pruning: how much of a network can go, as single weights or as whole neurons, and what that saves."""

from dataclasses import dataclass
from functools import cache, partial
from typing import Literal

import torch
from torch import nn

from kdtutor import prune
from kdtutor.demos import networks
from kdtutor.demos.explorer import Control, Explorer
from kdtutor.demos.picture import Picture
from kdtutor.demos.prediction import Question
from kdtutor.measure import Latency, accuracy, latency, nonzeros, parameters
from kdtutor.plots import live_pruning
from kdtutor.plots.style import Theme
from kdtutor.quantize import encode_artifact

Structure = Literal["weights", "neurons"]

STRUCTURES: tuple[Structure, ...] = ("weights", "neurons")
SPARSITIES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98)
BATCH = 256  # pictures whose forward pass is timed
TIMING = 0.012  # seconds that each of the two networks is timed for
LOST = 0.05  # of accuracy, in the question


@dataclass(frozen=True)
class Smaller:
    """A network that something was removed from: its accuracy from 0 to 1, the bytes of its file, its non-zeros."""

    model: nn.Module
    accuracy: float
    file_bytes: int
    nonzero: int


@dataclass(frozen=True)
class Pruned:
    """One setting beside the whole network, both timed just now, and the accuracies along SPARSITIES."""

    sparsity: float
    structure: Structure
    here: Smaller
    whole: Smaller
    takes: Latency
    whole_takes: Latency
    accuracies: dict[str, list[float]]


def prune_to(sparsity: float, structure: Structure) -> Pruned:
    """Remove a fraction of the network's weights or hidden neurons, then time it beside the whole network."""
    here, whole = smaller(sparsity, structure), smaller(0.0, structure)
    return Pruned(
        sparsity, structure, here, whole, _time(here.model), _time(whole.model),
        {each: [smaller(s, each).accuracy for s in SPARSITIES] for each in STRUCTURES},
    )  # fmt: skip


@cache
def smaller(sparsity: float, structure: Structure) -> Smaller:
    """The network without the smallest fraction of its weights, or of the neurons of each hidden layer; not retrained.

    weights: those of smallest magnitude in the whole network, by masks. neurons: those of smallest L1 norm, removed
    for good. The file is the same format for both; where most weights are 0 it keeps only the others.
    """
    model = networks.lenet()
    if structure == "weights":
        masks = prune.global_magnitude_masks(prune.prunable_weights(model), sparsity)
        model = prune.masked_copy(model, masks)
    else:
        groups = prune.channel_groups(model, networks.pictures().validation.x[:1])
        keep = {
            name: prune.keep_channels(prune.group_scores(model, group), sparsity)
            for name, group in groups.items()
            if group.fixed is None
        }
        model = prune.shrink(model, keep, groups)
    model = model.eval().requires_grad_(False)
    file = encode_artifact(model.state_dict())
    return Smaller(model, accuracy(model, networks.pictures().validation), len(file), nonzeros(model))


def most_removable() -> float:
    """The largest percentage of weights on the slider whose removal costs at most 5 points of accuracy."""
    whole = smaller(0.0, "weights").accuracy
    return 100 * max(s for s in SPARSITIES if smaller(s, "weights").accuracy >= whole - LOST)


def draw(pruned: Pruned, theme: Theme) -> list[Picture]:
    """Accuracy against sparsity for both structures, bytes, milliseconds."""
    curves = {f"{each} removed": [100 * a for a in pruned.accuracies[each]] for each in STRUCTURES}
    here, whole = pruned.here, pruned.whole
    files = {"whole": whole.file_bytes / 1000, "pruned": here.file_bytes / 1000}
    times = {"whole": _milliseconds(pruned.whole_takes), "pruned": _milliseconds(pruned.takes)}
    return [
        Picture(
            live_pruning.accuracy_along(
                [100 * s for s in SPARSITIES], curves, f"{pruned.structure} removed", 100 * pruned.sparsity, theme
            ),
            f"Accuracy in percent against what is removed in percent. Weights: {_listed(curves['weights removed'])}. "
            f"Neurons: {_listed(curves['neurons removed'])}. At the mark, {pruned.sparsity:.0%} of the "
            f"{pruned.structure}: {here.accuracy:.1%}.",
        ),
        Picture(
            live_pruning.bars(files, "file in kB", theme),
            f"Two bars: the whole network's file has {files['whole']:.0f} kB, the pruned one's {files['pruned']:.0f}.",
        ),
        Picture(
            live_pruning.bars(
                {name: m for name, (m, _, _) in times.items()}, f"{BATCH} pictures in ms", theme,
                {name: (low, high) for name, (_, low, high) in times.items()},
            ),
            f"Two bars with quartiles, the time for {BATCH} pictures: whole {times['whole'][0]:.2f} ms, "
            f"pruned {times['pruned'][0]:.2f} ms.",
        ),
    ]  # fmt: skip


def say(pruned: Pruned) -> str:
    """The numbers of one setting."""
    here, whole = pruned.here, pruned.whole
    return (
        f"{pruned.sparsity:.0%} of the {pruned.structure} removed: {here.nonzero:,} of {parameters(whole.model):,} "
        f"parameters are left. Accuracy {here.accuracy:.1%} (whole {whole.accuracy:.1%}), file "
        f"{here.file_bytes / 1000:.0f} kB ({whole.file_bytes / 1000:.0f}), {BATCH} pictures in "
        f"{1000 * pruned.takes.median:.2f} ms ({1000 * pruned.whole_takes.median:.2f}), "
        f"medians of {pruned.takes.n} and {pruned.whole_takes.n} runs just now."
    )


@cache
def explorer() -> Explorer[Pruned]:
    """The explorer, with the network trained or read and every setting's accuracy and file known."""
    for structure in STRUCTURES:
        for sparsity in SPARSITIES:
            smaller(sparsity, structure)
    return Explorer(
        "Pruning",
        "A trained network loses its smallest weights, or its weakest neurons, and is not trained again. "
        "Watch what each way costs in accuracy, and what it saves in bytes and in time.",
        (
            Control("sparsity", "removed", SPARSITIES, 0.5, shown=lambda s: f"{s:.0%}"),
            Control("structure", "of its", STRUCTURES, "weights", "menu"),
        ),
        prune_to,
        draw,
        say,
        stills=({}, {"sparsity": 0.9}, {"structure": "neurons"}),
        question=Question(
            f"How many percent of the weights can go, without training again, before accuracy falls by more than "
            f"{100 * LOST:g} points?",
            "%",
            most_removable,
        ),
    )


def explore(*, ask: bool = True) -> None:
    """Show the explorer in a notebook. ask: predict before it shows."""
    from kdtutor.demos.shell import show

    show(explorer(), ask=ask)


def _time(model: nn.Module) -> Latency:
    batch = networks.pictures().validation.x[:BATCH]
    with torch.inference_mode():
        return latency(partial(model, batch), warmup=1, budget=TIMING)


def _milliseconds(takes: Latency) -> tuple[float, float, float]:
    return 1000 * takes.median, 1000 * takes.low, 1000 * takes.high


def _listed(curve: list[float]) -> str:
    return ", ".join(f"{value:.0f} at {100 * sparsity:.0f}" for sparsity, value in zip(SPARSITIES, curve, strict=True))
