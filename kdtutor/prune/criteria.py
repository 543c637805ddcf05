r"""How much a weight, or a whole neuron, matters: scores, higher = keep.

Notation: w weights, g the loss's gradient with respect to them, X the inputs of a layer. Masks are made of scores by
`keep_highest`. A layer's weight has shape (out, in, ...): axis 0 runs over its neurons (channels), axis 1 over those
it reads. Scores are computed in float32 at least and carry no gradient.
"""

from typing import Literal

import torch
from torch import Tensor

from kdtutor.prune.arguments import require_values

Norm = Literal["l1", "l2"]


def neuron_scores(weight: Tensor, norm: Norm = "l1", *, axis: int = 0) -> Tensor:
    """Norm of the weights that belong to each neuron (channel, filter): ‖w_j‖₁ = Σ|w_jk| or ‖w_j‖₂ = √Σ w_jk².

    weight: (out, in, ...). axis: 0 scores the neurons a layer has, 1 those it reads. Returns (size of axis,) scores in
    float32 at least. For single weights both norms order alike; for groups they do not.
    Raises ValueError for an unknown norm or axis.
    Source: Li, Kadav, Durdanovic, Samet, Graf, "Pruning Filters for Efficient ConvNets", section 3.1, 2017 (L1); He
    et al., "Soft Filter Pruning", section 3, 2018 (L2).
    """
    require_values("weight", weight)
    if norm not in ("l1", "l2"):
        raise ValueError(f"norm is {norm!r}: one of 'l1', 'l2' is needed")
    return torch.linalg.vector_norm(_by_axis(_wide(weight), axis), ord=1 if norm == "l1" else 2, dim=1)


def taylor_scores(weight: Tensor, gradient: Tensor, *, axis: int | None = None) -> Tensor:
    """First-order change of the loss if a weight became zero: |g · w|; for a neuron, |Σ_k g_jk w_jk| over its weights.

    weight, gradient: one shape. axis: None scores single weights, 0 or 1 neurons as in `neuron_scores`; there terms
    of opposite sign cancel, as they do in the loss. Returns scores of the weight's shape, or (size of axis,).
    Raises ValueError for shapes that differ.
    Source: LeCun, Denker, Solla, "Optimal Brain Damage", 1990 (the expansion); Molchanov et al., "Importance
    Estimation for Neural Network Pruning", section 3.1, 2019.
    """
    require_values("weight", weight)
    require_values("gradient", gradient)
    if weight.shape != gradient.shape:
        raise ValueError(
            f"gradient has shape {tuple(gradient.shape)}, weight {tuple(weight.shape)}: both need the same shape"
        )
    change = _wide(gradient) * _wide(weight)
    return change.abs() if axis is None else _by_axis(change, axis).sum(1).abs()


def wanda_scores(weight: Tensor, input_norm: Tensor) -> Tensor:
    """Weight times the size of what it reads: |W_ij| · ‖X_j‖₂.

    weight: (out, in), or (out, ...) flattened to rows of length in. input_norm: (in,), the norm of each input over all
    samples, see `InputNorm`. Returns scores of the weight's shape. Raises ValueError for lengths that differ.
    Source: Sun, Liu, Bair, Kolter, "A Simple and Effective Pruning Approach for Large Language Models", section 3,
    2024.
    """
    require_values("weight", weight)
    require_values("input_norm", input_norm)
    if weight.ndim < 2 or input_norm.shape != (weight[0].numel(),):
        raise ValueError(
            f"input_norm has shape {tuple(input_norm.shape)}, weight {tuple(weight.shape)}: "
            "weight needs (out, in) and input_norm (in,)"
        )
    scores = _wide(weight).flatten(1).abs() * _wide(input_norm).to(weight.device)
    return scores.view(weight.shape)


def _wide(tensor: Tensor) -> Tensor:
    return tensor.detach().to(torch.promote_types(tensor.dtype, torch.float32))


def _by_axis(weight: Tensor, axis: int) -> Tensor:
    """(size of axis, everything else)."""
    if not isinstance(axis, int) or not -weight.ndim <= axis < weight.ndim:
        raise ValueError(f"axis is {axis!r}: weight has shape {tuple(weight.shape)}, {weight.ndim} axes from 0")
    return weight.movedim(axis, 0).reshape(weight.shape[axis], -1)
