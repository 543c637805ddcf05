"""Codes of b bits packed without gaps: eight codes fill b bytes exactly, the first code in the lowest bits."""

import torch
from torch import Tensor

from kdtutor.quantize.arguments import require_bits, require_codes, require_integer, values_are_readable


def pack_bits(codes: Tensor, bits: int, *, signed: bool = False) -> Tensor:
    """The codes' lowest `bits` bits, one after the other, in ceil(count · bits / 8) bytes.

    Bit i of the stream is bit i mod 8 of byte ⌊i / 8⌋; code j occupies the stream's bits j · b ... j · b + b - 1, its
    lowest bit first; the bits after the last code are 0. codes: any shape (packed row by row), any integer dtype,
    0 ... 2^b - 1, or -2^(b-1) ... 2^(b-1) - 1 when signed (two's complement). bits: 1 to 8.
    Returns uint8 (ceil(count · b / 8),) on the codes' device. Example: pack_bits([1, 2, 3], 4) -> [33, 3].
    Raises TypeError for codes that are no integers, ValueError for codes that b bits do not hold (on the CPU).
    """
    require_bits(bits)
    require_codes("codes", codes)
    flat = codes.flatten()
    if flat.numel() and values_are_readable(flat):
        low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
        least, most = int(flat.min()), int(flat.max())
        if least < low or most > high:
            raise ValueError(
                f"codes run from {least} to {most}: {bits} {'signed' if signed else 'unsigned'} bits hold {low} to "
                f"{high}" + (", pass signed=True for codes below 0" if not signed and least < 0 else "")
            )
    byte_count = -(-flat.numel() * bits // 8)
    if 8 % bits == 0:
        fields = _octets(flat.to(torch.uint8), 8 // bits) & (2**bits - 1)
        packed = fields[:, 0].clone()
        for i in range(1, 8 // bits):
            packed |= fields[:, i] << (i * bits)
        return packed
    fields = _octets(flat, 8).long() & (2**bits - 1)
    word = (fields << _shifts(8, bits, flat)).sum(1, keepdim=True)
    return (word >> _shifts(bits, 8, flat) & 255).to(torch.uint8).flatten()[:byte_count]


def unpack_bits(packed: Tensor, bits: int, count: int, *, signed: bool = False) -> Tensor:
    """The `count` codes that `pack_bits` packed: uint8, or int8 when signed, of shape (count,).

    packed: uint8 (ceil(count · bits / 8),). Example: unpack_bits([33, 3], 4, 3) -> [1, 2, 3].
    Raises TypeError for another dtype, ValueError for a number of bytes that does not fit the count.
    """
    require_bits(bits)
    require_integer("count", count, least=0)
    require_codes("packed", packed)
    if packed.dtype != torch.uint8 or packed.ndim != 1:
        raise TypeError(f"packed is {packed.dtype} of shape {tuple(packed.shape)}: uint8 of shape (bytes,) is needed")
    if len(packed) != -(-count * bits // 8):
        raise ValueError(
            f"packed has {len(packed)} bytes: {count} codes of {bits} bits take {-(-count * bits // 8)} bytes"
        )
    if 8 % bits == 0:
        shifts = _shifts(8 // bits, bits, packed).to(torch.uint8)
        codes = (packed.unsqueeze(1) >> shifts & (2**bits - 1)).flatten()[:count]
    else:
        word = (_octets(packed, bits).long() << _shifts(bits, 8, packed)).sum(1, keepdim=True)
        codes = (word >> _shifts(8, bits, packed) & (2**bits - 1)).to(torch.uint8).flatten()[:count]
    if not signed:
        return codes
    # Shifting the sign bit to the top of an int8 and back copies it into the bits above.
    return codes.view(torch.int8) << (8 - bits) >> (8 - bits)


def _octets(flat: Tensor, length: int) -> Tensor:
    """(n,) as rows of `length`, zeros at the end."""
    missing = -len(flat) % length
    return torch.nn.functional.pad(flat, (0, missing)).unflatten(0, (-1, length)) if len(flat) else flat.view(0, length)


def _shifts(count: int, step: int, like: Tensor) -> Tensor:
    return torch.arange(count, device=like.device) * step
