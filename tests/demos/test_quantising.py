"""The quantisation explorer rounds as the schemes say, written out again with numpy."""

from itertools import product
from typing import get_args

import numpy as np
import pytest
import torch

from kdtutor.demos import networks, quantising, rounding
from kdtutor.demos.rounding import Setting, accuracy_of, codes_of, floating

SCHEMES = get_args(rounding.Scheme)


def rounded(x: np.ndarray, bits: int, symmetric: bool, low: float, high: float) -> np.ndarray:
    if symmetric:
        top = 2 ** (bits - 1) - 1
        s = max(-low, high) / top
        return np.clip(np.round(x / s), -top, top) * s
    s = (high - low) / (2**bits - 1)
    o = np.round(-low / s)
    return (np.clip(np.round(x / s) + o, 0, 2**bits - 1) - o) * s


@pytest.mark.parametrize(("bits", "scheme"), [*product((2, 4, 8), SCHEMES)])
def test_weights_come_back_as_the_scheme_says(bits: int, scheme: rounding.Scheme) -> None:
    codes = codes_of(Setting("weights", bits, scheme, "minmax"), "3")
    x = networks.from_labels()[3].weight.detach().double().numpy()
    symmetric, rows = scheme.startswith("symmetric"), x if scheme.endswith("channel") else x.reshape(1, -1)
    expected = np.stack([rounded(row, bits, symmetric, min(row.min(), 0), max(row.max(), 0)) for row in rows])
    # A value halfway between two levels may go either way in single precision: it then lies one step off.
    off = np.abs(codes.returned.double().numpy() - expected.reshape(x.shape)) > 1e-5
    assert off.mean() < 1e-3
    assert codes.error == pytest.approx(np.linalg.norm(x - expected.reshape(x.shape)) / np.linalg.norm(x), rel=1e-2)


@pytest.mark.parametrize("setting", [Setting("weights", 3, s, "minmax") for s in SCHEMES])
def test_only_the_levels_shown_come_back_and_all_fit_the_bits(setting: Setting) -> None:
    codes = codes_of(setting, "3")
    assert len(codes.levels) == 2**setting.bits - setting.symmetric
    returned = codes.returned if codes.channel is None else codes.returned[codes.channel]
    nearest = (returned.flatten()[:, None] - codes.levels).abs().amin(1)
    assert float(nearest.max()) < 1e-6
    assert codes.among.numel() == (codes.values.numel() if codes.channel is None else codes.values.shape[1])


def test_finer_scales_and_searched_ranges_leave_less_error_and_more_bits_less_still() -> None:
    for what, layer in product(get_args(rounding.What), rounding.LAYERS):
        by_bits = [codes_of(Setting(what, b, SCHEMES[0], "minmax"), layer).error for b in quantising.BITS]
        assert by_bits == sorted(by_bits, reverse=True)
        one, each = (codes_of(Setting(what, 4, s, "minmax"), layer).error for s in SCHEMES[:2])
        searched = codes_of(Setting(what, 4, SCHEMES[0], "error"), layer).error
        assert each < one
        assert searched <= one


@pytest.mark.parametrize("what", get_args(rounding.What))
def test_accuracy_is_that_of_a_network_which_computes_with_the_rounded_values(what: rounding.What) -> None:
    setting, split = Setting(what, 3, "affine, per tensor", "percentile"), networks.pictures().validation
    first, second = networks.from_labels()[1], networks.from_labels()[3]

    def passed(x: torch.Tensor, layer: str) -> torch.Tensor:
        return rounding.round_to(setting, x, *rounding.range_of(setting, layer))

    with torch.no_grad():
        x = split.x.flatten(1)
        if what == "weights":
            hidden = (x @ passed(first.weight, "1").T + first.bias).relu()
            out = hidden @ passed(second.weight, "3").T + second.bias
        else:
            out = second(passed(first(passed(x, "1")).relu(), "3"))
    assert accuracy_of(setting) == pytest.approx(float((out.argmax(1) == split.y).float().mean()), abs=1e-3)


def test_eight_bits_lose_nothing_worth_mentioning_and_two_lose_much() -> None:
    accuracies = quantising.quantise("weights", 4, "symmetric, per tensor", "minmax").accuracies
    assert abs(accuracies[-1] - floating()) < 0.01
    assert accuracies[0] < accuracies[-1] - 0.2


def test_entropy_with_channels_says_that_they_share_one_range() -> None:
    shared = quantising.quantise("weights", 4, "symmetric, per channel", "entropy")
    assert "channels share it" in quantising.say(shared)
    assert shared.codes["3"].channel is None
    alone = quantising.quantise("weights", 4, "symmetric, per tensor", "entropy")
    assert torch.equal(shared.codes["3"].returned, alone.codes["3"].returned)
    assert "share" not in quantising.say(alone)


def test_the_networks_themselves_stay_as_they_were() -> None:
    before = networks.from_labels()[1].weight.detach().clone()
    rounding.rounded_network(Setting("weights", 2, "affine, per channel", "error"))
    rounding.rounded_network(Setting("activations", 2, "affine, per channel", "error"))
    assert torch.equal(before, networks.from_labels()[1].weight)
    assert not networks.from_labels().training


def test_the_answer_to_the_question_is_the_fewest_bits_within_two_points() -> None:
    answer, whole = int(quantising.fewest_bits()), floating()
    settings = {b: Setting("weights", b, "symmetric, per tensor", "minmax") for b in quantising.BITS}
    assert accuracy_of(settings[answer]) >= whole - 0.02
    assert all(accuracy_of(settings[b]) < whole - 0.02 for b in range(2, answer))
