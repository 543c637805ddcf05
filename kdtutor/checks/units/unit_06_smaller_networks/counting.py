"""Multiply-accumulates of a forward pass."""

import copy
import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Generator, Tensor, nn

from kdtutor import measure
from kdtutor.checks.exercise import Exercise, Mistake, Solution
from kdtutor.checks.units.unit_06_smaller_networks.networks import drawn

Layer = nn.Linear | nn.Conv2d
Cost = Callable[[Layer, Tensor, Tensor], int]


def _count_macs(model: nn.Module, example: Tensor) -> int:
    return measure.macs(model, example)


def _cases(g: Generator) -> list[tuple[Any, ...]]:
    first = drawn(nn.Linear(5, 4), g)
    with torch.no_grad():
        first.weight[0] = 0.0
    dense = nn.Sequential(first, drawn(nn.BatchNorm1d(4), g), nn.ReLU(), drawn(nn.Linear(4, 3), g))
    convolutional = drawn(
        nn.Sequential(
            nn.Sequential(nn.Conv2d(2, 4, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(4), nn.ReLU()),
            nn.Sequential(nn.Conv2d(4, 6, (3, 1), groups=2), nn.ReLU(), nn.AvgPool2d(2)),
            nn.Flatten(),
            nn.Linear(6 * 3 * 4, 5),
        ),
        g,
    )
    valid = drawn(nn.Sequential(nn.Conv2d(1, 3, 5), nn.Flatten(), nn.Linear(3 * 4 * 5, 1)), g)
    return [
        (dense.train(), torch.randn(1, 5, generator=g)),
        (convolutional.train(), torch.randn(2, 2, 16, 16, generator=g)),
        (valid.eval(), torch.randn(1, 1, 8, 9, generator=g)),
    ]


def _count_and_model(f: Solution, model: nn.Module, example: Tensor) -> dict[str, Any]:
    own = copy.deepcopy(model)
    count = f(own, example)
    return {
        "value": count,
        "training mode afterwards": str([module.training for module in own.modules()]),
        "model afterwards": {name: value.clone() for name, value in own.state_dict().items()},
    }


def _uses(module: nn.Module, x: Tensor, seen: list[tuple[Layer, Tensor, Tensor]]) -> Tensor:
    """The output of a nested Sequential, with every Linear and Conv2d noted as it runs."""
    if isinstance(module, nn.Sequential):
        for child in module:
            x = _uses(child, x, seen)
        return x
    y: Tensor = module(x)
    if isinstance(module, (nn.Linear, nn.Conv2d)):
        seen.append((module, x, y))
    return y


def _exact(layer: Layer, x: Tensor, y: Tensor) -> int:
    return y.numel() * layer.weight[0].numel()


def _by_walking(cost: Cost, kinds: tuple[type[nn.Module], ...] = (nn.Linear, nn.Conv2d)) -> Solution:
    @torch.no_grad()
    def count_macs(model: nn.Module, example: Tensor) -> int:
        seen: list[tuple[Layer, Tensor, Tensor]] = []
        _uses(copy.deepcopy(model).eval(), example, seen)
        return sum(cost(layer, x, y) for layer, x, y in seen if isinstance(layer, kinds))

    return count_macs


def _positions_before(layer: Layer, x: Tensor, y: Tensor) -> int:
    if isinstance(layer, nn.Linear):
        return _exact(layer, x, y)
    return len(x) * math.prod(x.shape[2:]) * layer.weight.numel()


def _groups_ignored(layer: Layer, x: Tensor, y: Tensor) -> int:
    return _exact(layer, x, y) * getattr(layer, "groups", 1)


def _nonzero_only(layer: Layer, x: Tensor, y: Tensor) -> int:
    return int(layer.weight.count_nonzero()) * y.numel() // layer.weight.shape[0]


def _with_bias(layer: Layer, x: Tensor, y: Tensor) -> int:
    return _exact(layer, x, y) + (y.numel() if layer.bias is not None else 0)


def _kernel_forgotten(layer: Layer, x: Tensor, y: Tensor) -> int:
    return y.numel() * layer.weight.shape[1]


def _in_training_mode(model: nn.Module, example: Tensor) -> int:
    seen: list[tuple[Layer, Tensor, Tensor]] = []
    with torch.no_grad():
        _uses(model, example, seen)
    return sum(_exact(*use) for use in seen)


def _left_in_evaluation(model: nn.Module, example: Tensor) -> int:
    model.eval()
    return _in_training_mode(model, example)


def _with_hooks(model: nn.Module, example: Tensor) -> int:
    counts: list[int] = []

    def note(layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        assert isinstance(layer.weight, Tensor)
        counts.append(output.numel() * math.prod(layer.weight.shape[1:]))

    mode = model.training
    handles = [m.register_forward_hook(note) for m in model.modules() if isinstance(m, (nn.Linear, nn.Conv2d))]
    model.eval()
    with torch.no_grad():
        model(example)
    model.train(mode)
    for handle in handles:
        handle.remove()
    return sum(counts)


def _with_torchs_counter(model: nn.Module, example: Tensor) -> int:
    from torch.utils.flop_counter import FlopCounterMode

    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        copy.deepcopy(model).eval()(example)
    return counter.get_total_flops() // 2


count_macs = Exercise(
    reference=_count_macs,
    inputs=_cases,
    observe=_count_and_model,
    rtol=0.0,
    atol=0.5,
    mistakes=[
        Mistake("operations, not MACs", _by_walking(lambda layer, x, y: 2 * _exact(layer, x, y)),
                "Twice too many: a multiplication and the addition that follows are one multiply-accumulate."),
        Mistake("parameters counted", _by_walking(lambda layer, x, y: layer.weight.numel()),
                "You count weights. A convolution uses each of its weights at every position, for every sample."),
        Mistake("one sample only", _by_walking(lambda layer, x, y: _exact(layer, x, y) // len(y)),
                "You count one sample. What is wanted is the forward pass of the whole example."),
        Mistake("positions of the input", _by_walking(_positions_before),
                "You count the positions of the input. A filter is computed at the positions of the output: stride and "
                "padding change their number."),
        Mistake("groups ignored", _by_walking(_groups_ignored),
                "In a grouped convolution an output channel reads in_channels / groups channels, not all of them."),
        Mistake("zeros left out", _by_walking(_nonzero_only),
                "You leave out weights that are zero. The product is computed with them all the same."),
        Mistake("biases added", _by_walking(_with_bias),
                "You count the additions of the biases. They are no multiplications and are left out by convention."),
        Mistake("kernel forgotten", _by_walking(_kernel_forgotten),
                "An output of a convolution reads a kernel of K_h x K_w positions in each channel."),
        Mistake("convolutions alone", _by_walking(_exact, (nn.Conv2d,)),
                "The Linear layers are missing from your count."),
        Mistake("counted in training mode", _in_training_mode,
                "The number is right, and the forward pass has moved BatchNorm's running statistics. Run it in evaluation mode."),
        Mistake("left in evaluation mode", _left_in_evaluation,
                "The number is right, but the model that came in training mode is left in evaluation mode."),
    ],
    styles={
        "forward hooks": _with_hooks,
        "layer by layer on a copy": _by_walking(_exact),
        "torch's own counter, halved": _with_torchs_counter,
    },
    hints=(
        "How many products does one output number need, and how many output numbers are there?",
        "One output needs as many products as one row of the weight has entries: weight[0].numel(), right for groups too.",
        "module.register_forward_hook(fn) calls fn(module, inputs, output) as the model runs; keep the handles and remove them. "
        "Run a copy in evaluation mode: copy.deepcopy(model).eval().",
    ),
)  # fmt: skip
