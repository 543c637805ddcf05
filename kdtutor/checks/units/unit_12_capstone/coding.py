"""A network's tensors to codes and back."""

from typing import Any

import torch
from torch import Generator, Tensor

from kdtutor import quantize
from kdtutor.checks.exercise import Exercise, Law, Mistake, Solution

State = dict[str, Tensor]
Stored = dict[str, Any]


def _encode(state: State, bits: int) -> Stored:
    return {
        name: quantize.quantize_per_channel(value, 0, bits)[:2] if value.ndim > 1 else value.half()
        for name, value in state.items()
    }


def _decode(stored: Stored) -> State:
    return {
        name: entry.float() if isinstance(entry, Tensor) else quantize.dequantize_affine(entry[0], entry[1], _zero())
        for name, entry in stored.items()
    }


def _zero() -> Tensor:
    return torch.tensor(0, dtype=torch.int32)


def _state(g: Generator, *, dead: bool = False) -> State:
    conv = torch.randn(4, 2, 3, 3, generator=g) * torch.logspace(-1, 1, 4).view(4, 1, 1, 1)
    linear = torch.randn(5, 7, generator=g) * torch.logspace(-1, 1, 5).view(5, 1)
    if dead:
        linear[2] = 0
    return {
        "0.weight": conv,
        "0.bias": torch.randn(4, generator=g),
        "9.weight": linear,
        "9.bias": 3 * torch.randn(5, generator=g),
    }


def _states(g: Generator) -> list[tuple[Any, ...]]:
    return [(_state(g), bits) for bits in (8, 4, 3)]


def _coded(rule: Solution, small: Solution = lambda value, bits: value.half()) -> Solution:
    """rule(weight, bits) -> codes, scale; small(value, bits) for tensors of one axis."""
    return lambda state, bits: {n: rule(v, bits) if v.ndim > 1 else small(v, bits) for n, v in state.items()}


def _right(value: Tensor, bits: int) -> tuple[Tensor, Tensor]:
    codes, scale, _ = quantize.quantize_per_channel(value, 0, bits)
    return codes, scale


def _with_bound(value: Tensor, bound: Tensor, steps: int) -> tuple[Tensor, Tensor]:
    scale = bound / steps
    return (value / scale).round().clamp(-steps - 1, steps).to(torch.int8), scale


def _row_bound(value: Tensor) -> Tensor:
    return value.abs().amax(tuple(range(1, value.ndim)), keepdim=True)


def _by_rows(state: State, bits: int) -> Stored:
    stored: Stored = {}
    top = 2 ** (bits - 1) - 1
    for name, value in state.items():
        if value.dim() == 1:
            stored[name] = value.to(torch.float16)
            continue
        scales = [(float(row.abs().max()) or float(top)) / top for row in value]
        codes = torch.stack([(row / s).round() for row, s in zip(value, scales, strict=True)]).char()
        stored[name] = (codes, torch.tensor(scales).view(-1, *[1] * (value.ndim - 1)))
    return stored


def _by_where(value: Tensor, bits: int) -> tuple[Tensor, Tensor]:
    bound = _row_bound(value)
    top = 2 ** (bits - 1) - 1
    return _with_bound(value, torch.where(bound > 0, bound, torch.full_like(bound, top)), top)


def _by_extremes(value: Tensor, bits: int) -> tuple[Tensor, Tensor]:
    axes = tuple(range(1, value.ndim))
    scale = torch.maximum(value.amax(axes, keepdim=True), -value.amin(axes, keepdim=True)) / (2 ** (bits - 1) - 1)
    scale[scale == 0] = 1
    return torch.round(value / scale).to(torch.int8), scale


def _settles(f: Solution, g: Generator) -> bool:
    """What comes back has the same codes again: nothing is lost a second time."""
    once = f(_state(g), 4)
    twice = f(_decode(once), 4)
    return all(
        torch.equal(entry, twice[name]) if isinstance(entry, Tensor) else torch.equal(entry[0], twice[name][0])
        for name, entry in once.items()
    )


def _dead_row(f: Solution, g: Generator) -> bool:
    codes, scale = f(_state(g, dead=True), 4)["9.weight"]
    return bool((codes[2] == 0).all()) and bool((scale > 0).all()) and bool(scale.isfinite().all())


encode_network = Exercise(
    reference=_encode,
    inputs=_states,
    laws=[
        Law("finds the same codes again in what was decoded", _settles,
            "A file that is decoded and encoded again must not change: the largest weight of a row has the largest code."),
        Law("has a positive scale for a row of zeros", _dead_row,
            "A neuron that was pruned has a row of zeros. Its scale has to be something that one can divide by.", edge=True),
    ],
    mistakes=[
        Mistake("one scale a tensor", _coded(lambda v, b: _with_bound(v, v.abs().max(), 2 ** (b - 1) - 1)),
                "You share one scale among all rows, so small rows are rounded to almost nothing. One scale an output channel."),
        Mistake("cut off, not rounded", _coded(lambda v, b: ((v / _right(v, b)[1]).to(torch.int8), _right(v, b)[1])),
                "Turning a float into an integer cuts its digits off. Round first."),
        Mistake("too many steps", _coded(lambda v, b: _with_bound(v, _row_bound(v), 2 ** (b - 1))),
                "You divide by 2^(b-1). The largest symmetric code is one less."),
        Mistake("biases coded too", lambda s, b: {n: _right(v.view(-1, 1), b) if v.ndim == 1 else _right(v, b) for n, v in s.items()},
                "You code the biases as well. They are few, and an error in them is added to every position: keep them in half "
                "precision."),
        Mistake("biases in full precision", _coded(_right, lambda v, b: v),
                "Your biases have four bytes each. Two are asked for."),
        Mistake("always eight bits", lambda s, b: _encode(s, 8), "Your codes are those of 8 bits, whatever bits says."),
        Mistake("biases left out", lambda s, b: {n: e for n, e in _encode(s, b).items() if not isinstance(e, Tensor)},
                "Your file holds the weights alone. A network without its biases is another network."),
        Mistake("scale before codes", lambda s, b: {n: e if isinstance(e, Tensor) else e[::-1] for n, e in _encode(s, b).items()},
                "You store the scale first. The order is codes, scale."),
        Mistake("row of zeros", _coded(lambda v, b: _with_bound(v, _row_bound(v), 2 ** (b - 1) - 1)),
                "Right wherever a row has a weight. A row of zeros gets the scale 0, and 0 / 0 is no code: give it the scale 1."),
    ],
    styles={"row by row": _by_rows, "torch.where": _coded(_by_where), "two extremes": _coded(_by_extremes)},
    hints=(
        "A tensor of one axis is stored as .half(). For the others it is unit 07's per_channel.",
        "The scale of a row is its largest magnitude over 2^(b-1) - 1; amax over all axes but the first, with keepdim=True.",
        "Replace a scale of 0 by 1, divide, round, .to(torch.int8). The entry is the pair (codes, scale).",
    ),
)  # fmt: skip


def _stored(g: Generator) -> list[tuple[Any, ...]]:
    return [(_encode(_state(g), bits),) for bits in (8, 4, 3)]


def _turned(weight: Solution, small: Solution = lambda entry: entry.float()) -> Solution:
    return lambda stored: {n: small(e) if isinstance(e, Tensor) else weight(*e) for n, e in stored.items()}


def _exact(f: Solution, g: Generator) -> bool:
    stored = _encode(_state(g), 4)
    back, wanted = f(stored), _decode(stored)
    return back.keys() == wanted.keys() and all(torch.equal(back[n], wanted[n]) for n in wanted)


def _floating(f: Solution, g: Generator) -> bool:
    return all(value.dtype == torch.float32 for value in f(_encode(_state(g), 4)).values())


def _by_a_loop(stored: Stored) -> State:
    state = {}
    for name, entry in stored.items():
        if isinstance(entry, tuple):
            codes, scale = entry
            state[name] = codes.to(torch.float32) * scale
        else:
            state[name] = entry.to(torch.float32)
    return state


decode_network = Exercise(
    reference=_decode,
    inputs=_stored,
    laws=[
        Law("returns float32 throughout", _floating, "load_state_dict expects what the network has: float32, the biases too."),
        Law("is exact, bit for bit", _exact,
            "The product of code and scale in float32 is one rounding; two ways to it give two networks."),
    ],
    mistakes=[
        Mistake("biases left in half", _turned(lambda q, s: q * s, lambda entry: entry),
                "Your weights are float32, your biases half precision. A layer wants both alike."),
        Mistake("scale left out", _turned(lambda q, s: q.float()), "You return the codes. Each belongs to a step: multiply by the scale."),
        Mistake("one scale for all", _turned(lambda q, s: q.float() * s.max()),
                "You multiply every row by one scale. Each row has its own."),
        Mistake("multiplied in half", _turned(lambda q, s: (q.half() * s.half()).float()),
                "You multiply in half precision, so the last bits are lost. Float32 first, then the product."),
        Mistake("zero-point of unsigned codes", _turned(lambda q, s: (q.float() + 128) * s),
                "You shift the codes. They are symmetric here: code 0 is the value 0."),
        Mistake("scale divides", _turned(lambda q, s: q.float() / s), "You divide by the scale. That was encoding; back it is a product."),
        Mistake("biases lost", lambda stored: {n: q * s for n, e in stored.items() if not isinstance(e, Tensor) for q, s in [e]},
                "The entries that are no pairs are missing: the biases."),
    ],
    styles={"a loop": _by_a_loop, "the scale first": _turned(lambda q, s: s * q.float()),
            "torch.mul": _turned(lambda q, s: torch.mul(q.to(s.dtype), s))},
    hints=(
        "An entry is either a tensor or a pair; isinstance(entry, tuple) tells.",
        "A pair becomes codes times scale, everything else becomes .float().",
        "The scale has shape (out, 1, ...), so the product broadcasts as it is. Make the codes float32 first.",
    ),
)  # fmt: skip
