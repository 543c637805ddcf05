"""A linear layer on codes, with 32-bit sums."""

import torch
import torch.nn.functional as F
from torch import Tensor

from kdtutor import quantize
from kdtutor.checks.exercise import Exercise, Law, Mistake, Solution
from kdtutor.checks.near import near
from kdtutor.checks.units.unit_07_quantisation.shared import Case, uniform
from kdtutor.quantize.int8 import rescale


def _int8_linear(
    x_codes: Tensor, x_scale: Tensor, x_zero_point: Tensor, w_codes: Tensor, w_scale: Tensor, bias: Tensor
) -> Tensor:
    sums = quantize.int8_matmul(x_codes, w_codes.t())
    return rescale(sums, x_scale, x_zero_point, w_scale, w_codes.sum(1) * w_scale, bias)


def _layers(g: torch.Generator) -> list[Case]:
    cases: list[Case] = []
    for rows, inner, out in ((5, 64, 7), (1, 9, 3), (4, 300, 4), (3, 20, 1)):
        for zero_point in (-128, 13):
            cases.append(
                (
                    torch.randint(-128, 128, (rows, inner), generator=g, dtype=torch.int8),
                    uniform(g, 0.05, 0.1),
                    torch.tensor(zero_point, dtype=torch.int32),
                    torch.randint(-127, 128, (out, inner), generator=g, dtype=torch.int8),
                    uniform(g, 0.05, 0.1, out),
                    30 * torch.randn(out, generator=g),
                )
            )
    return cases


def _from_sums(sums: Tensor, xs: Tensor, o: Tensor, w: Tensor, ws: Tensor, b: Tensor) -> Tensor:
    return xs * ws * (sums.int() - o * w.int().sum(1)) + b


def _wide(xq: Tensor, xs: Tensor, o: Tensor, w: Tensor, ws: Tensor, b: Tensor) -> Tensor:
    return _from_sums(xq.int() @ w.int().t(), xs, o, w, ws, b)


def _shifted_in_int8(xq: Tensor, xs: Tensor, o: Tensor, w: Tensor, ws: Tensor, b: Tensor) -> Tensor:
    return xs * ws * ((xq - o.to(torch.int8)).int() @ w.int().t()) + b


def _column_by_column(xq: Tensor, xs: Tensor, o: Tensor, w: Tensor, ws: Tensor, b: Tensor) -> Tensor:
    columns = [((xq.int() - o) * row.int()).sum(1) * (xs * ws[k]) + b[k] for k, row in enumerate(w)]
    return torch.stack(columns, 1)


def _large_sums(f: Solution, g: torch.Generator) -> bool:
    """1000 products of 127 · 127 are sixteen million, and the answer without scales and bias is that number."""
    codes = torch.full((1, 1000), 127, dtype=torch.int8)
    one = torch.ones(1)
    return near(f(codes, torch.tensor(1.0), torch.tensor(0), codes.clone(), one, 0 * one), 127.0 * 127 * 1000)


int8_linear = Exercise(
    reference=_int8_linear,
    inputs=_layers,
    atol=5e-3,
    example=(
        torch.tensor([[100, 120]], dtype=torch.int8), torch.tensor(0.01), torch.tensor(-128, dtype=torch.int32),
        torch.tensor([[100, 50]], dtype=torch.int8), torch.tensor([0.02]), torch.tensor([1.0]),
    ),
    laws=[
        Law("keeps sums of sixteen million", _large_sums, "A sum of products of two bytes needs 32 bits."),
        Law("is the bias where every input is 0",
            lambda f, g: near(
                f(torch.full((2, 5), 9, dtype=torch.int8), torch.tensor(0.1), torch.tensor(9),
                  torch.randint(-127, 128, (3, 5), generator=g, dtype=torch.int8), torch.full((3,), 0.2), torch.arange(3.0)),
                torch.arange(3.0).expand(2, 3)),
            "Codes that equal the zero-point stand for 0."),
    ],
    mistakes=[
        Mistake("sums in 8 bits", lambda xq, xs, o, w, ws, b: _from_sums(xq @ w.t(), xs, o, w, ws, b),
                "You multiply int8 by int8, and torch adds up in int8 too: one product of two bytes already needs 16 bits. "
                "Widen to int32 first."),
        Mistake("sums in 16 bits", lambda xq, xs, o, w, ws, b: _from_sums(xq.short() @ w.short().t(), xs, o, w, ws, b),
                "You add up in 16 bits, which hold 32,767: three products of 127 · 127 are 48,387."),
        Mistake("zero-point forgotten", lambda xq, xs, o, w, ws, b: xs * ws * (xq.int() @ w.int().t()) + b,
                "You multiply the codes as if 0 were their zero-point. What does Σ (q - o) p have that Σ q p lacks?"),
        Mistake("zero-point subtracted in int8", _shifted_in_int8,
                "You subtract the zero-point in int8, where 127 - (-128) wraps. Widen the codes first."),
        Mistake("zero-point added", lambda xq, xs, o, w, ws, b: _wide(xq, xs, -o, w, ws, b),
                "The correction has the wrong sign: x is s (q - o)."),
        Mistake("correction of one weight", lambda xq, xs, o, w, ws, b: xs * ws * (xq.int() @ w.int().t() - o) + b,
                "You subtract o once. It is subtracted from every q, so it meets every weight of the row: o times their sum."),
        Mistake("input scale forgotten", lambda xq, xs, o, w, ws, b: _wide(xq, torch.ones(()), o, w, ws, b),
                "Your result is too large by 1 / x_scale."),
        Mistake("weight scale forgotten", lambda xq, xs, o, w, ws, b: _wide(xq, xs, o, w, torch.ones_like(ws), b),
                "Your result is too large by 1 / w_scale, another factor in every column."),
        Mistake("one weight scale", lambda xq, xs, o, w, ws, b: _wide(xq, xs, o, w, ws.mean().expand_as(ws), b),
                "You use one weight scale for all columns. Each output channel has its own."),
        Mistake("bias scaled", lambda xq, xs, o, w, ws, b: xs * ws * (xq.int() @ w.int().t() - o * w.int().sum(1) + b),
                "You scale the bias with the sums. It is in the unit of the result and is added last."),
        Mistake("bias forgotten", lambda xq, xs, o, w, ws, b: _wide(xq, xs, o, w, ws, torch.zeros_like(b)),
                "The bias is missing."),
    ],
    styles={
        "correction after the product": _wide,
        "zero-point subtracted from wide codes": lambda xq, xs, o, w, ws, b: (
            (xq.to(torch.int32) - o) @ w.to(torch.int32).T) * (xs * ws).unsqueeze(0) + b,
        "column by column": _column_by_column,
        "float64 sums": lambda xq, xs, o, w, ws, b: F.linear(xq.double() - o, w.double()) * (xs * ws) + b,
        "the library's product": lambda xq, xs, o, w, ws, b: torch.addcmul(
            b, quantize.int8_matmul(xq, w.t()) - o * w.sum(1), xs * ws),
    },
    hints=(
        "Write y = Σ x w + b and put x = x_scale (q - o) and w = w_scale p in. What can be taken out of the sum?",
        "Σ (q - o) p = Σ q p - o Σ p. The first is a matrix product of the codes; the second needs no input at all.",
        "Widen both kinds of codes by .int() before they are multiplied. Scale the whole bracket, then add the bias.",
    ),
)  # fmt: skip
