"""Leaving out whole layers: rank the blocks of a stack by how little they change what passes through, and drop some."""

import copy
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kdtutor.prune.arguments import require_floating


def stream_change(before: Tensor, after: Tensor, *, axis: int = 1) -> Tensor:
    """How far a block turns its stream: 1 − mean cosine of the angle between what enters and what leaves.

    before, after: one shape, (N, C, ...) with features along axis 1, or tokens (N, T, C) with axis=-1; every sample,
    position or token counts alike. Returns a scalar from 0 (same direction) to 2 in float32 at least. A vector that
    is zero on both sides is unchanged; one that is zero on one side counts as a change of 1.
    Raises ValueError for shapes that differ.
    Source: Men et al., "ShortGPT: Layers in Large Language Models are More Redundant Than You Expect", section 3.2,
    2024 (block influence).
    """
    require_floating("before", before)
    require_floating("after", after)
    if before.shape != after.shape or before.numel() == 0:
        raise ValueError(
            f"after has shape {tuple(after.shape)}, before {tuple(before.shape)}: "
            "both need one shape, and a block that can be dropped keeps it"
        )
    if not -before.ndim <= axis < before.ndim:
        raise ValueError(f"axis is {axis}: before has shape {tuple(before.shape)}, {before.ndim} axes from 0")
    x, y = (t.detach().to(torch.promote_types(t.dtype, torch.float32)) for t in (before, after))
    both_zero = (x == 0).all(axis) & (y == 0).all(axis)
    return 1 - torch.where(both_zero, 1.0, F.cosine_similarity(x, y, dim=axis)).mean()


def layer_scores(blocks: nn.Sequential, inputs: Tensor, *, axis: int = 1) -> Tensor:
    """`stream_change` of every block of a stack, as `inputs` pass through it: the lowest can go first.

    blocks: each returns the shape it gets. inputs: what the first block reads. Runs a copy in evaluation mode without
    gradient, so `blocks` stays untouched. Returns (number of blocks,) scores.
    Raises ValueError, naming the block, where one changes the shape.
    """
    _require_stack(blocks)
    stack, stream, scores = copy.deepcopy(blocks).eval(), inputs, []
    with torch.no_grad():
        for position, block in enumerate(stack):
            passed = block(stream)
            if passed.shape != stream.shape:
                raise ValueError(
                    f"block {position} ({type(block).__name__}) turns shape {tuple(stream.shape)} into "
                    f"{tuple(passed.shape)}: a layer that can be dropped keeps the shape"
                )
            scores.append(stream_change(stream, passed, axis=axis))
            stream = passed
    return torch.stack(scores)


def drop_layers(blocks: nn.Sequential, drop: Sequence[int] | Tensor) -> nn.Sequential:
    """A new stack without the blocks at the positions `drop`; the others are deep copies in their old order.

    blocks: a Sequential of blocks that each keep the shape. Raises ValueError for a position that does not exist, for
    dropping everything, and for a Linear or Conv layer whose input and output differ in width.
    Source: Fan, Grave, Joulin, "Reducing Transformer Depth on Demand with Structured Dropout", section 3.2, 2020.
    """
    _require_stack(blocks)
    gone = {int(position) for position in drop}
    for position in sorted(gone):
        if not 0 <= position < len(blocks):
            raise ValueError(f"drop names block {position}: blocks has {len(blocks)}, from 0 to {len(blocks) - 1}")
        widths = [getattr(blocks[position], f"{end}_{kind}", None) for kind in _WIDTHS for end in ("in", "out")]
        if widths[0] != widths[1] or widths[2] != widths[3]:
            raise ValueError(f"block {position} is {blocks[position]}: it changes the width, so it cannot be dropped")
    if len(gone) == len(blocks):
        raise ValueError(f"drop names all {len(blocks)} blocks: at least one must stay")
    return nn.Sequential(*(copy.deepcopy(block) for position, block in enumerate(blocks) if position not in gone))


_WIDTHS = ("features", "channels")


def _require_stack(blocks: nn.Sequential) -> None:
    if not isinstance(blocks, nn.Sequential):
        raise TypeError(f"blocks is a {type(blocks).__name__}: a torch.nn.Sequential is needed")
    if len(blocks) == 0:
        raise ValueError("blocks is empty: at least one block is needed")
