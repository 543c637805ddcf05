"""The networks of the course: small enough for a laptop, different enough to be teacher and student."""

from itertools import pairwise

import torch
from torch import nn


def mlp(*widths: int, seed: int | None = None) -> nn.Sequential:
    """A perceptron: Flatten, then Linear layers of the given widths with ReLU between them.

    widths: inputs, hidden units of each layer, classes; at least two. seed: fixes the initial weights.
    Maps (N, ...) with widths[0] values a sample to logits (N, widths[-1]).
    Raises ValueError for fewer than two widths or one below 1.
    """
    if len(widths) < 2 or min(widths) < 1:
        raise ValueError(f"widths is {widths}: inputs and outputs are needed, each at least 1, as in mlp(256, 64, 36)")
    with _seeded(seed):
        layers: list[nn.Module] = [nn.Flatten(), nn.Linear(widths[0], widths[1])]
        for wide, narrow in pairwise(widths[1:]):
            layers += [nn.ReLU(), nn.Linear(wide, narrow)]
    return nn.Sequential(*layers)


def cnn(
    channels: int = 24, classes: int = 36, size: int = 16, dropout: float = 0.3, seed: int | None = None
) -> nn.Sequential:
    """A small convolutional network: two blocks of convolution, BatchNorm, ReLU and pooling, then two linear layers.

    channels: of the first block, doubled in the second. size: width and height of the one-channel picture, a multiple
    of 4. Maps (N, 1, size, size) to logits (N, classes). seed: fixes the initial weights.
    Raises ValueError for a size that two poolings cannot halve.
    """
    if size % 4 or size < 4:
        raise ValueError(f"size is {size}: two poolings halve it, so a multiple of 4 is needed")
    with _seeded(seed):
        return nn.Sequential(
            nn.Conv2d(1, channels, 3, padding=1),
            nn.BatchNorm2d(channels),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(channels, 2 * channels, 3, padding=1),
            nn.BatchNorm2d(2 * channels),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(2 * channels * (size // 4) ** 2, 128),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Linear(128, classes),
        )


class _seeded:  # noqa: N801
    """Initial weights from a seed, the global generator left as it was; None leaves everything to the caller."""

    def __init__(self, seed: int | None) -> None:
        self._fork = torch.random.fork_rng(devices=[], enabled=seed is not None)
        self._seed = seed

    def __enter__(self) -> None:
        self._fork.__enter__()
        if self._seed is not None:
            torch.manual_seed(self._seed)

    def __exit__(self, *error: object) -> None:
        self._fork.__exit__(*error)
