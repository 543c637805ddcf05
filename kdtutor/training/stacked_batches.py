"""Batches of several students at once: each its own samples, in its own order."""

from collections.abc import Callable, Sequence

import torch
from torch import Generator, Tensor

from kdtutor.training.batches import BatchOf

Targets = Sequence[Tensor]
StackedBatchOf = Callable[[Tensor, Sequence[Generator]], tuple[Tensor, Targets]]


def per_student(targets: Targets | Sequence[Targets], S: int) -> list[Targets]:
    """The targets of each student, whichever way they were given."""
    if all(isinstance(target, Tensor) for target in targets):
        return [targets] * S  # type: ignore[list-item]
    if len(targets) != S:
        raise ValueError(
            f"targets has {len(targets)} entries for {S} models: tensors for all, or one sequence a model, are needed"
        )
    if len({len(each) for each in targets}) > 1:
        raise ValueError("targets has sequences of different length: every student needs as many")
    return list(targets)  # type: ignore[arg-type]


def samples_of(inputs: Tensor | Sequence[Tensor], S: int) -> int:
    """How many samples each student learns from. Refuses inputs that are not one tensor for all, or one a student."""
    if isinstance(inputs, Tensor):
        return len(inputs)
    if len(inputs) != S:
        raise ValueError(f"inputs has {len(inputs)} entries for {S} models: one tensor for all, or one a model")
    if len({each.shape for each in inputs}) > 1:
        raise ValueError("inputs has tensors of different shape: every student needs as many samples of one shape")
    return len(inputs[0])


def stacked_rows(
    inputs: Tensor | Sequence[Tensor], by_student: Sequence[Targets], device: torch.device
) -> StackedBatchOf:
    """Fetch index (S, B): inputs and targets (S, B, ...), each in one go; what is common to all is kept once."""
    S = len(by_student)
    N = samples_of(inputs, S)
    inputs = (inputs if isinstance(inputs, Tensor) else torch.cat(list(inputs))).to(device)
    columns = []
    for column in zip(*by_student, strict=True):
        shared = all(target is column[0] for target in column)
        columns.append((column[0] if shared else torch.cat(list(column))).to(device))
    shift = torch.arange(S, device=device).unsqueeze(1) * N
    all_common = all(len(column) == N for column in (inputs, *columns))

    def batch(index: Tensor, _generators: Sequence[Generator]) -> tuple[Tensor, Targets]:
        common = index.flatten()
        own = common if all_common else (index + shift).flatten()

        def fetch(column: Tensor) -> Tensor:
            rows = column.index_select(0, common if len(column) == N else own)
            return rows.view(*index.shape, *column.shape[1:])

        return fetch(inputs), [fetch(column) for column in columns]

    return batch


def stacked_views(views: BatchOf) -> StackedBatchOf:
    """Each student's views from its own generator, stacked."""

    def batch(index: Tensor, generators: Sequence[Generator]) -> tuple[Tensor, Targets]:
        drawn = [views(row, generator) for row, generator in zip(index, generators, strict=True)]
        inputs, targets = zip(*drawn, strict=True)
        return torch.stack(inputs), [torch.stack(column) for column in zip(*targets, strict=True)]

    return batch
