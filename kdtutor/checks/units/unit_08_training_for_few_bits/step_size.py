"""A step that is trained with the weights."""

import math
from typing import Any

import torch
from torch import Tensor

from kdtutor import quantize
from kdtutor.checks.exercise import Exercise, Law, Mistake, Solution

Case = tuple[Tensor, Tensor, int]


def _learned_step(x: Tensor, step: Tensor, bits: int) -> Tensor:
    return quantize.learned_step_quantize(x, step, bits)


def _cases(g: torch.Generator) -> list[Case]:
    on_the_bounds = torch.tensor(
        [-1.0, 0.5, -0.9, 0.4, 0.1, -0.2, 0.8, -1.3, 0.3, 0.5, -1.0, 2.0, -3.0, 0.0, 0.6, -0.6]
    )
    return [
        (torch.randn(30, generator=g), torch.tensor(0.3), 3),
        (torch.randn(4, 6, generator=g), torch.tensor(0.11), 4),
        (torch.randn(3, 2, 5, generator=g), torch.tensor(0.02), 8),
        (torch.randn(50, generator=g), torch.tensor(0.6), 2),
        (on_the_bounds, torch.tensor(0.5), 2),  # 16 values, Q_P = 1: the gradient scale is exactly 1/4
    ]


def _arriving(x: Tensor) -> Tensor:
    return 1 + torch.arange(float(x.numel())).sin().view_as(x) / 2


def _value_and_gradients(f: Solution, x: Tensor, step: Tensor, bits: int) -> dict[str, Any]:
    x, step = x.detach().requires_grad_(), step.detach().requires_grad_()
    value = f(x, step, bits)
    if not isinstance(value, Tensor) or value.shape != x.shape or not value.requires_grad:
        return {"value": value}
    found = torch.autograd.grad(value, (x, step), _arriving(x), allow_unused=True)
    names = ("gradient by x", "gradient by the step")
    return {"value": value} | {
        name: torch.zeros_like(of) if g is None else g for name, g, of in zip(names, found, (x, step), strict=True)
    }


def _ends(bits: int) -> tuple[int, int]:
    return 2 ** (bits - 1), 2 ** (bits - 1) - 1


def _scale(x: Tensor, bits: int) -> float:
    return 1 / math.sqrt(x.numel() * _ends(bits)[1])


def _parts(x: Tensor, step: Tensor, bits: int) -> tuple[Tensor, Tensor, Tensor]:
    """Value, which x are inside, and the slope by the step before it is scaled."""
    below, above = _ends(bits)
    steps = (x / step).detach()
    inside = (steps >= -below) & (steps <= above)
    slope = torch.where(inside, steps.round() - steps, steps.clamp(-below, above))
    return step.detach() * steps.clamp(-below, above).round(), inside, slope


def _with_slopes(value: Tensor, x: Tensor, of_x: Tensor | float, step: Tensor, of_step: Tensor) -> Tensor:
    return value + of_x * (x - x.detach()) + of_step * (step - step.detach())


def _scaled_by(x: Tensor, step: Tensor, bits: int, scale: float) -> Tensor:
    value, inside, slope = _parts(x, step, bits)
    return _with_slopes(value, x, inside, step, slope * scale)


def _rounding_constant(x: Tensor, step: Tensor, bits: int) -> Tensor:
    value, inside, _ = _parts(x, step, bits)
    return _with_slopes(value, x, inside, step, value / step.detach() * _scale(x, bits))


def _nothing_outside(x: Tensor, step: Tensor, bits: int) -> Tensor:
    value, inside, slope = _parts(x, step, bits)
    return _with_slopes(value, x, inside, step, slope * inside * _scale(x, bits))


def _everywhere(x: Tensor, step: Tensor, bits: int) -> Tensor:
    value, _, slope = _parts(x, step, bits)
    return _with_slopes(value, x, 1.0, step, slope * _scale(x, bits))


def _sign(x: Tensor, step: Tensor, bits: int) -> Tensor:
    value, inside, slope = _parts(x, step, bits)
    return _with_slopes(value, x, inside, step, torch.where(inside, -slope, slope) * _scale(x, bits))


def _no_gradient_by_step(x: Tensor, step: Tensor, bits: int) -> Tensor:
    value, inside, _ = _parts(x, step, bits)
    return value + inside * (x - x.detach())


def _strict(x: Tensor, step: Tensor, bits: int) -> Tensor:
    value, inside, slope = _parts(x, step, bits)
    below, above = _ends(bits)
    steps = (x / step).detach()
    inside &= (steps > -below) & (steps < above)
    return _with_slopes(value, x, inside, step, torch.where(inside, slope, value / step.detach()) * _scale(x, bits))


def _symmetric(x: Tensor, step: Tensor, bits: int) -> Tensor:
    _, above = _ends(bits)
    steps = (x / step).detach()
    inside = steps.abs() <= above
    slope = torch.where(inside, steps.round() - steps, steps.clamp(-above, above))
    value = step.detach() * steps.clamp(-above, above).round()
    return _with_slopes(value, x, inside, step, slope * _scale(x, bits))


def _value_scaled(x: Tensor, step: Tensor, bits: int) -> Tensor:
    return _scaled_by(x, step, bits, 1.0) * _scale(x, bits)


def _scale_by_bits(x: Tensor, step: Tensor, bits: int) -> Tensor:
    return _scaled_by(x, step, bits, 1 / math.sqrt(_ends(bits)[1]))


def _by_slopes(x: Tensor, step: Tensor, bits: int) -> Tensor:
    return _scaled_by(x, step, bits, _scale(x, bits))


def _by_autograd(x: Tensor, step: Tensor, bits: int) -> Tensor:
    below, above = _ends(bits)
    scale = _scale(x, bits)
    step = step * scale + (step - step * scale).detach()
    steps = x / step
    inside = (steps >= -below) & (steps <= above)
    steps = torch.where(inside, steps, steps.detach().clamp(-below, above))
    return step * (steps + (steps.round() - steps).detach())


class _OwnFunction(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, step: Tensor, bits: int) -> Tensor:
        value, inside, slope = _parts(x, step, bits)
        ctx.save_for_backward(inside, slope * _scale(x, bits))
        return value

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, None]:
        inside, slope = ctx.saved_tensors
        return gradients[0] * inside, (gradients[0] * slope).sum(), None


def _own_function(x: Tensor, step: Tensor, bits: int) -> Tensor:
    return _OwnFunction.apply(x, step, bits)


def _grows_outside(f: Solution, g: torch.Generator) -> bool:
    """All values lie above the range, and more is wanted: a longer step gives more, so its gradient is positive."""
    step = torch.tensor(0.1).requires_grad_()
    f(torch.full((5,), 9.0), step, 3).sum().backward()
    return step.grad is not None and float(step.grad) > 0


learned_step = Exercise(
    reference=_learned_step,
    inputs=_cases,
    observe=_value_and_gradients,
    example=(torch.tensor([0.3, 0.9, -4.0]), torch.tensor(0.5), 3),
    laws=[
        Law("lets the step grow where values lie outside the range", _grows_outside,
            "What saturates comes back as s · Q_P: its derivative by s is Q_P."),
    ],
    mistakes=[
        Mistake("step without a gradient", _no_gradient_by_step,
                "The step gets no gradient, so it is never trained. Is it detached somewhere, or missing in the backward pass?"),
        Mistake("no gradient scale", lambda x, s, b: _scaled_by(x, s, b, 1.0),
                "The gradient by the step misses the factor 1 / sqrt(N · Q_P), which keeps a step from moving much faster than "
                "the weights."),
        Mistake("number of values left out", _scale_by_bits,
                "The gradient by the step is too large by sqrt(N): the factor is 1 / sqrt(N · Q_P)."),
        Mistake("rounding taken as a constant", _rounding_constant,
                "Inside the range your slope by the step is round(x / s). The rounding sees s too: with the straight-through "
                "rule it adds -x / s."),
        Mistake("sign inside the range", _sign,
                "Inside the range your gradient by the step has the other sign: it is round(x / s) - x / s."),
        Mistake("nothing from outside", _nothing_outside,
                "Values outside the range say nothing to your step. They are what should make it longer: there x̂ = s · Q_P."),
        Mistake("straight through everywhere", _everywhere,
                "The gradient by x is 1 outside the range too, where x̂ does not depend on x."),
        Mistake("bounds cut off", _strict,
                "Right but at the two bounds. As in fake_quantize they belong to the inside here (the paper writes < instead)."),
        Mistake("symmetric ends", _symmetric,
                "Your lowest code is -Q_P. Signed codes reach one step further down: Q_N = 2^(b-1)."),
        Mistake("the value scaled", _value_scaled,
                "You multiply the value by the gradient scale. It belongs to the gradient of the step alone."),
    ],
    styles={
        "three slopes written out": _by_slopes,
        "left to autograd, with detach": _by_autograd,
        "an autograd function of one's own": _own_function,
    },
    hints=(
        "Write the value first, then ask for each x where it is: inside, below or above. The slope by the step has three cases.",
        "Differentiate s · round(x / s) by s with the product rule, and treat the rounding inside as straight through.",
        "A term (s - s.detach()) is 0 going forward. Multiplied by the slope and by 1 / sqrt(N · Q_P) it hands the step its "
        "gradient; (x - x.detach()) times the mask 'inside' does the same for x.",
    ),
)  # fmt: skip
