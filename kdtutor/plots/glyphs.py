"""Pictures of the data."""

import matplotlib.pyplot as plt
import torch
from matplotlib.figure import Figure
from torch import Tensor

from kdtutor.plots.style import house_style


def glyph_gallery(x: Tensor, y: Tensor, classes: tuple[str, ...], examples: int = 3) -> Figure:
    """A few samples of every class, one class a column.

    x: (N, 1, H, W) in [0, 1]. y: (N,) with at least `examples` samples of every class.
    """
    rows = []
    for index, name in enumerate(classes):
        found = (y == index).nonzero().flatten()[:examples]
        if len(found) < examples:
            raise ValueError(f"class {name!r} has {len(found)} samples: {examples} are needed for the gallery")
        rows.append(x[found, 0])
    pictures = torch.stack(rows).cpu()  # (C, examples, H, W)
    half = -(-len(classes) // 2)
    with house_style():
        figure, axes = plt.subplots(2, 1, figsize=(9, 3.6), layout="constrained")
        for axis, part, names in zip(axes, pictures.split(half), (classes[:half], classes[half:]), strict=True):
            sheet = part.permute(1, 2, 0, 3).reshape(examples * part.shape[2], -1)
            axis.imshow(sheet.numpy(), cmap="gray_r", vmin=0, vmax=1)
            axis.set_xticks([(i + 0.5) * part.shape[3] - 0.5 for i in range(len(names))], names)
            axis.set_yticks([])
            axis.grid(visible=False)
            axis.tick_params(length=0)
            axis.spines[:].set_visible(False)
    return figure
