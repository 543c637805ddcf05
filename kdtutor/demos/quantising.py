"""Quantisation: how few bits a network's weights or activations need, by scheme and by calibration."""

from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import get_args

import torch

from kdtutor.demos.explorer import Control, Explorer
from kdtutor.demos.picture import Picture
from kdtutor.demos.prediction import Question
from kdtutor.demos.rounding import LAYERS, Calibration, Codes, Scheme, Setting, What, accuracy_of, codes_of, floating
from kdtutor.plots import live_quantising
from kdtutor.plots.style import Theme

BITS = (2, 3, 4, 5, 6, 7, 8)
SHOWN = "3"  # the layer whose values are drawn
BINS = 60
LOST = 0.02  # of accuracy, in the question


@dataclass(frozen=True)
class Quantised:
    """One setting: the codes of each layer, the network's accuracy for every number of bits, and without rounding."""

    setting: Setting
    codes: dict[str, Codes]
    accuracies: list[float]
    floating: float

    @property
    def accuracy(self) -> float:
        return self.accuracies[BITS.index(self.setting.bits)]


def quantise(what: What, bits: int, scheme: Scheme, calibration: Calibration) -> Quantised:
    """Round all weights, or the inputs of all layers, of the student from labels."""
    setting = Setting(what, bits, scheme, calibration)
    return Quantised(
        setting,
        {layer: codes_of(setting, layer) for layer in LAYERS},
        [accuracy_of(Setting(what, each, scheme, calibration)) for each in BITS],
        floating(),
    )


def fewest_bits() -> float:
    """The fewest bits a weight at which one symmetric scale a tensor, from the extremes, costs at most 2 points."""
    settings = [Setting("weights", bits, "symmetric, per tensor", "minmax") for bits in BITS]
    return min(setting.bits for setting in settings if accuracy_of(setting) >= floating() - LOST)


def draw(seen: Quantised, theme: Theme) -> list[Picture]:
    """A layer's values with the levels, the error of each layer, accuracy by bits."""
    setting, codes = seen.setting, seen.codes[SHOWN]
    counts, edges = torch.histogram(codes.among.flatten(), BINS)
    whose = "weights of layer 2" if setting.what == "weights" else "inputs of layer 2"
    if codes.channel is not None:
        whose += f", channel {codes.channel}"
    low, high = float(codes.levels[0]), float(codes.levels[-1])
    errors = {f"layer {place + 1}": 100 * seen.codes[layer].error for place, layer in enumerate(LAYERS)}
    accuracies = [100 * a for a in seen.accuracies]
    return [
        Picture(
            live_quantising.values_and_levels(
                counts.tolist(), edges.tolist(), codes.levels.tolist(), whose, theme
            ),
            f"Histogram of the {whose}, from {float(edges[0]):.2f} to {float(edges[-1]):.2f}, and below it the "
            f"{len(codes.levels)} levels from {low:.2f} to {high:.2f}.",
        ),
        Picture(
            live_quantising.error_by_layer(errors, theme),
            "Relative rounding error: " + ", ".join(f"{name} {error:.2g} percent" for name, error in errors.items()),
        ),
        Picture(
            live_quantising.accuracy_by_bits(BITS, accuracies, 100 * seen.floating, setting.bits, theme),
            "Accuracy in percent by bits: "
            + ", ".join(f"{a:.0f} at {b}" for b, a in zip(BITS, accuracies, strict=True))
            + f"; without rounding {seen.floating:.1%}.",
        ),
    ]  # fmt: skip


def say(seen: Quantised) -> str:
    """The numbers of one setting."""
    setting, errors = seen.setting, [f"{codes.error:.1%}" for codes in seen.codes.values()]
    shared = ""
    if setting.scheme.endswith("channel") and not setting.per_channel:
        shared = " Entropy calibration finds one range a tensor, so the channels share it."
    return (
        f"{setting.what.capitalize()} in {setting.bits} bits: relative error {' and '.join(errors)} in layers 1 and 2; "
        f"accuracy {seen.accuracy:.1%}, without rounding {seen.floating:.1%}.{shared}"
    )


@cache
def explorer() -> Explorer[Quantised]:
    """The explorer, with the student trained or read and every setting's ranges and accuracy known."""
    for setting in product(get_args(What), BITS, get_args(Scheme), get_args(Calibration)):
        accuracy_of(Setting(*setting))
    return Explorer(
        "Quantisation",
        "A student's weights, or what its layers receive, are rounded to a few codes. "
        "Watch where the levels fall among the values, and what the rounding costs.",
        (
            Control("bits", "bits", BITS, 4),
            Control("what", "rounded", get_args(What), "weights", "menu"),
            Control("scheme", "scheme", get_args(Scheme), "symmetric, per tensor", "menu"),
            Control("calibration", "calibration", get_args(Calibration), "minmax", "menu"),
        ),
        quantise,
        draw,
        say,
        stills=({}, {"scheme": "symmetric, per channel"}, {"bits": 3, "what": "activations", "calibration": "error"}),
        question=Question(
            f"One symmetric scale a tensor, from the extremes: how many bits a weight does the student need to lose "
            f"at most {100 * LOST:g} points of accuracy?",
            "bits",
            fewest_bits,
        ),
    )


def explore(*, ask: bool = True) -> None:
    """Show the explorer in a notebook. ask: predict before it shows."""
    from kdtutor.demos.shell import show

    show(explorer(), ask=ask)
