"""Glyphs: 36 characters in twelve typefaces, drawn with random affine changes and noise. Made here, from a seed.

The typefaces are those that matplotlib ships, so nothing is downloaded. Each typeface is drawn once, large; every
sample is then one affine look at that drawing, shrunk to 16 × 16 pixels.
"""

import math
from functools import cache
from pathlib import Path

import matplotlib
import torch
import torch.nn.functional as F
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from kdtutor.data.dataset import Dataset, Split

CHARACTERS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
TYPEFACES = (
    "DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique", "DejaVuSansMono", "DejaVuSerif", "DejaVuSerif-Italic",
    "STIXGeneral", "STIXGeneralBol", "STIXGeneralItalic", "cmr10", "cmss10", "cmtt10",
)  # fmt: skip
SIZE = 16
DRAWN = 64
ROTATION = math.radians(10)
SHEAR = 0.12
SCALE = (0.85, 1.15)
SHIFT = 0.12  # of half the picture's width
NOISE = 0.15
SPLITS = {"train": 8000, "validation": 2000, "test": 4000}


def glyphs(seed: int = 0) -> Dataset:
    """The glyph data set: 8,000 training, 2,000 validation and 4,000 test pictures, the same for the same seed.

    x: (N, 1, 16, 16) float32 in [0, 1]. y: (N,) int64, an index into `Dataset.classes`.
    """
    generator = torch.Generator().manual_seed(seed)
    return Dataset("glyphs", tuple(CHARACTERS), **{name: draw(n, generator) for name, n in SPLITS.items()})


def draw(n: int, generator: torch.Generator) -> Split:
    """Draw n glyphs: character, typeface, rotation, shear, scale, shift, contrast and noise from the generator.

    Returns a Split with x (n, 1, 16, 16) float32 in [0, 1] and y (n,) int64.
    """
    y, ink = draw_ink(n, len(CHARACTERS), SIZE, generator)
    contrast = _uniform(n, 0.55, 1.0, generator).view(n, 1, 1, 1)
    noise = NOISE * torch.randn(ink.shape, generator=generator)
    return Split((contrast * ink + noise).clamp(0, 1), y)


def draw_ink(n: int, classes: int, size: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """n of the first `classes` characters, each one affine look at its drawing: y (n,), ink (n, 1, size, size)."""
    drawings = _drawings()
    y = torch.randint(classes, (n,), generator=generator)
    typeface = torch.randint(len(TYPEFACES), (n,), generator=generator)
    grid = F.affine_grid(_affine(n, generator), [n, 1, 2 * size, 2 * size], align_corners=False)
    large = F.grid_sample(drawings[y, typeface].unsqueeze(1), grid, align_corners=False)
    return y, F.avg_pool2d(large, 2)


def _affine(n: int, generator: torch.Generator) -> Tensor:
    """Maps from a sample's pixels to the drawing's: (n, 2, 3)."""
    angle = _uniform(n, -ROTATION, ROTATION, generator)
    shear = _uniform(n, -SHEAR, SHEAR, generator)
    width, height = (_uniform(n, *SCALE, generator) for _ in range(2))
    right, down = (_uniform(n, -SHIFT, SHIFT, generator) for _ in range(2))
    cos, sin = angle.cos(), angle.sin()
    rows = [cos / width, (shear * cos - sin) / width, right, sin / height, (shear * sin + cos) / height, down]
    return torch.stack(rows, 1).view(n, 2, 3)


def _uniform(n: int, low: float, high: float, generator: torch.Generator) -> Tensor:
    return low + (high - low) * torch.rand(n, generator=generator)


@cache
def _drawings() -> Tensor:
    """Every character in every typeface, centred by its ink: (36, 12, 64, 64)."""
    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    fonts = [ImageFont.truetype(str(folder / f"{name}.ttf"), 62) for name in TYPEFACES]
    return torch.stack([torch.stack([_centred(character, font) for font in fonts]) for character in CHARACTERS])


def _centred(character: str, font: ImageFont.FreeTypeFont) -> Tensor:
    picture = Image.new("L", (DRAWN, DRAWN))
    left, top, right, bottom = font.getbbox(character)
    corner = ((DRAWN - right - left) / 2, (DRAWN - bottom - top) / 2)
    ImageDraw.Draw(picture).text(corner, character, fill=255, font=font)
    return torch.frombuffer(bytearray(picture.tobytes()), dtype=torch.uint8).view(DRAWN, DRAWN) / 255
