"""Pictures turned by an angle: the drift of a stream, a second domain, a second task."""

import torch
import torch.nn.functional as F
from torch import Tensor


def rotated(pictures: Tensor, degrees: float | Tensor) -> Tensor:
    """Turn pictures (N, C, H, W) counter-clockwise about their centre; what comes in from outside is 0.

    degrees: one number for all, or (N,). Values between pixels are interpolated, so a quarter turn of a square picture
    is exact up to rounding and any other turn blurs a little. Follows the pictures' device and dtype.
    Raises ValueError for pictures of another rank or as many angles as do not fit.
    """
    if pictures.ndim != 4:
        raise ValueError(f"pictures has shape {tuple(pictures.shape)}: (N, C, H, W) is needed")
    angle = torch.deg2rad(torch.as_tensor(degrees, dtype=pictures.dtype, device=pictures.device))
    if angle.ndim > 1 or (angle.ndim == 1 and len(angle) != len(pictures)):
        raise ValueError(
            f"degrees has shape {tuple(angle.shape)}, pictures {tuple(pictures.shape)}: one number, or (N,), is needed"
        )
    cos, sin = (value.expand(len(pictures)) for value in (angle.cos(), angle.sin()))
    H, W = pictures.shape[-2:]
    zero = torch.zeros_like(cos)
    # From where each pixel comes, in coordinates that reach from -1 to 1 along either side.
    rows = [cos, -sin * H / W, zero, sin * W / H, cos, zero]
    grid = F.affine_grid(torch.stack(rows, 1).view(-1, 2, 3), list(pictures.shape), align_corners=False)
    return F.grid_sample(pictures, grid, align_corners=False)
