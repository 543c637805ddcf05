"""How large the inputs of a layer are, collected batch by batch: the statistic that Wanda multiplies weights with."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kdtutor.prune.arguments import require_values


def layer_inputs(layer: nn.Module, inputs: Tensor) -> Tensor:
    """The vectors that the rows of the layer's weight are multiplied with, (uses of a row, row length).

    Linear: inputs (..., in) as they are, flattened to two axes. Conv2d: inputs (N, C, H, W) unfolded into the patches
    under each position of the kernel, so that weight.flatten(1) @ patch is one output.
    Raises TypeError for other layers, ValueError for a grouped convolution or inputs that do not fit.
    """
    if isinstance(layer, nn.Linear):
        if inputs.ndim == 0 or inputs.shape[-1] != layer.in_features:
            raise ValueError(f"inputs has shape {tuple(inputs.shape)}: the layer reads (..., {layer.in_features})")
        return inputs.reshape(-1, layer.in_features)
    if not isinstance(layer, nn.Conv2d):
        raise TypeError(f"layer is a {type(layer).__name__}: Linear or Conv2d is needed")
    if layer.groups != 1:
        raise ValueError(f"layer has groups={layer.groups}: its rows read different inputs, groups=1 is needed")
    if inputs.ndim != 4 or inputs.shape[1] != layer.in_channels:
        raise ValueError(f"inputs has shape {tuple(inputs.shape)}: the layer reads (N, {layer.in_channels}, H, W)")
    mode = "constant" if layer.padding_mode == "zeros" else layer.padding_mode
    padded = F.pad(inputs, layer._reversed_padding_repeated_twice, mode=mode)
    patches = F.unfold(padded, layer.kernel_size, dilation=layer.dilation, stride=layer.stride)
    return patches.mT.reshape(-1, patches.shape[1])


class InputNorm:
    """‖X_j‖₂ of each input j over all batches seen, without keeping them: √ of a running Σ x_j².

    >>> seen = InputNorm()
    >>> seen.update(torch.tensor([[3.0, 0.0]])); seen.update(torch.tensor([[4.0, 1.0]]))
    >>> seen.norm
    tensor([5., 1.])

    The running sum is kept in float64, where a small late batch still counts. Source of its use: Sun et al., "A Simple
    and Effective Pruning Approach for Large Language Models", section 3, 2024.
    """

    def __init__(self) -> None:
        self.samples = 0
        self._squares: Tensor | None = None

    @torch.no_grad()
    def update(self, inputs: Tensor) -> None:
        """Add a batch, (..., in). Raises ValueError for NaN (on the CPU) or a length other than before."""
        require_values("inputs", inputs)
        rows = inputs.detach().reshape(-1, inputs.shape[-1])
        squares = rows.to(torch.float64).square().sum(0)
        if self._squares is not None and squares.shape != self._squares.shape:
            raise ValueError(f"inputs has {len(squares)} entries a row, earlier batches had {len(self._squares)}")
        self._squares = squares if self._squares is None else self._squares + squares
        self.samples += len(rows)

    @property
    def norm(self) -> Tensor:
        """(in,) in float32, on the device of the batches. Raises ValueError before the first batch."""
        if self._squares is None:
            raise ValueError("no batch has been seen yet: call update(inputs) or run the model while it is observed")
        return self._squares.sqrt().float()


@contextmanager
def observe_inputs(model: nn.Module, layers: Iterable[str] | None = None) -> Iterator[dict[str, InputNorm]]:
    """While the block runs, every forward pass adds to each layer's `InputNorm`; afterwards no hook is left.

    layers: names as in model.named_modules(); by default every Linear and every Conv2d with groups=1.
    Yields weight name ("0.weight") → InputNorm, the names that masks use. Raises ValueError for an unknown layer,
    TypeError for one that is neither Linear nor Conv2d.
    """
    modules = dict(model.named_modules())
    if layers is None:
        layers = [
            name
            for name, module in modules.items()
            if isinstance(module, nn.Linear) or (isinstance(module, nn.Conv2d) and module.groups == 1)
        ]
    chosen = list(layers)
    for name in chosen:
        if name not in modules:
            raise ValueError(f"layers names {name!r}, which the model does not have; it has {', '.join(modules)}")
        if not isinstance(modules[name], (nn.Linear, nn.Conv2d)):
            raise TypeError(f"layer {name!r} is a {type(modules[name]).__name__}: Linear or Conv2d is needed")
    norms = {f"{name}.weight" if name else "weight": InputNorm() for name in chosen}
    handles = []

    def observe(module: nn.Module, seen: InputNorm) -> None:
        def hook(module: nn.Module, arguments: tuple[Tensor, ...]) -> None:
            seen.update(layer_inputs(module, arguments[0]))

        handles.append(module.register_forward_pre_hook(hook))

    try:
        for name, seen in zip(chosen, norms.values(), strict=True):
            observe(modules[name], seen)
        yield norms
    finally:
        for handle in handles:
            handle.remove()
