"""What the functions of this folder refuse, and in which words.

Shapes and types are checked on every device. Values (NaN, infinities) are checked on the CPU alone: on a GPU reading
one value back would stall the stream.
"""

import math
from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor, nn

Keep = Tensor | Sequence[int] | Sequence[bool]


def values_are_readable(*tensors: Tensor) -> bool:
    """Whether looking at values is free: on the CPU, outside torch.compile and outside torch.func transforms."""
    if torch.compiler.is_compiling():
        return False
    return all(t.device.type == "cpu" and not torch._C._functorch.is_functorch_wrapped_tensor(t) for t in tensors)


def require_floating(name: str, tensor: Tensor) -> None:
    """Refuse anything that is not a floating-point tensor."""
    if not isinstance(tensor, Tensor):
        raise TypeError(f"{name} is a {type(tensor).__name__}: a floating-point torch.Tensor is needed")
    if not tensor.is_floating_point():
        raise TypeError(f"{name} has dtype {_dtype(tensor)}: a floating-point tensor is needed")


def require_values(name: str, tensor: Tensor) -> None:
    """Refuse anything but a floating-point tensor with at least one entry and, where that can be read, no NaN."""
    require_floating(name, tensor)
    if tensor.numel() == 0:
        raise ValueError(f"{name} has shape {tuple(tensor.shape)}: at least one entry is needed")
    if values_are_readable(tensor) and bool(tensor.isnan().any()):
        raise ValueError(f"{name} holds NaN in {int(tensor.isnan().sum())} of {tensor.numel()} entries")


def require_number(name: str, value: float, low: float, high: float, meaning: str) -> None:
    """Refuse what is not a finite number from `low` to `high`."""
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise TypeError(f"{name} is a {type(value).__name__}: {meaning}")
    if not (math.isfinite(value) and low <= value <= high):
        raise ValueError(f"{name} is {value}: {meaning}")


def require_sparsity(sparsity: float, name: str = "sparsity") -> None:
    """Refuse a fraction removed outside [0, 1]; a number like 90 is taken for a forgotten division by 100."""
    hint = ""
    if isinstance(sparsity, (int, float)) and not isinstance(sparsity, bool) and 1 < sparsity <= 100:
        hint = f" (for {sparsity:g} % write {sparsity / 100:g})"
    require_number(name, sparsity, 0.0, 1.0, f"a number from 0 to 1 is needed, the fraction removed{hint}")


def require_count(name: str, value: int, low: int, meaning: str) -> None:
    """Refuse what is not a whole number of at least `low`."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{name} is a {type(value).__name__}: {meaning}")
    if value < low:
        raise ValueError(f"{name} is {value}: {meaning}")


def require_generator(generator: torch.Generator) -> None:
    """Refuse anything but a torch.Generator: randomness here comes from nowhere else."""
    if not isinstance(generator, torch.Generator):
        raise TypeError(
            f"generator is a {type(generator).__name__}: a torch.Generator is needed, "
            "for instance torch.Generator().manual_seed(0)"
        )


def require_mask(name: str, mask: Tensor, shape: torch.Size | None = None) -> None:
    """Refuse a mask that is not boolean, or not shaped like what it covers where that is given."""
    if not isinstance(mask, Tensor) or mask.dtype != torch.bool:
        came = f"has dtype {_dtype(mask)}" if isinstance(mask, Tensor) else f"is a {type(mask).__name__}"
        raise TypeError(f"{name} {came}: a boolean tensor is needed, True = kept")
    if shape is not None and mask.shape != shape:
        raise ValueError(
            f"{name} has shape {tuple(mask.shape)}, what it covers {tuple(shape)}: both need the same shape"
        )


def require_weights(name: str, weights: Mapping[str, Tensor]) -> None:
    """Refuse anything but a non-empty mapping of names to floating-point tensors."""
    if not isinstance(weights, Mapping):
        raise TypeError(f"{name} is a {type(weights).__name__}: a dict from parameter name to tensor is needed")
    if not weights:
        raise ValueError(f"{name} is empty: at least one tensor is needed")
    for key, weight in weights.items():
        require_values(f"{name}[{key!r}]", weight)


def kept_indices(keep: Keep, size: int, of: str) -> Tensor:
    """The kept positions among `size` units, from a boolean mask (True = kept) or from indices without repeats.

    Indices keep the order they are given in, as `weight[keep]` would. `of` names the units in what is refused.
    """
    chosen = torch.as_tensor(keep)
    if chosen.numel() == 0:
        raise ValueError(f"keep is empty: {of} needs at least one")
    if chosen.dtype == torch.bool:
        if chosen.shape != (size,):
            raise ValueError(f"keep has shape {tuple(chosen.shape)}: {of} needs ({size},), True = kept")
        chosen = chosen.nonzero().flatten()
    elif chosen.is_floating_point() or chosen.is_complex():
        raise TypeError(f"keep has dtype {_dtype(chosen)}: a boolean mask (True = kept) or whole indices are needed")
    if chosen.ndim != 1 or chosen.numel() == 0:
        raise ValueError(f"keep names {chosen.numel()} units in shape {tuple(chosen.shape)}: {of} needs at least one")
    chosen = chosen.long()
    if int(chosen.min()) < 0 or int(chosen.max()) >= size:
        raise ValueError(
            f"keep holds indices from {int(chosen.min())} to {int(chosen.max())}: {of} needs them from 0 to {size - 1}"
        )
    if chosen.unique().numel() != chosen.numel():
        raise ValueError(
            "keep names a unit twice: whole numbers are indices of the units kept; for a mask of zeros and ones "
            "write keep.bool()"
        )
    return chosen


def require_plain(name: str, module: nn.Module) -> None:
    """Refuse a layer whose weight is computed from something else, which slicing would leave behind."""
    if isinstance(getattr(module, "weight", None), Tensor) and "weight" not in module._parameters:
        raise ValueError(
            f"{name} ({type(module).__name__}) computes its weight (torch.nn.utils.prune or a parametrization): "
            "remove that first, then prune"
        )


def parameters_of(model: nn.Module, names: Iterable[str], called: str) -> dict[str, nn.Parameter]:
    """The parameters of `model` by these names; unknown names are refused with those the model has."""
    if not isinstance(model, nn.Module):
        raise TypeError(f"model is a {type(model).__name__}: a torch.nn.Module is needed")
    if isinstance(names, str):
        raise TypeError(f"{called} is the text {names!r}: several parameter names are needed, such as [{names!r}]")
    known = dict(model.named_parameters())
    chosen = {}
    for name in names:
        if name not in known:
            some = ", ".join(list(known)[:6]) or "none"
            raise ValueError(f"{called} names {name!r}, which is no parameter of the model; it has {some}")
        chosen[name] = known[name]
    return chosen


def _dtype(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")
