"""From a drawing to a picture such as the glyphs are: cut out, brought to the usual size, centred, made small."""

import torch
import torch.nn.functional as F
from torch import Tensor

from kdtutor.data.glyphs import DRAWN, SIZE

# In the typefaces' drawings half the characters are at least this high (of DRAWN pixels); tests hold it to them.
HEIGHT = 44
WIDEST = 60
INK = 0.2


def ink(pixels: bytes, side: int) -> Tensor:
    """A square canvas's bytes, 0 for paper to 255 for ink, row by row, as a float32 picture (side, side) in [0, 1].

    Raises ValueError for another number of bytes.
    """
    if len(pixels) != side * side:
        raise ValueError(f"pixels has {len(pixels)} bytes: {side} × {side} need {side * side}")
    return torch.frombuffer(bytearray(pixels), dtype=torch.uint8).view(side, side) / 255


def as_glyph(drawing: Tensor) -> Tensor | None:
    """What was drawn, in the format of the glyphs: float32 (1, 1, 16, 16) in [0, 1]; None where there is no ink.

    drawing: (H, W) in [0, 1], ink is 1. The smallest box around the ink is scaled to the height that characters have
    in the typefaces' 64 × 64 drawings (less if it would get too wide), put into the middle, as there, and averaged
    over 4 × 4 pixels, which is what the data set does with a drawing that it neither turns nor moves. Noise is left
    out: networks that learned from noisy pictures read clean ones at least as well.
    """
    rows, columns = ((drawing > INK).any(axis).nonzero().flatten() for axis in (1, 0))
    if not len(rows):
        return None
    box = drawing[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].float()
    scale = min(HEIGHT / box.shape[0], WIDEST / box.shape[1])
    size = [max(1, round(scale * side)) for side in box.shape]
    scaled = F.interpolate(box[None, None], size, mode="bilinear", antialias=True).clamp(0, 1)
    top, left = ((DRAWN - side) // 2 for side in size)
    large = torch.zeros(1, 1, DRAWN, DRAWN)
    large[..., top : top + size[0], left : left + size[1]] = scaled
    return F.avg_pool2d(large, DRAWN // SIZE)


def as_pixels(glyph: Tensor) -> bytes:
    """A glyph (1, 16, 16) or (16, 16) in [0, 1] as bytes, row by row: the way back, for a canvas that shows it."""
    return (glyph.clamp(0, 1) * 255).round().to(torch.uint8).numpy().tobytes()
