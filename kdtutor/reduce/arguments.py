"""What the functions of this folder refuse, and in which words.

They run once over a data set, not at every training step: values (NaN, labels that are all alike) are therefore
checked on every device, also where reading them back makes a GPU wait.
"""

import math

import torch
from torch import Tensor


def at_least_float32(x: Tensor) -> Tensor:
    """The tensor in float32 or better, outside any graph: sums over samples need the digits, scores no gradient."""
    return x.detach().to(torch.promote_types(x.dtype, torch.float32))


def require_floating(name: str, tensor: Tensor) -> None:
    """Refuse anything that is not a floating-point tensor."""
    if not isinstance(tensor, Tensor):
        raise TypeError(f"{name} is a {type(tensor).__name__}: a floating-point torch.Tensor is needed")
    if not tensor.is_floating_point():
        came = str(tensor.dtype).removeprefix("torch.")
        raise TypeError(f"{name} has dtype {came}: a floating-point tensor is needed ({name}.float() makes one)")


def require_finite(name: str, tensor: Tensor) -> None:
    """Refuse NaN and infinities."""
    finite = tensor.isfinite()
    if not bool(finite.all()):
        raise ValueError(
            f"{name} holds NaN or infinity in {int((~finite).sum())} of {tensor.numel()} entries: "
            "finite numbers are needed"
        )


def require_samples(name: str, x: Tensor, least: int = 1) -> None:
    """Refuse what is not a finite table of (N, D) with at least `least` samples and one feature."""
    require_floating(name, x)
    if x.ndim != 2:
        raise ValueError(
            f"{name} has shape {tuple(x.shape)}: (N, D) is needed, one row a sample (images: {name}.flatten(1))"
        )
    if x.shape[0] < least or x.shape[1] == 0:
        raise ValueError(f"{name} has shape {tuple(x.shape)}: (N, D) with N >= {least} and D >= 1 is needed")
    require_finite(name, x)


def require_labels(y: Tensor, x: Tensor) -> None:
    """Refuse labels that are not one class index a row of `x`."""
    if not isinstance(y, Tensor) or y.is_floating_point() or y.is_complex() or y.dtype == torch.bool:
        came = str(y.dtype).removeprefix("torch.") if isinstance(y, Tensor) else type(y).__name__
        raise TypeError(f"y is {came}: an integer tensor of class indices is needed")
    if y.shape != x.shape[:1]:
        raise ValueError(f"y has shape {tuple(y.shape)}, x {tuple(x.shape)}: y needs (N,), one label a row of x")
    if y.device != x.device:
        raise ValueError(f"y is on {y.device}, x on {x.device}: both need the same device")


def require_informative_labels(y: Tensor, x: Tensor) -> None:
    """Refuse labels that are all alike: no feature can tell one class from nothing else."""
    require_labels(y, x)
    if bool((y == y[0]).all()):
        raise ValueError(
            f"all {y.numel()} labels in y are {int(y[0])}: scores against a single class would carry no information; "
            "labels of two classes at least are needed"
        )


def require_scores(name: str, scores: Tensor) -> None:
    """Refuse scores that are not one comparable number a feature (infinite is the best or the worst, NaN neither)."""
    require_floating(name, scores)
    if scores.ndim != 1 or scores.numel() == 0:
        raise ValueError(f"{name} has shape {tuple(scores.shape)}: (D,) is needed, one score a feature")
    if bool(scores.isnan().any()):
        raise ValueError(
            f"{name} holds NaN in {int(scores.isnan().sum())} of {scores.numel()} entries: cannot be ranked"
        )


def require_probabilities(name: str, probs: Tensor) -> None:
    """Refuse rows that are not distributions over at least one class: entries below zero, or a sum that is not 1."""
    require_samples(name, probs)
    if bool((probs < 0).any()):
        raise ValueError(f"{name} holds {float(probs.min()):.4g}: probabilities are never negative (are these logits?)")
    off = (at_least_float32(probs).sum(-1) - 1).abs()
    if bool((off > 4 * torch.finfo(probs.dtype).eps * max(probs.shape[-1], 16)).any()):
        worst = float(at_least_float32(probs).sum(-1)[off.argmax()])
        raise ValueError(f"a row of {name} sums to {worst:.6g}: probabilities sum to 1 over the last axis")


def require_count(name: str, value: int, low: int, high: int, why: str = "") -> None:
    """Refuse what is not a whole number from `low` to `high`."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{name} is a {type(value).__name__}: a whole number is needed")
    if not low <= value <= high:
        raise ValueError(f"{name} is {value}: a whole number from {low} to {high} is needed{why and f' ({why})'}")


def require_positive(name: str, value: float) -> None:
    """Refuse what is not a positive, finite number."""
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise TypeError(f"{name} is a {type(value).__name__}: a positive number is needed")
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{name} is {value}: a positive, finite number is needed")


def require_generator(generator: torch.Generator | None) -> None:
    """Refuse a seed where a generator belongs."""
    if generator is not None and not isinstance(generator, torch.Generator):
        raise TypeError(
            f"generator is a {type(generator).__name__}: torch.Generator().manual_seed(seed) makes what is needed"
        )
