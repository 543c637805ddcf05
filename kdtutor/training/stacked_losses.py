"""The losses of several students at once, each computed as it would be alone."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.func import vmap

from kdtutor.training.batches import require_scalar
from kdtutor.training.fit import Loss
from kdtutor.training.precision import map_tensors


def stacked_loss(losses: Sequence[Loss], device: torch.device) -> Callable[[Any, Sequence[Tensor]], Tensor]:
    """outputs (S, B, ...), targets (S, B, ...) -> losses (S,). Students that share a loss compute it together."""
    groups: dict[int, list[int]] = {}
    for number, loss in enumerate(losses):
        groups.setdefault(id(loss), []).append(number)
    sizes = [len(group) for group in groups.values()]
    distinct = [losses[group[0]] for group in groups.values()]
    # Students of one loss are brought next to each other, so that one split serves all groups.
    order = torch.tensor([number for group in groups.values() for number in group])
    back, sorted_already = order.argsort().to(device), bool((order.diff() > 0).all())
    order = order.to(device)

    def grouped(outputs: Any, targets: Sequence[Tensor]) -> Tensor:
        batch = (outputs, *targets)
        if not sorted_already:
            batch = map_tensors(partial(torch.index_select, dim=0, index=order), batch)
        parts = zip(distinct, sizes, split(batch, sizes), strict=True)
        values = [_alone(loss, *part) if size == 1 else _together(loss, *part) for loss, size, part in parts]
        together = values[0] if len(values) == 1 else torch.cat(values)
        return together if sorted_already else together.index_select(0, back)

    return grouped


def split(outputs: Any, sizes: list[int]) -> list[Any]:
    """Every tensor of a structure split along its first axis: one structure for each size."""
    if isinstance(outputs, Tensor):
        return list(outputs.split(sizes))
    if isinstance(outputs, dict):
        named = {name: split(output, sizes) for name, output in outputs.items()}
        return [{name: parts[i] for name, parts in named.items()} for i in range(len(sizes))]
    if isinstance(outputs, tuple | list):
        listed = [split(output, sizes) for output in outputs]
        return [type(outputs)(parts[i] for parts in listed) for i in range(len(sizes))]
    return [outputs] * len(sizes)


def averages_rows(loss: Loss) -> bool:
    """Whether the loss is the mean of its rows' own values, and says so: then all students' rows make one batch."""
    if isinstance(loss, partial):
        return "reduction" not in loss.keywords and averages_rows(loss.func)
    return getattr(loss, "mean_of_rows", False)


def _alone(loss: Loss, *batch: Any) -> Tensor:
    value = loss(*map_tensors(partial(torch.squeeze, dim=0), batch))
    require_scalar(value)
    return value.unsqueeze(0)


def _together(loss: Loss, *batch: Any) -> Tensor:
    """One loss of the students that share it, batched: (S,)."""
    if averages_rows(loss):
        rows = loss(*map_tensors(partial(torch.flatten, start_dim=0, end_dim=1), batch), reduction="none")
        return rows.view(len(batch[-1]), -1).mean(1)
    try:
        values = vmap(loss, randomness="different")(*batch)
    except RuntimeError as reason:
        if "vmap" not in str(reason):
            raise
        raise ValueError(
            "losses cannot be computed for several students together, because a decision in it depends on a tensor's "
            f"values: give each student a loss object of its own, or use fit. torch says: {reason}"
        ) from reason
    require_scalar(values, batched=True)
    return values
