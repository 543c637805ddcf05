"""Finite augmentations, enumerated: view v of an image is always the same picture.

A random augmentation cannot be cached, one chosen from a finite list can: draw the number of the view at random, and
teacher and student see, and the cache keys, exactly that view.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor

from kdtutor.distill.regime_arguments import require_index, require_whole


@dataclass(frozen=True)
class Views:
    """`count` numbered views; `apply(images, view_index)` gives view view_index[n] of image n.

    name and parameters say which augmentation this is (they are what a cache is keyed by): whoever changes what `apply`
    does changes one of them. parameters hold what JSON can write: numbers, text, lists.
    """

    name: str
    count: int
    apply: Callable[[Tensor, Tensor], Tensor] = field(repr=False, compare=False)
    parameters: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require_whole("count", self.count, 1)

    def view(self, images: Tensor, view_index: int | Tensor) -> Tensor:
        """images: (N, ...). view_index: one number for all, or (N,) integers from 0 to count - 1. Returns (N, ...).

        Follows the images' device and dtype. Raises TypeError or ValueError for indices of another type, shape, range
        (on the CPU).
        """
        if isinstance(view_index, int):
            view_index = torch.full((len(images),), view_index, device=images.device)
        require_index("view_index", view_index, self.count, "views")
        if view_index.shape != images.shape[:1]:
            raise ValueError(
                f"view_index has shape {tuple(view_index.shape)}, images {tuple(images.shape)}: (N,), one view an image"
            )
        # A byte would wrap below zero in the arithmetic of a view.
        return self.apply(images, view_index.to(images.device, torch.long))

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """`count` view numbers, uniformly at random, on the generator's device."""
        return torch.randint(self.count, (count,), generator=generator, device=generator.device)

    def describe(self) -> str:
        """Name, parameters and count as one line of JSON, the same for equal views."""
        return json.dumps({"name": self.name, "count": self.count, "parameters": dict(self.parameters)}, sort_keys=True)


def unchanged() -> Views:
    """The one view of data that is not augmented: the images themselves."""
    return Views("unchanged", 1, lambda images, view_index: images)


def shifts(radius: int, fill: float = 0.0) -> Views:
    """All (2r + 1)² shifts by up to `radius` pixels in both directions, the border filled with `fill`.

    View v moves an image down by v // (2r + 1) - r and right by v % (2r + 1) - r; the middle one moves nothing.
    Images are (N, H, W) or (N, C, H, W), of any size and dtype. Example: shifts(2) are 25 views, number 12 moves
    nothing.
    Raises TypeError or ValueError for a radius that is no whole number >= 0; `view` for images without two axes of
    pixels.
    """
    require_whole("radius", radius, 0)
    side = 2 * radius + 1

    def shifted(images: Tensor, view_index: Tensor) -> Tensor:
        if images.ndim < 3:
            raise ValueError(f"images has shape {tuple(images.shape)}: (N, H, W) or (N, C, H, W) is needed")
        H, W = images.shape[-2:]
        padded = F.pad(images, (radius,) * 4, value=fill)
        windows = padded.unfold(-2, H, 1).unfold(-2, W, 1)  # (..., side, side, H, W), a view: no copy is made
        down, right = view_index // side - radius, view_index % side - radius
        n = torch.arange(len(images), device=images.device)
        return windows[n, ..., radius - down, radius - right, :, :]

    return Views("shifts", side**2, shifted, {"radius": radius, "fill": fill})
