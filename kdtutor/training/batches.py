"""Which samples a batch holds, and how they are fetched."""

from collections.abc import Callable, Sequence

import torch
from torch import Generator, Tensor

BatchOf = Callable[[Tensor, Generator], tuple[Tensor, Sequence[Tensor]]]

# One seed feeds three independent streams: the order of the samples, their views, and what layers draw (dropout).
_VIEWS, _LAYERS = 0x76696577, 0x6C617965


def order_of(seed: int) -> Generator:
    """The generator of the order of samples: on the CPU, so that every device sees the same order."""
    return Generator().manual_seed(seed)


def views_of(seed: int, device: torch.device) -> Generator:
    """The generator that views draw from, on the device where the samples are."""
    return Generator(device).manual_seed(seed ^ _VIEWS)


def seed_of_layers(seed: int) -> int:
    """The seed of the global generator while the model trains."""
    return seed ^ _LAYERS


def rows(inputs: Tensor, targets: Sequence[Tensor]) -> BatchOf:
    """The samples as they are: index (B,) -> inputs[index] and each target[index]."""

    def batch(index: Tensor, _generator: Generator) -> tuple[Tensor, Sequence[Tensor]]:
        return inputs.index_select(0, index), [target.index_select(0, index) for target in targets]

    return batch


def require_rows(inputs: Tensor, targets: Sequence[Tensor]) -> None:
    """Refuse no samples, or targets that are not one row a sample."""
    if not len(inputs):
        raise ValueError(f"inputs has shape {tuple(inputs.shape)}: at least one sample is needed")
    for number, target in enumerate(targets):
        if len(target) != len(inputs):
            raise ValueError(
                f"targets[{number}] has {len(target)} rows, inputs {len(inputs)}: one row a sample is needed"
            )


def require_scalar(value: Tensor, batched: bool = False) -> None:
    """Refuse a loss that is not one number; batched: one number for each student."""
    if value.ndim != int(batched):
        shape = tuple(value.shape[int(batched) :])
        raise ValueError(f"the loss has shape {shape}: a scalar is needed, the mean over the batch")
