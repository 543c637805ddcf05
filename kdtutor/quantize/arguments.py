"""What the functions of this folder refuse, and in which words.

Shapes and types are checked on every device. Values (NaN, a scale that is not positive) are checked on the CPU alone:
on a GPU reading one value back would stall the stream.
"""

import math

import torch
from torch import Tensor


def values_are_readable(*tensors: Tensor) -> bool:
    """Whether looking at values is free: on the CPU, outside torch.compile and outside torch.func transforms."""
    for tensor in tensors:
        if not tensor.is_cpu or torch._C._functorch.is_functorch_wrapped_tensor(tensor):
            return False
    return not torch.compiler.is_compiling()


def dtype_name(tensor: Tensor) -> str:
    """float32 and not torch.float32."""
    return str(tensor.dtype).removeprefix("torch.")


def require_tensor(name: str, tensor: Tensor) -> None:
    """Refuse anything that is no tensor."""
    if not isinstance(tensor, Tensor):
        raise TypeError(f"{name} is a {type(tensor).__name__}: a torch.Tensor is needed")


def require_floating(name: str, tensor: Tensor) -> None:
    """Refuse anything that is not a floating-point tensor."""
    if not isinstance(tensor, Tensor):
        raise TypeError(f"{name} is a {type(tensor).__name__}: a floating-point torch.Tensor is needed")
    if not tensor.is_floating_point():
        raise TypeError(f"{name} has dtype {dtype_name(tensor)}: a floating-point tensor is needed")


def require_values(name: str, tensor: Tensor) -> None:
    """Refuse a tensor to be quantised that is not floating point, is empty, or holds NaN (on the CPU)."""
    require_floating(name, tensor)
    if tensor.numel() == 0:
        raise ValueError(f"{name} has shape {tuple(tensor.shape)}: at least one value is needed")
    refuse_nan(name, tensor)


def refuse_nan(name: str, tensor: Tensor) -> None:
    """Refuse NaN, which has no code, where values can be read without a stall."""
    if values_are_readable(tensor) and bool(tensor.isnan().any()):
        raise ValueError(f"{name} holds NaN in {int(tensor.isnan().sum())} of {tensor.numel()} entries")


def refuse_infinite(name: str, tensor: Tensor) -> None:
    """Refuse infinities where a range has to be measured, and values can be read without a stall."""
    if values_are_readable(tensor) and bool(tensor.isinf().any()):
        raise ValueError(f"{name} holds infinity in {int(tensor.isinf().sum())} entries: no finite range covers it")


def require_bits(bits: int, least: int = 1, most: int = 8) -> None:
    """Refuse a number of bits that is no integer or lies outside [least, most]."""
    require_integer("bits", bits)
    if not least <= bits <= most:
        raise ValueError(f"bits is {bits}: {least} to {most} are needed")


def require_integer(name: str, value: int, least: int | None = None) -> None:
    """Refuse anything but a Python integer, or one below `least`."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{name} is a {type(value).__name__}: an integer is needed")
    if least is not None and value < least:
        raise ValueError(f"{name} is {value}: at least {least} is needed")


def require_between(name: str, value: float, low: float, high: float) -> None:
    """Refuse a number outside (low, high]."""
    if not (isinstance(value, (int, float)) and math.isfinite(value) and low < value <= high):
        raise ValueError(f"{name} is {value}: a number above {low:g} and up to {high:g} is needed")


def require_axis(axis: int, tensor: Tensor, name: str = "x") -> None:
    """Refuse an axis that the tensor does not have."""
    require_integer("axis", axis)
    if not -tensor.ndim <= axis < tensor.ndim:
        raise ValueError(f"axis is {axis}, {name} has shape {tuple(tensor.shape)}: it has no such axis")


def require_scale(scale: Tensor | float, x: Tensor, name: str = "scale") -> None:
    """Refuse a scale that is not floating point, positive and finite (on the CPU), or that does not broadcast to x."""
    if isinstance(scale, Tensor):
        require_floating(name, scale)
        _require_broadcast(name, scale, x)
        if not values_are_readable(scale):
            return
        if not bool(((scale > 0) & scale.isfinite()).all()):
            worst = scale[~((scale > 0) & scale.isfinite())].flatten()[0].item()
            raise ValueError(f"{name} holds {worst}: it is the width of a step and must be positive and finite")
        return
    if not isinstance(scale, (int, float)) or isinstance(scale, bool):
        raise TypeError(f"{name} is a {type(scale).__name__}: a number or a tensor is needed")
    if not (math.isfinite(scale) and scale > 0):
        raise ValueError(f"{name} is {scale}: it is the width of a step and must be positive and finite")


def require_zero_point(zero_point: Tensor | int, x: Tensor, low: int, high: int) -> None:
    """Refuse a zero-point that is no integer or, on the CPU, lies outside the codes [low, high]."""
    if isinstance(zero_point, Tensor):
        if zero_point.is_floating_point() or zero_point.dtype == torch.bool:
            raise TypeError(
                f"zero_point has dtype {dtype_name(zero_point)}: it is the code of 0 and must be an integer, so that "
                "zero has no rounding error"
            )
        _require_broadcast("zero_point", zero_point, x)
        if not values_are_readable(zero_point) or zero_point.numel() == 0:
            return
        least, most = int(zero_point.min()), int(zero_point.max())
    else:
        if not isinstance(zero_point, int) or isinstance(zero_point, bool):
            raise TypeError(
                f"zero_point is a {type(zero_point).__name__}: it is the code of 0 and must be an integer, so that "
                "zero has no rounding error"
            )
        least = most = zero_point
    if least < low or most > high:
        raise ValueError(f"zero_point holds {least if least < low else most}: the codes run from {low} to {high}")


def require_codes(name: str, codes: Tensor) -> None:
    """Refuse codes that are not an integer tensor."""
    require_tensor(name, codes)
    if codes.is_floating_point() or codes.is_complex() or codes.dtype == torch.bool:
        raise TypeError(f"{name} has dtype {dtype_name(codes)}: integer codes are needed")


def _require_broadcast(name: str, parameter: Tensor, x: Tensor) -> None:
    try:
        fits = torch.broadcast_shapes(parameter.shape, x.shape) == x.shape
    except RuntimeError:
        fits = False
    if not fits:
        raise ValueError(
            f"{name} has shape {tuple(parameter.shape)}, x {tuple(x.shape)}: {name} must broadcast to x, "
            "for one value per channel keep the other axes with length 1"
        )
