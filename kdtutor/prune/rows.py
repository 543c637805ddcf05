"""Comparing weights within each output's own row: every neuron keeps as many inputs, among them Wanda's choice."""

import torch
from torch import Tensor

from kdtutor.prune.arguments import require_sparsity, require_values
from kdtutor.prune.criteria import wanda_scores
from kdtutor.prune.selection import removed_count, without_smallest


def wanda_mask(weight: Tensor, inputs: Tensor, sparsity: float) -> Tensor:
    """Mask that removes the smallest |W_ij| · ‖X_j‖₂, compared within each output's own row.

    weight: (out, in), or (out, ...) flattened to rows. inputs: what the layer reads, (..., in), one vector of length
    in for each use of a row (`layer_inputs` makes them, also for a convolution); or, streamed, an `InputNorm`'s norm
    through `wanda_scores` and `keep_highest_in_rows`. Rows lose equally many entries; where round(sparsity · numel)
    does not divide by the rows, the first rows lose one more. Returns a boolean mask, True = kept.
    Raises ValueError for inputs that do not end in the weight's row length.
    Source: Sun, Liu, Bair, Kolter, "A Simple and Effective Pruning Approach for Large Language Models", section 3,
    2024.
    """
    require_values("weight", weight)
    require_values("inputs", inputs)
    width = weight[0].numel() if weight.ndim > 1 else 0
    if width == 0 or inputs.shape[-1:] != (width,):
        raise ValueError(
            f"inputs has shape {tuple(inputs.shape)}, weight {tuple(weight.shape)}: "
            f"weight needs (out, in) and inputs (..., in)"
        )
    wide = inputs.detach().to(torch.promote_types(inputs.dtype, torch.float32))
    norm = torch.linalg.vector_norm(wide.reshape(-1, width), dim=0)
    return keep_highest_in_rows(wanda_scores(weight, norm), sparsity)


def keep_highest_in_rows(scores: Tensor, sparsity: float) -> Tensor:
    """Mask that removes the smallest scores of each row (axis 0): rows lose equally many entries.

    Over all rows exactly round(sparsity · numel) entries go; what does not divide evenly is taken from the first rows,
    one more each. scores: (rows, ...). Returns a boolean mask. Raises as `keep_highest`.
    """
    require_values("scores", scores)
    require_sparsity(sparsity)
    rows = scores.detach().flatten(1) if scores.ndim > 1 else scores.detach()[None]
    each, extra = divmod(removed_count(sparsity, scores.numel()), len(rows))
    return torch.cat([without_smallest(rows[:extra], each + 1), without_smallest(rows[extra:], each)]).view(
        scores.shape
    )
