r"""How a stream of channels passes through one operation: which axis they lie on afterwards, in how many positions.

`None` for an answer means that the channels cannot be followed any further.
"""

import math
from dataclasses import dataclass, field

import torch
from torch import fx, nn


@dataclass
class Channels:
    """A group under construction: a node of a union-find forest."""

    channels: int
    writers: list[str] = field(default_factory=list)
    carriers: dict[str, int] = field(default_factory=dict)
    readers: dict[str, int] = field(default_factory=dict)
    fixed: str | None = None
    joined: "Channels | None" = None

    def root(self) -> "Channels":
        node = self
        while node.joined is not None:
            node = node.joined
        return node


@dataclass
class Stream:
    """A tensor's channels: which group, along which axis, and how many positions each has there."""

    group: Channels
    axis: int
    positions: int
    shape: torch.Size

    def like(self, shape: torch.Size, positions: int | None = None) -> "Stream":
        return Stream(self.group, self.axis, self.positions if positions is None else positions, shape)


POINTWISE_MODULES = (
    *(nn.Identity, nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.ELU, nn.SELU, nn.CELU, nn.GELU, nn.SiLU, nn.Mish, nn.Softplus),
    *(nn.Tanh, nn.Sigmoid, nn.Hardswish, nn.Hardsigmoid, nn.Hardtanh, nn.Softsign, nn.Tanhshrink, nn.Threshold),
    *(nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, nn.FeatureAlphaDropout),
)
POOLING_MODULES = (
    *(nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d, nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d),
    *(nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d),
    *(nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d, nn.AdaptiveMaxPool3d),
    *(nn.Upsample, nn.ZeroPad1d, nn.ZeroPad2d, nn.ZeroPad3d),
)
POINTWISE = (
    *("relu", "relu6", "leaky_relu", "elu", "selu", "celu", "gelu", "silu", "mish", "softplus", "tanh", "sigmoid"),
    *("hardswish", "hardsigmoid", "hardtanh", "neg", "abs", "square", "clamp", "contiguous", "clone", "detach"),
    *("float", "to", "stochastic_depth"),
    *("dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_alpha_dropout"),
)
POOLING = (
    *("max_pool1d", "max_pool2d", "max_pool3d", "avg_pool1d", "avg_pool2d", "avg_pool3d", "interpolate"),
    *("adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d"),
    *("adaptive_max_pool1d", "adaptive_max_pool2d", "adaptive_max_pool3d"),
)
MERGING = ("add", "iadd", "sub", "isub", "mul", "imul", "div", "truediv", "maximum", "minimum")
RESHAPING = ("flatten", "reshape", "view")
REDUCING = ("mean", "sum", "amax")


def pooled(stream: Stream, shape: torch.Size) -> Stream | None:
    """Pooling works on the axes after the channels."""
    if stream.axis != 1 or len(stream.shape) < 3 or len(shape) != len(stream.shape) or shape[:2] != stream.shape[:2]:
        return None
    return stream.like(shape)


def flattened(stream: Stream, shape: torch.Size) -> Stream | None:
    """Flattening from the channels' axis on gives each channel its positions side by side.

    A change of shape behind that axis leaves the channels as they are; nothing else is followed.
    """
    axis, rest = stream.axis, stream.shape[stream.axis + 1 :]
    if shape[: axis + 1] == stream.shape[: axis + 1]:
        return stream.like(shape)
    if shape[:axis] != stream.shape[:axis] or len(shape) != axis + 1:
        return None
    return stream.like(shape, stream.positions * math.prod(rest))


def reduced(n: fx.Node, stream: Stream, shape: torch.Size) -> Stream | None:
    """A mean over axes after the channels' leaves the channels."""
    axes = n.kwargs.get("dim", n.args[1] if len(n.args) > 1 else None)
    if isinstance(axes, int):
        axes = (axes,)
    if not isinstance(axes, (tuple, list)) or not all(isinstance(axis, int) for axis in axes):
        return None
    if any(int(str(axis)) % len(stream.shape) <= stream.axis for axis in axes):
        return None
    return stream.like(shape)


def operation(n: fx.Node) -> str:
    """The function's name; the in-place form (add_) and the operator (iadd) couple as the plain one does."""
    target = n.target if isinstance(n.target, str) else getattr(n.target, "__name__", str(n.target))
    return target if target.startswith("_") else target.rstrip("_")


def states_width(n: fx.Node, axis: int) -> bool:
    """Whether a view or reshape writes the size of the channels' axis as a number."""
    sizes = n.args[1] if len(n.args) == 2 and isinstance(n.args[1], (tuple, list)) else n.args[1:]
    assert isinstance(sizes, (tuple, list))
    width = sizes[axis] if len(sizes) > axis else -1
    return isinstance(width, int) and width != -1
