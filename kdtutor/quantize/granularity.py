"""How many values share one scale: a whole tensor, a channel, or a group of neighbours.

The finer the sharing, the smaller the steps and the more scales have to be stored.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from kdtutor.quantize.affine import affine_parameters, dequantize_affine, quantize_affine, symmetric_scale
from kdtutor.quantize.arguments import refuse_infinite, require_axis, require_codes, require_integer, require_values
from kdtutor.quantize.calibration import minmax_range


def quantize_per_tensor(x: Tensor, bits: int = 8, *, symmetric: bool = False) -> tuple[Tensor, Tensor, Tensor]:
    """One scale and zero-point for all of x, from its smallest and largest value.

    x: any shape, floating point. symmetric: centre the range on 0, so that o = 0 (needs 2 bits).
    Returns (codes, scale, zero_point): int8 of x's shape, and two scalars. Back by `dequantize_affine`.
    Raises TypeError for integer x, ValueError for empty x, NaN or infinity (on the CPU).
    Source: Krishnamoorthi, "Quantizing deep convolutional networks for efficient inference", section 2, 2018.
    """
    return _quantize(x, *minmax_range(x), bits, symmetric)


def quantize_per_channel(
    x: Tensor, axis: int = 0, bits: int = 8, *, symmetric: bool = True
) -> tuple[Tensor, Tensor, Tensor]:
    """One scale and zero-point for each slice of x along `axis`, from the slice's smallest and largest value.

    x: floating point; for the weight of a Linear (out, in) or Conv2d (out, in, h, w) axis 0 are the output channels.
    Returns (codes, scale, zero_point); scale and zero_point keep x's number of axes, with length 1 everywhere but at
    `axis`, so that they broadcast. Back by `dequantize_affine`. Errors as `quantize_per_tensor`, and for a wrong axis.
    Source: Krishnamoorthi, 2018, section 2.3.
    """
    require_values("x", x)
    require_axis(axis, x)
    return _quantize(x, *minmax_range(x, axis), bits, symmetric)


def quantize_per_group(
    x: Tensor, group_size: int, bits: int = 4, *, symmetric: bool = False
) -> tuple[Tensor, Tensor, Tensor]:
    """One scale and zero-point for every `group_size` neighbours along the last axis; the last group may be shorter.

    x: (..., K), floating point. Returns (codes, scale, zero_point): codes int8 (..., K), the others
    (..., ceil(K / group_size)). Back by `dequantize_per_group`. Errors as `quantize_per_tensor`.
    Source: Frantar et al., "GPTQ", section 4 (group-wise quantisation), 2022.
    """
    require_values("x", x)
    require_integer("group_size", group_size, least=1)
    if x.ndim == 0:
        raise ValueError("x has shape (): groups are formed along its last axis, and it has none")
    groups = _split(x, group_size)
    codes, scale, zero_point = _quantize(groups, groups.amin(-1, True), groups.amax(-1, True), bits, symmetric)
    return codes.flatten(-2)[..., : x.shape[-1]].contiguous(), scale.squeeze(-1), zero_point.squeeze(-1)


def dequantize_per_group(codes: Tensor, scale: Tensor, zero_point: Tensor, group_size: int) -> Tensor:
    """Values s_g · (q - o_g) of codes (..., K) whose groups g of `group_size` neighbours have their own s_g and o_g.

    scale, zero_point: (..., ceil(K / group_size)). Returns the scale's dtype, shape (..., K).
    Raises TypeError for floating-point codes, ValueError for shapes that do not belong together.
    Source: Frantar et al., 2022, section 4.
    """
    require_codes("codes", codes)
    require_integer("group_size", group_size, least=1)
    wanted = (*codes.shape[:-1], -(-codes.shape[-1] // group_size)) if codes.ndim else ()
    if codes.ndim == 0 or scale.shape != wanted or zero_point.shape != wanted:
        raise ValueError(
            f"scale has shape {tuple(scale.shape)}, zero_point {tuple(zero_point.shape)}: codes of shape "
            f"{tuple(codes.shape)} in groups of {group_size} need {wanted} for both"
        )
    groups = _split(codes, group_size)
    values = dequantize_affine(groups, scale.unsqueeze(-1), zero_point.unsqueeze(-1))
    return values.flatten(-2)[..., : codes.shape[-1]]


def _quantize(x: Tensor, low: Tensor, high: Tensor, bits: int, symmetric: bool) -> tuple[Tensor, Tensor, Tensor]:
    refuse_infinite("x", x)
    if symmetric:
        scale = symmetric_scale(torch.maximum(-low, high), bits)
        zero_point = torch.zeros_like(scale, dtype=torch.int32)
    else:
        scale, zero_point = affine_parameters(low, high, bits)
    return quantize_affine(x, scale, zero_point, bits), scale, zero_point


def _split(x: Tensor, group_size: int) -> Tensor:
    """(..., K) as (..., groups, group_size); zeros fill the last group, which leaves every range as it is."""
    missing = -x.shape[-1] % group_size
    return (F.pad(x, (0, missing)) if missing else x).unflatten(-1, (-1, group_size))
