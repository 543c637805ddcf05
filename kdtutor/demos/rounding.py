"""A student that is rounded: every setting of the quantisation explorer, its codes and its accuracy."""

import copy
from dataclasses import dataclass
from functools import cache
from typing import Literal

import torch
from torch import Tensor, nn

from kdtutor import quantize
from kdtutor.demos import networks
from kdtutor.measure import accuracy

What = Literal["weights", "activations"]
Scheme = Literal[
    "symmetric, per tensor", "symmetric, per channel", "affine, per tensor", "affine, per channel"
]  # fmt: skip
Calibration = Literal["minmax", "percentile", "error", "entropy"]

LAYERS = ("1", "3")  # the Linear layers' names in the network
CANDIDATES = 50  # ranges that the search for the smallest error tries


@dataclass(frozen=True)
class Setting:
    """What is rounded, to how many bits, with which scales, over which range."""

    what: What
    bits: int
    scheme: Scheme
    calibration: Calibration

    @property
    def symmetric(self) -> bool:
        return self.scheme.startswith("symmetric")

    @property
    def per_channel(self) -> bool:
        """Entropy calibration looks for one range a tensor; with it, channels share theirs."""
        return self.scheme.endswith("channel") and self.calibration != "entropy"


@dataclass(frozen=True)
class Codes:
    """One layer's values and what comes back of them: both of one shape; levels: all values that codes stand for.

    Per channel, levels are those of the channel whose scale is in the middle, and `among` are its values; otherwise
    `among` are all values.
    """

    values: Tensor
    returned: Tensor
    levels: Tensor
    among: Tensor
    channel: int | None

    @property
    def error(self) -> float:
        """‖x - x̂‖ / ‖x‖."""
        return float((self.values - self.returned).norm() / self.values.norm())


@cache
def codes_of(setting: Setting, layer: str) -> Codes:
    """The layer's weights, or what it receives from the calibration pictures, quantised and back."""
    values = values_of(setting.what, layer)
    low, high = range_of(setting, layer)
    scale, zero_point = _parameters(setting, low, high)
    middle = int(scale.flatten().argsort()[scale.numel() // 2])
    channel, among = None, values
    if setting.per_channel:
        channel, among = middle, values.select(0 if setting.what == "weights" else 1, middle)
    q_min, q_max = quantize.code_range(setting.bits)
    codes = torch.arange(q_min + setting.symmetric, q_max + 1)
    levels = quantize.dequantize_affine(codes, scale.flatten()[middle], zero_point.flatten()[middle])
    return Codes(values, round_to(setting, values, low, high), levels, among, channel)


@cache
def accuracy_of(setting: Setting) -> float:
    """The accuracy on validation pictures of the network with all weights rounded, or all its layers' inputs."""
    return accuracy(rounded_network(setting), networks.pictures().validation)


def rounded_network(setting: Setting) -> nn.Sequential:
    """A copy of the network that computes with rounded weights, or rounds what each Linear layer receives."""
    model = copy.deepcopy(_network())
    for layer in LAYERS:
        linear = model.get_submodule(layer)
        assert isinstance(linear, nn.Linear)
        if setting.what == "weights":
            linear.weight.data = codes_of(setting, layer).returned
        else:
            model[int(layer)] = nn.Sequential(_Rounding(setting, layer), linear)
    return model


@cache
def range_of(setting: Setting, layer: str) -> tuple[Tensor, Tensor]:
    """What the codes should cover by the setting's calibration: one range, or one for each channel."""
    x = values_of(setting.what, layer)
    axis = (0 if setting.what == "weights" else 1) if setting.per_channel else None
    match setting.calibration:
        case "minmax":
            return quantize.minmax_range(x, axis)
        case "percentile":
            return quantize.percentile_range(x, axis=axis)
        case "error":
            return quantize.error_range(
                x, setting.bits, axis, symmetric=setting.symmetric, candidates=CANDIDATES
            )  # fmt: skip
        case "entropy":
            return _entropy_range(setting.what, layer, setting.bits)


def round_to(setting: Setting, x: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """x quantised and back, with codes over [low, high]."""
    scale, zero_point = _parameters(setting, low, high)
    if setting.symmetric:
        codes = quantize.quantize_symmetric(x, scale, setting.bits)
    else:
        codes = quantize.quantize_affine(x, scale, zero_point, setting.bits)
    return quantize.dequantize_affine(codes, scale, zero_point)


@cache
def values_of(what: What, layer: str) -> Tensor:
    """A layer's weight (out, in), or what it receives from the calibration pictures, (N, in)."""
    linear = _network().get_submodule(layer)
    assert isinstance(linear, nn.Linear)
    if what == "weights":
        return linear.weight.detach()
    received: list[Tensor] = []
    hook = linear.register_forward_pre_hook(lambda _, inputs: received.append(inputs[0]))
    with torch.no_grad():
        _network()(networks.pictures().train.x[: networks.CALIBRATION])
    hook.remove()
    return received[0]


@cache
def floating() -> float:
    """The accuracy of the network as it is, without rounding."""
    return accuracy(_network(), networks.pictures().validation)


class _Rounding(nn.Module):
    """Rounds what passes through, over the range that was calibrated for a layer."""

    def __init__(self, setting: Setting, layer: str) -> None:
        super().__init__()
        self.setting = setting
        self.low, self.high = range_of(setting, layer)

    def forward(self, x: Tensor) -> Tensor:
        return round_to(self.setting, x, self.low, self.high)


def _network() -> nn.Sequential:
    model = networks.from_labels()
    assert isinstance(model, nn.Sequential)
    return model


@cache
def _entropy_range(what: What, layer: str, bits: int) -> tuple[Tensor, Tensor]:
    return quantize.entropy_range(values_of(what, layer), bits, bins=1024)


def _parameters(setting: Setting, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
    if setting.symmetric:
        scale = quantize.symmetric_scale(torch.maximum(-low, high), setting.bits)
        return scale, torch.zeros_like(scale, dtype=torch.int32)
    return quantize.affine_parameters(low, high, setting.bits)
