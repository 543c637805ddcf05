"""Rounded going forward, straight through going back."""

from typing import Any

import torch
from torch import Tensor

from kdtutor import quantize
from kdtutor.checks.exercise import Exercise, Law, Mistake, Solution

Case = tuple[Tensor, Tensor, Tensor, int]


def _scaled(g: torch.Generator, shape: tuple[int, ...], scale: float, zero_point: int, bits: int) -> Case:
    """Values that leave the range on both sides."""
    low, high = _ends(torch.tensor(zero_point), bits)
    x = scale * (low + (high - low) * (1.4 * torch.rand(shape, generator=g) - 0.2))
    return x, torch.tensor(scale), torch.tensor(zero_point, dtype=torch.int32), bits


def _cases(g: torch.Generator) -> list[Case]:
    channels = torch.tensor([[0.1], [0.3], [0.7]])
    zero_points = torch.tensor([[0], [2], [-3]], dtype=torch.int32)
    around = torch.tensor([-2.0, 1.75, -1.99, 1.74, 1.8, -2.1, 1.9, 6.0, -9.0, 0.0, 0.3])
    return [
        _scaled(g, (40,), 0.3, 1, 4),
        _scaled(g, (6, 7), 0.05, -100, 8),
        _scaled(g, (2, 3, 5), 0.5, 0, 2),
        (4 * channels * torch.randn(3, 9, generator=g), channels, zero_points, 3),
        (around, torch.tensor(0.25), torch.tensor(0, dtype=torch.int32), 4),
    ]


def _ends(o: Tensor, bits: int) -> tuple[Tensor, Tensor]:
    """The range in steps from 0."""
    return -(2 ** (bits - 1)) - o, 2 ** (bits - 1) - 1 - o


def _inside(x: Tensor, s: Tensor, o: Tensor, bits: int) -> Tensor:
    low, high = _ends(o, bits)
    return (x / s >= low) & (x / s <= high)


def _rounded(x: Tensor, s: Tensor, o: Tensor, bits: int) -> Tensor:
    low, high = _ends(o, bits)
    return s * torch.minimum(torch.maximum((x / s).round(), low), high)


def _with_slope(x: Tensor, value: Tensor, slope: Tensor | float) -> Tensor:
    """`value` going forward; going back, `slope` times what arrives."""
    return value.detach() + slope * (x - x.detach())


def _value_and_gradient(f: Solution, x: Tensor, s: Tensor, o: Tensor, bits: int) -> dict[str, Any]:
    x = x.detach().requires_grad_()
    value = f(x, s, o, bits)
    if not isinstance(value, Tensor) or value.shape != x.shape or not value.requires_grad:
        return {"value": value}
    arriving = torch.linspace(1, 2, x.numel()).view_as(x)
    return {"value": value, "gradient": torch.autograd.grad(value, x, arriving)[0]}


class _OwnFunction(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, s: Tensor, o: Tensor, bits: int) -> Tensor:
        ctx.save_for_backward(_inside(x, s, o, bits))
        return _rounded(x, s, o, bits)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        return gradients[0] * ctx.saved_tensors[0], None, None, None


def _own_function(x: Tensor, s: Tensor, o: Tensor, bits: int) -> Tensor:
    return _OwnFunction.apply(x, s, o, bits)


def _by_where(x: Tensor, s: Tensor, o: Tensor, bits: int) -> Tensor:
    with torch.no_grad():
        back = s * (((x / s).round() + o).clamp(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) - o)
    return torch.where(_inside(x, s, o, bits), x + (back - x).detach(), back)


def _masked_sum(x: Tensor, s: Tensor, o: Tensor, bits: int) -> Tensor:
    passed = x * _inside(x, s, o, bits)
    return passed + (quantize.fake_quantize(x.detach(), s, o, bits) - passed).detach()


def _floored(x: Tensor, s: Tensor, o: Tensor, bits: int) -> Tensor:
    low, high = _ends(o, bits)
    value = s * torch.minimum(torch.maximum((x / s).floor(), low), high)
    return _with_slope(x, value, _inside(x, s, o, bits))


def _clamped_first(x: Tensor, s: Tensor, o: Tensor, bits: int) -> Tensor:
    low, high = _ends(torch.tensor(0), bits)
    steps = x / s
    return _with_slope(x, s * steps.round().clamp(int(low), int(high)), (steps >= low) & (steps <= high))


def _strict(x: Tensor, s: Tensor, o: Tensor, bits: int) -> Tensor:
    low, high = _ends(o, bits)
    return _with_slope(x, _rounded(x, s, o, bits), (x / s > low) & (x / s < high))


def _half_a_step_too_far(x: Tensor, s: Tensor, o: Tensor, bits: int) -> Tensor:
    low, high = _ends(o, bits)
    code = (x / s).round()
    return _with_slope(x, _rounded(x, s, o, bits), (code >= low) & (code <= high))


def _idempotent(f: Solution, g: torch.Generator) -> bool:
    x, s, o, bits = _scaled(g, (30,), 0.2, 1, 4)
    once = f(x, s, o, bits)
    return torch.allclose(f(once, s, o, bits), once, atol=1e-5)


fake_quantize = Exercise(
    reference=quantize.fake_quantize,
    inputs=_cases,
    observe=_value_and_gradient,
    example=(torch.tensor([-2.5, -0.3, 0.4, 1.75]), torch.tensor(0.25), torch.tensor(0, dtype=torch.int32), 4),
    laws=[
        Law("leaves alone what is on the grid already", _idempotent,
            "Rounding a rounded value once more should change nothing."),
    ],
    mistakes=[
        Mistake("rounding differentiated", lambda x, s, o, b: _with_slope(x, _rounded(x, s, o, b), 0.0),
                "The values are right, the gradient is 0 everywhere: autograd differentiates the staircase, which is flat. "
                "What slope should go back instead?"),
        Mistake("straight through everywhere", lambda x, s, o, b: _with_slope(x, _rounded(x, s, o, b), 1.0),
                "The gradient is 1 outside the range too. There x̂ stands still at the outermost value, so x has no influence."),
        Mistake("bounds cut off", _strict,
                "Right but at the two bounds themselves, where your gradient is 0. Here they belong to the inside. If torch.clamp "
                "decides for you: its derivative there has changed between releases, so write the condition yourself."),
        Mistake("cut half a step too late", _half_a_step_too_far,
                "The gradient ends half a step outside the range, where the *rounded* value leaves it. Compare x / s itself with the "
                "bounds."),
        Mistake("gradient in steps", lambda x, s, o, b: _with_slope(x, _rounded(x, s, o, b), _inside(x, s, o, b) / s),
                "The gradient is 1 / s where it should be 1: it stopped at x / s and never met the factor s of the way back."),
        Mistake("gradient scaled down", lambda x, s, o, b: _with_slope(x, _rounded(x, s, o, b), _inside(x, s, o, b) * s),
                "The gradient is s where it should be 1: of the two factors 1 / s and s only one came along."),
        Mistake("codes returned", lambda x, s, o, b: _with_slope(x, _rounded(x, s, o, b) / s + o, _inside(x, s, o, b) / s),
                "You return the codes. Subtract the zero-point and multiply by the scale to get back to values."),
        Mistake("zero-point left in", lambda x, s, o, b: _with_slope(x, _rounded(x, s, o, b) + s * o, _inside(x, s, o, b)),
                "Your values are off by s · o: the zero-point was added and never taken off again."),
        Mistake("clamped without the zero-point", _clamped_first,
                "You clamp x / s to the range of the codes before the zero-point is added. The codes are clamped, not the steps."),
        Mistake("never clamped", lambda x, s, o, b: _with_slope(x, s * (x / s).round(), _inside(x, s, o, b)),
                "Values outside the range have to saturate at its ends; yours go on."),
        Mistake("floor for round", _floored,
                "You round down. The nearest code is half a step away at most."),
        Mistake("always eight bits", lambda x, s, o, b: quantize.fake_quantize(x, s, o, 8),
                "Your answer is the same for every number of bits. How many codes do b bits have?"),
    ],
    styles={
        "an autograd function of one's own": _own_function,
        "torch.where and detach": _by_where,
        "a masked copy of x": _masked_sum,
        "value plus nothing": lambda x, s, o, b: _with_slope(x, _rounded(x, s, o, b), _inside(x, s, o, b)),
    },
    hints=(
        "Two separate questions: which value comes out, and which slope goes back. The value is that of unit 07.",
        "x - x.detach() is 0 going forward and has the derivative 1 going back. A mask can be multiplied to it.",
        "Compute the rounded value, detach it, and add the mask 'inside' times x - x.detach(). Inside means that x / scale lies "
        "between the lowest and the highest code, each minus the zero-point, both ends included.",
    ),
)  # fmt: skip
