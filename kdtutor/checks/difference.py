"""Where two values differ first, in the order a person would ask: type, shape, NaN, numbers."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Difference:
    """kind: "type", "shape", "nan" or "numbers". words: a clause that reads after "your function returned".
    size: the largest gap between numbers; small: it is below a hundredth of what is wanted.
    """

    kind: str
    words: str
    size: float = math.nan
    small: bool = False


def difference(value: Any, wanted: Any, rtol: float, atol: float) -> Difference | None:
    """What sets `value` apart from `wanted`, or None where they agree within atol + rtol · |wanted|.

    A Python number counts as a scalar tensor, a list as a tuple. NaN agrees with NaN and inf with inf of its sign.
    """
    if isinstance(wanted, Tensor):
        return _tensor_difference(value, wanted, rtol, atol)
    if isinstance(wanted, Mapping):
        return _mapping_difference(value, wanted, rtol, atol)
    if isinstance(wanted, (tuple, list)):
        if not isinstance(value, (tuple, list)) or len(value) != len(wanted):
            return Difference("type", f"{_named(value)} where {len(wanted)} values are needed")
        pairs = enumerate(zip(value, wanted, strict=True))
        found = ((f"value {i}", difference(v, w, rtol, atol)) for i, (v, w) in pairs)
        return next((_within(where, inner) for where, inner in found if inner), None)
    if isinstance(wanted, bool) or wanted is None or isinstance(wanted, str):
        if type(value) is not type(wanted):
            return Difference("type", f"{_named(value)} where {_named(wanted)} is needed")
        spaceless = [text.replace(" ", "") if isinstance(text, str) else text for text in (value, wanted)]
        return None if spaceless[0] == spaceless[1] else Difference("numbers", "another answer")
    return _number_difference(value, wanted, rtol, atol)


def _mapping_difference(value: Any, wanted: Mapping[Any, Any], rtol: float, atol: float) -> Difference | None:
    """What is there is compared first: a loss that is a number has no gradient, but that it is a number comes first."""
    if not isinstance(value, Mapping):
        return Difference("type", f"{_named(value)} where a dictionary with {_listed(wanted)} is needed")
    found = ((key, difference(value[key], wanted[key], rtol, atol)) for key in wanted if key in value)
    wrong = next((inner if key == "value" else _within(f"the {key}", inner) for key, inner in found if inner), None)
    missing = next((key for key in wanted if key not in value), None)
    return wrong or (Difference("type", f"a value without a {missing}") if missing is not None else None)


def _number_difference(value: Any, wanted: Any, rtol: float, atol: float) -> Difference | None:
    if isinstance(value, Tensor) and value.numel() != 1:
        return Difference("shape", f"shape {tuple(value.shape)} where one number is needed")
    if isinstance(value, Tensor):
        value = value.item()
    if isinstance(value, (bool, str)):
        return Difference("type", f"{_named(value)} where a number is needed")
    try:
        value = float(value)
    except (TypeError, ValueError):
        return Difference("type", f"{_named(value)} where a number is needed")
    return _tensor_difference(torch.tensor(float(value)), torch.tensor(float(wanted)), rtol, atol)


def _tensor_difference(value: Any, wanted: Tensor, rtol: float, atol: float) -> Difference | None:
    if isinstance(value, (int, float)) and not isinstance(value, bool) and wanted.ndim == 0:
        value = torch.tensor(value, dtype=torch.float64 if isinstance(value, float) else torch.int64)
    if not isinstance(value, Tensor):
        return Difference("type", f"{_named(value)} where a torch.Tensor is needed")
    value, wanted = value.detach().cpu(), wanted.detach().cpu()
    if value.shape != wanted.shape:
        return Difference("shape", f"shape {tuple(value.shape)} where {tuple(wanted.shape)} is needed")
    if _kind(value) != _kind(wanted):
        return Difference("type", f"a tensor of {_dtype(value)} where {_dtype(wanted)} is needed")
    if value.is_complex():
        value, wanted = torch.view_as_real(value), torch.view_as_real(wanted)
    value, wanted = value.double(), wanted.double()
    surprising = value.isnan() & ~wanted.isnan()
    if bool(surprising.any()):
        return Difference("nan", f"NaN in {int(surprising.sum())} of {value.numel()} entries")
    close = (value - wanted).abs() <= atol + rtol * wanted.abs()
    agree = close | (value == wanted) | (value.isnan() & wanted.isnan())
    if bool(agree.all()):
        return None
    gaps = (value - wanted).abs()[~agree]
    finite = bool(gaps.isfinite().all())
    small = finite and bool(((value - wanted).abs() <= 1e-2 * (wanted.abs() + 1e-2)).all())
    return Difference("numbers", "other numbers", size=float(gaps.max()), small=small)


def _within(where: str, inner: Difference) -> Difference:
    return replace(inner, words=f"{inner.words} (in {where})")


def _kind(tensor: Tensor) -> str:
    if tensor.dtype == torch.bool:
        return "bool"
    return "floating" if tensor.is_floating_point() else "complex" if tensor.is_complex() else "integer"


def _dtype(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def _named(value: Any) -> str:
    return "None" if value is None else f"a {type(value).__name__}"


def _listed(wanted: Mapping[Any, Any]) -> str:
    return ", ".join(map(repr, wanted))
