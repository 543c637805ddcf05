"""Positions of the few weights that are left, as the gaps between them: small numbers, which Huffman coding likes."""

import torch
from torch import Tensor

from kdtutor.quantize.arguments import require_codes, require_integer, values_are_readable


def encode_gaps(positions: Tensor, widest: int) -> Tensor:
    """Symbols for ascending positions p_0 < p_1 < ...: the gap p_i - p_(i-1) - 1 skipped before each (p_(-1) = -1).

    A gap of `widest` or more is written as the symbol `widest` (skip that many, nothing here), as often as it fits,
    then the rest. positions: (n,), integers >= 0. widest: at least 1. Returns int64 symbols in 0 ... widest, n of them
    below `widest`. Example: encode_gaps([0, 3, 10], 4) -> [0, 2, 4, 2].
    Raises TypeError for positions that are no integers, ValueError for positions that do not ascend (on the CPU).
    Source: Han, Mao, Dally, "Deep Compression", section 2 and figure 2, 2016 (there with filler zeros).
    """
    require_codes("positions", positions)
    require_integer("widest", widest, least=1)
    if positions.ndim != 1:
        raise ValueError(f"positions has shape {tuple(positions.shape)}: (n,) is needed")
    gaps = torch.diff(positions.long(), prepend=positions.new_full((1,), -1).long()) - 1
    if values_are_readable(gaps) and bool((gaps < 0).any()):
        raise ValueError("positions do not ascend from 0: each has to lie behind the one before")
    skips = gaps // widest
    ends = (skips + 1).cumsum(0) - 1
    symbols = gaps.new_full((int(ends[-1]) + 1 if len(ends) else 0,), widest)
    symbols[ends] = gaps % widest
    return symbols


def decode_gaps(symbols: Tensor, widest: int) -> Tensor:
    """Positions of `encode_gaps`: int64 (n,), n the number of symbols below `widest`.

    Raises TypeError for symbols that are no integers, ValueError for symbols outside 0 ... widest (on the CPU).
    """
    require_codes("symbols", symbols)
    require_integer("widest", widest, least=1)
    symbols = symbols.long()
    if values_are_readable(symbols) and bool(((symbols < 0) | (symbols > widest)).any()):
        raise ValueError(f"symbols run from {int(symbols.min())} to {int(symbols.max())}: 0 to {widest} are needed")
    kept = symbols < widest
    return (symbols + kept).cumsum(0)[kept] - 1
