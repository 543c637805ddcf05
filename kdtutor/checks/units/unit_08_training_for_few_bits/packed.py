"""Codes of b bits without gaps between them."""

import numpy as np
import torch
from torch import Tensor

from kdtutor import quantize
from kdtutor.checks.exercise import Exercise, Law, Mistake, Solution


def _pack(codes: Tensor, bits: int) -> Tensor:
    return quantize.pack_bits(codes, bits)


def _codes(g: torch.Generator, bits: int, *shape: int) -> tuple[Tensor, int]:
    return torch.randint(2**bits, shape, generator=g, dtype=torch.uint8), bits


def _cases(g: torch.Generator) -> list[tuple[Tensor, int]]:
    return [
        _codes(g, 3, 11),
        _codes(g, 4, 3, 5),
        _codes(g, 2, 4, 2, 3),
        _codes(g, 5, 16),
        _codes(g, 1, 19),
        _codes(g, 8, 6),
        _codes(g, 6, 1),
        _codes(g, 7, 33),
    ]


def _bits_of(codes: Tensor, bits: int) -> Tensor:
    """(n, b), the lowest bit first."""
    return codes.flatten().int()[:, None] >> torch.arange(bits) & 1


def _bytes_of(stream: Tensor, order: str = "little") -> Tensor:
    packed = np.packbits(stream.flatten().to(torch.uint8).numpy(), bitorder=order)  # type: ignore[call-overload]
    return torch.from_numpy(packed)


def _nothing_across(codes: Tensor, bits: int) -> Tensor:
    fields = _bits_of(codes, bits)
    per_byte = 8 // bits
    fields = torch.cat([fields, fields.new_zeros(-len(fields) % per_byte, bits)]).view(-1, per_byte * bits)
    return (fields << torch.arange(per_byte * bits)).sum(1).to(torch.uint8)


def _in_eight_bits(codes: Tensor, bits: int) -> Tensor:
    """A loop that shifts within a byte and loses what goes beyond."""
    packed = torch.zeros(-(-codes.numel() * bits // 8), dtype=torch.uint8)
    for j, code in enumerate(codes.flatten().tolist()):
        byte, shift = divmod(j * bits, 8)
        packed[byte] |= code << shift & 255
    return packed


def _by_large_integer(codes: Tensor, bits: int) -> Tensor:
    number = sum(code << j * bits for j, code in enumerate(codes.flatten().tolist()))
    return torch.tensor(list(number.to_bytes(-(-codes.numel() * bits // 8), "little")), dtype=torch.uint8)


def _by_text(codes: Tensor, bits: int) -> Tensor:
    stream = "".join(format(code, f"0{bits}b")[::-1] for code in codes.flatten().tolist())
    stream += "0" * (-len(stream) % 8)
    return torch.tensor([int(stream[i : i + 8][::-1], 2) for i in range(0, len(stream), 8)], dtype=torch.uint8)


def _by_sums(codes: Tensor, bits: int) -> Tensor:
    stream = _bits_of(codes, bits).flatten()
    stream = torch.cat([stream, stream.new_zeros(-len(stream) % 8)])
    return (stream.view(-1, 8) * 2 ** torch.arange(8)).sum(1).to(torch.uint8)


def _comes_back(f: Solution, g: torch.Generator) -> bool:
    codes, bits = _codes(g, 3, 21)
    return bool((quantize.unpack_bits(f(codes, bits), bits, 21) == codes).all())


pack_bits = Exercise(
    reference=_pack,
    inputs=_cases,
    example=(torch.tensor([1, 2, 3], dtype=torch.uint8), 4),
    laws=[
        Law("comes back by quantize.unpack_bits", _comes_back,
            "Bytes are a tensor of dtype uint8."),
    ],
    mistakes=[
        Mistake("a byte for every code", lambda q, b: q.flatten().clone(),
                "You store a whole byte a code. Eight codes of b bits have to fit into b bytes."),
        Mistake("bytes filled from the top", lambda q, b: _bytes_of(_bits_of(q, b), "big"),
                "You fill each byte from its highest bit. Bit i of the stream is bit i mod 8 of its byte, counted from the lowest."),
        Mistake("highest bit first", lambda q, b: _bytes_of(_bits_of(q, b).flip(1)),
                "You write a code's highest bit first. Its lowest bit comes first here."),
        Mistake("both the other way round", lambda q, b: _bytes_of(_bits_of(q, b).flip(1), "big"),
                "Your stream is the usual one of np.packbits: highest bit first, in codes and in bytes. Here the lowest comes first in both."),
        Mistake("no code across bytes", _nothing_across,
                "You start a new byte where a code does not fit. With 3 bits that wastes two bits in eight; let a code straddle two bytes."),
        Mistake("shifted out of the byte", _in_eight_bits,
                "A code that straddles two bytes loses its upper part in yours: shifting within 8 bits drops what goes beyond."),
        Mistake("last byte dropped", lambda q, b: _pack(q, b)[: q.numel() * b // 8],
                "Where the bits do not fill the last byte, you drop it, and the last codes with it."),
        Mistake("bits for bytes", lambda q, b: _bits_of(q, b).flatten().to(torch.uint8),
                "You return the stream of single bits. Eight of them make one byte."),
        Mistake("codes back to front", lambda q, b: _pack(q.flatten().flip(0), b),
                "Your last code comes first. Code j occupies the stream's bits from j · b on."),
    ],
    styles={
        "np.packbits": lambda q, b: _bytes_of(_bits_of(q, b)),
        "one large integer": _by_large_integer,
        "a text of zeros and ones": _by_text,
        "powers of two": _by_sums,
    },
    hints=(
        "First make one long stream of single bits, then cut it into eights. Nothing in between has to know of bytes.",
        "codes.flatten().int()[:, None] >> torch.arange(bits) & 1 is a row of bits for each code, the lowest first.",
        "Flatten the rows, append zeros until the length is a multiple of 8, view as (-1, 8), and weigh the columns by 1, 2, 4 ... 128.",
    ),
)  # fmt: skip
