r"""Training toward exact zeros: L1 by proximal steps.

A penalty λ‖w‖₁ added to the loss has the subgradient λ · sign(w), which jumps back and forth across zero and never
stays there. The proximal step minimises ½‖u − w‖² + ηλ‖u‖₁ exactly instead: it shrinks every weight by ηλ and stops at
zero. η is the learning rate.
"""

from collections.abc import Iterable

import torch
from torch import Tensor

from kdtutor.prune.arguments import require_floating, require_number


def soft_threshold(weight: Tensor, amount: float) -> Tensor:
    """Shrink toward zero and stop there: sign(w) · max(|w| − amount, 0).

    weight: any shape, floating point. amount ≥ 0. Returns the same shape, device and dtype; the gradient is 1 where
    something is left and 0 elsewhere. Raises TypeError for integers, ValueError for a negative or infinite amount.
    Source: Daubechies, Defrise, De Mol, "An Iterative Thresholding Algorithm for Linear Inverse Problems", section 2,
    2004; Parikh, Boyd, "Proximal Algorithms", section 6.5.2, 2014.
    """
    require_floating("weight", weight)
    _require_amount(amount)
    # What the clamp holds is what is taken away; the difference is exact at zero and its sign is w's own.
    return weight - weight.clamp(-amount, amount)


def group_soft_threshold(weight: Tensor, amount: float, *, axis: int = 0) -> Tensor:
    """Shrink whole neurons, and stop at zero: w_j · max(1 − amount / ‖w_j‖₂, 0) for each index j of the axis.

    weight: (out, in, ...). axis: 0 for the neurons a layer has, 1 for those it reads. amount ≥ 0. Returns the same
    shape, device and dtype; neurons with ‖w_j‖₂ ≤ amount become exactly zero and can then be removed without a trace.
    Raises as `soft_threshold`.
    Source: Yuan, Lin, "Model Selection and Estimation in Regression with Grouped Variables", section 2, 2006.
    """
    require_floating("weight", weight)
    _require_amount(amount)
    if not isinstance(axis, int) or not -weight.ndim <= axis < weight.ndim:
        raise ValueError(f"axis is {axis!r}: weight has shape {tuple(weight.shape)}, {weight.ndim} axes from 0")
    others = [a for a in range(weight.ndim) if a != axis % weight.ndim]
    wide = weight.to(torch.promote_types(weight.dtype, torch.float32))
    squares = wide.square().sum(others, keepdim=True)
    # The root's slope at zero is infinite; inside the ball nothing is left, so any safe value will do there.
    left = squares > amount**2
    factor = 1 - amount / torch.where(left, squares, 1.0).sqrt()
    return torch.where(left, wide * factor, 0.0).to(weight.dtype)


@torch.no_grad()
def proximal_step_(optimizer: torch.optim.Optimizer, weights: Iterable[Tensor], strength: float) -> None:
    """One optimiser step, then w ← soft_threshold(w, η · λ) with each group's current learning rate η; in place.

    weights: the parameters to make sparse (`prunable_weights(model).values()`; biases are usually left out), all of
    them trained by the optimiser. strength: λ ≥ 0, the weight of ‖w‖₁ beside the loss. With plain SGD this is
    proximal gradient descent; with momentum or Adam it is the decoupled form, as weight decay is in AdamW.
    Call it instead of optimizer.step(), after backward().
    Raises ValueError for a negative strength or a weight that the optimiser does not train.
    Source: Parikh, Boyd, "Proximal Algorithms", section 4.2, 2014.
    """
    require_number("strength", strength, 0.0, float("inf"), "a finite number of at least 0 is needed")
    rates = {id(p): group["lr"] for group in optimizer.param_groups for p in group["params"]}
    chosen = list(weights)
    for position, weight in enumerate(chosen):
        require_floating(f"weights[{position}]", weight)
        if id(weight) not in rates:
            raise ValueError(
                f"weights[{position}] of shape {tuple(weight.shape)} is not trained by the optimizer: "
                "its learning rate is unknown"
            )
    optimizer.step()
    for weight in chosen:
        weight.copy_(soft_threshold(weight, float(rates[id(weight)]) * strength))


def _require_amount(amount: float) -> None:
    require_number("amount", amount, 0.0, float("inf"), "a finite number of at least 0 is needed")
