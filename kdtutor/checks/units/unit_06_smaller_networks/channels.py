"""Channels taken out of a convolution, of its BatchNorm, and of what reads them."""

import copy
from typing import Any

import torch
from torch import Generator, Tensor, nn

from kdtutor import prune
from kdtutor.checks.exercise import Exercise, Mistake, Solution
from kdtutor.checks.units.unit_06_smaller_networks.networks import drawn, first_ones, mask_keeping, numbers

Reader = nn.Conv2d | nn.Linear
Three = tuple[nn.Conv2d, nn.BatchNorm2d, Reader]


def _remove_channels(conv: nn.Conv2d, norm: nn.BatchNorm2d, following: Reader, keep: Tensor) -> Any:
    return prune.remove_channels(conv, norm, following, keep)


def _cases(g: Generator) -> list[tuple[Any, ...]]:
    readers: list[Reader] = [nn.Conv2d(5, 3, 3, padding=1), nn.Linear(5 * 4, 3), nn.Conv2d(5, 2, 1), nn.Linear(5, 4)]
    cases: list[tuple[Any, ...]] = []
    for stride, reader in zip((1, 2, 1, 2), readers, strict=True):
        conv = drawn(nn.Conv2d(2, 5, 3, padding=1, stride=stride, bias=stride == 1), g)
        cases.append((conv, drawn(nn.BatchNorm2d(5), g), drawn(reader, g), mask_keeping(g, 5, 3)))
    return cases


def _new_and_old(f: Solution, conv: nn.Conv2d, norm: nn.BatchNorm2d, following: Reader, keep: Tensor) -> dict[str, Any]:
    own = copy.deepcopy((conv, norm, following))
    answer = f(*own, keep)
    if not isinstance(answer, (tuple, list)) or len(answer) != 3:
        return {"value": answer}
    new = dict(zip(("conv", "norm", "following"), map(numbers, answer), strict=True))
    return {"value": "three layers", **new, "originals": [numbers(layer) for layer in own]}


def _inverted(conv: nn.Conv2d, norm: nn.BatchNorm2d, following: Reader, keep: Tensor) -> Any:
    return _remove_channels(conv, norm, following, ~keep)


def _first_ones(conv: nn.Conv2d, norm: nn.BatchNorm2d, following: Reader, keep: Tensor) -> Any:
    return _remove_channels(conv, norm, following, first_ones(keep))


def _norm_whole(conv: nn.Conv2d, norm: nn.BatchNorm2d, following: Reader, keep: Tensor) -> Any:
    small, _, reader = _remove_channels(conv, norm, following, keep)
    return small, copy.deepcopy(norm), reader


def _statistics_fresh(conv: nn.Conv2d, norm: nn.BatchNorm2d, following: Reader, keep: Tensor) -> Any:
    small, old, reader = _remove_channels(conv, norm, following, keep)
    new = nn.BatchNorm2d(int(keep.sum()))
    new.weight, new.bias = old.weight, old.bias
    return small, new, reader


def _norm_fresh(conv: nn.Conv2d, norm: nn.BatchNorm2d, following: Reader, keep: Tensor) -> Any:
    small, _, reader = _remove_channels(conv, norm, following, keep)
    return small, nn.BatchNorm2d(int(keep.sum())), reader


def _reader_whole(conv: nn.Conv2d, norm: nn.BatchNorm2d, following: Reader, keep: Tensor) -> Any:
    small, new, _ = _remove_channels(conv, norm, following, keep)
    return small, new, copy.deepcopy(following)


def _reading(following: Reader, columns: Tensor, inputs: int) -> Reader:
    reader = copy.deepcopy(following)
    reader.weight = nn.Parameter(following.weight.detach()[:, columns])
    if isinstance(reader, nn.Linear):
        reader.in_features = inputs
    else:
        reader.in_channels = inputs
    return reader


def _channels_last(conv: nn.Conv2d, norm: nn.BatchNorm2d, following: Reader, keep: Tensor) -> Any:
    small, new, _ = _remove_channels(conv, norm, following, keep)
    columns = keep.repeat(following.weight.shape[1] // len(keep))
    return small, new, _reading(following, columns, int(columns.sum()))


def _one_position(conv: nn.Conv2d, norm: nn.BatchNorm2d, following: Reader, keep: Tensor) -> Any:
    small, new, _ = _remove_channels(conv, norm, following, keep)
    columns = keep.nonzero().flatten()
    return small, new, _reading(following, columns, len(columns))


def _settings_lost(conv: nn.Conv2d, norm: nn.BatchNorm2d, following: Reader, keep: Tensor) -> Any:
    old, new, reader = _remove_channels(conv, norm, following, keep)
    small = nn.Conv2d(old.in_channels, old.out_channels, old.kernel_size, bias=old.bias is not None)
    small.load_state_dict(old.state_dict())
    return small, new, reader


def _cut(conv: nn.Conv2d, norm: nn.BatchNorm2d, following: Reader, keep: Tensor) -> Three:
    """The layers themselves, cut to size."""
    kept = int(keep.sum())
    conv.weight = nn.Parameter(conv.weight.detach()[keep])
    if conv.bias is not None:
        conv.bias = _entries(conv.bias, keep)
    norm.weight, norm.bias = _entries(norm.weight, keep), _entries(norm.bias, keep)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    norm.running_mean, norm.running_var = norm.running_mean[keep], norm.running_var[keep]
    conv.out_channels = norm.num_features = kept
    positions = following.weight.shape[1] // len(keep)
    following.weight = nn.Parameter(following.weight.detach()[:, keep.repeat_interleave(positions)])
    if isinstance(following, nn.Linear):
        following.in_features = kept * positions
    else:
        following.in_channels = kept
    return conv, norm, following


def _entries(values: Tensor | None, keep: Tensor) -> nn.Parameter:
    assert values is not None
    return nn.Parameter(values.detach()[keep])


def _copies_cut(conv: nn.Conv2d, norm: nn.BatchNorm2d, following: Reader, keep: Tensor) -> Three:
    return _cut(*copy.deepcopy((conv, norm, following)), keep)


def _by_reshaping(conv: nn.Conv2d, norm: nn.BatchNorm2d, following: Reader, keep: Tensor) -> Any:
    small, new, reader = _copies_cut(conv, norm, following, keep)
    by_channel = following.weight.detach().unflatten(1, (len(keep), -1))[:, keep]
    reader.weight = nn.Parameter(by_channel.flatten(1, 2).clone())
    return small, new, reader


@torch.no_grad()
def _new_layers(conv: nn.Conv2d, norm: nn.BatchNorm2d, following: Reader, keep: Tensor) -> Any:
    kept = int(keep.sum())
    small = nn.Conv2d(conv.in_channels, kept, 3, conv.stride[0], padding=1, bias=conv.bias is not None)
    new, reader = nn.BatchNorm2d(kept), copy.deepcopy(following)
    small.load_state_dict({name: value[keep] for name, value in conv.state_dict().items()})
    new.load_state_dict({n: v[keep] if v.ndim else v for n, v in norm.state_dict().items()})
    if isinstance(reader, nn.Conv2d):
        return small, new, _reading(reader, keep.nonzero().flatten(), kept)
    positions = reader.in_features // len(keep)
    columns = [c * positions + p for c in range(len(keep)) if keep[c] for p in range(positions)]
    return small, new, _reading(reader, torch.tensor(columns), len(columns))


remove_channels = Exercise(
    reference=_remove_channels,
    inputs=_cases,
    observe=_new_and_old,
    mistakes=[
        Mistake("mask inverted", _inverted,
                "You remove the channels that should stay. True means kept."),
        Mistake("norm left whole", _norm_whole,
                "The BatchNorm still has an entry for every channel that the convolution had. It loses the same ones."),
        Mistake("statistics start afresh", _statistics_fresh,
                "γ and β are right, but the running mean and variance are those of an untrained BatchNorm: in evaluation it "
                "would normalise by 0 and 1. They are buffers; cut them too."),
        Mistake("norm starts afresh", _norm_fresh,
                "Your BatchNorm is a new, untrained one. It keeps the entries of the trained one: γ, β, mean and variance."),
        Mistake("reader left whole", _reader_whole,
                "The layer that follows still expects the old number of channels."),
        Mistake("positions before channels", _channels_last,
                "The layer after flattening has the right shape and the wrong columns. Flattening puts all positions of channel 0 "
                "first, then all of channel 1: whose columns lie side by side?"),
        Mistake("one column a channel", _one_position,
                "After flattening, each channel is read at every position: in_features / channels columns belong to one channel."),
        Mistake("settings lost", _settings_lost,
                "The weights are right, but your new convolution has lost its stride or its padding."),
        Mistake("number kept, not which", _first_ones,
                "As many channels are left as should be, but the first ones, not those that the mask keeps."),
        Mistake("originals cut", _cut,
                "You cut the layers that were handed in, so the large network is gone. Work on copies."),
    ],
    styles={
        "copies cut to size": _copies_cut,
        "columns regrouped by channel": _by_reshaping,
        "new layers and listed columns": _new_layers,
    },
    hints=(
        "copy.deepcopy keeps stride, padding and mode; then replace what has the channels' axis by its kept part.",
        "conv: weight rows and bias. norm: weight, bias, running_mean, running_var. following: axis 1 of the weight.",
        "For a Linear that follows, repeat each entry of keep for its positions: keep.repeat_interleave(in_features // channels). "
        "Update out_channels, num_features, in_channels or in_features.",
    ),
)  # fmt: skip
