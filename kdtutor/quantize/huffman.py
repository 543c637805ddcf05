"""Huffman coding: frequent symbols get short codes, and only the lengths have to be stored.

Codes are canonical: sorted by length, then by symbol, each is the one before plus 1, so both sides build the same codes
from the lengths. In the stream a code's highest bit comes first, and a byte's highest bit too.
"""

import heapq
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from kdtutor.quantize.arguments import require_codes, require_integer

LONGEST = 16  # bits: the decoding table has 2^16 entries at most
_CHUNK = 1 << 17  # bytes decoded at a time, which bounds the memory


def huffman_code_lengths(counts: Tensor | Sequence[int], *, longest: int | None = None) -> Tensor:
    """Bits of each symbol's code in a prefix code with the smallest total Σ count · length.

    A symbol that never occurs gets 0; a lone symbol gets 1. The mean length lies in [H, H + 1), H the entropy in bits.
    counts: (K,), integers >= 0, how often each symbol occurs. longest: no code longer than this, best under that
    condition (package-merge); None sets no limit. Ties go to the symbol that comes first, so the answer is determined.
    Returns int64 (K,), on the device of counts. Example: huffman_code_lengths([5, 1, 1, 1]) -> [1, 2, 3, 3] in some
    order of the last three; the total 5 + 2 + 3 + 3 = 13 is fixed.
    Raises TypeError for counts that are no integers, ValueError for negative ones or a limit too short for K symbols.
    Source: Huffman, "A Method for the Construction of Minimum-Redundancy Codes", 1952; Larmore, Hirschberg, "A Fast
    Algorithm for Optimal Length-Limited Huffman Codes", 1990.
    """
    counts = counts if isinstance(counts, Tensor) else torch.as_tensor(counts)
    if counts.ndim != 1:
        raise ValueError(f"counts has shape {tuple(counts.shape)}: (K,) is needed, one count a symbol")
    if counts.numel() == 0:
        return torch.zeros(0, dtype=torch.int64, device=counts.device)
    require_codes("counts", counts)
    numbers = counts.tolist()
    if min(numbers) < 0:
        raise ValueError(f"counts holds {min(numbers)}: a symbol cannot occur less than never")
    present = [(count, symbol) for symbol, count in enumerate(numbers) if count > 0]
    lengths = [0] * len(numbers)
    if len(present) == 1:
        lengths[present[0][1]] = 1
    elif present:
        if longest is not None:
            require_integer("longest", longest, least=1)
            if len(present) > 2**longest:
                raise ValueError(f"longest is {longest}: {len(present)} symbols need codes of more bits than that")
        _merge_all(present, lengths)
        if longest is not None and max(lengths) > longest:
            lengths = [0] * len(numbers)
            _package_merge(present, longest, lengths)
    return torch.tensor(lengths, dtype=torch.int64, device=counts.device)


def canonical_codes(lengths: Tensor | Sequence[int]) -> Tensor:
    """The canonical prefix code of given lengths: int64 (K,), each code in the lowest `length` bits; 0 for length 0.

    Example: canonical_codes([1, 2, 3, 3]) -> [0b0, 0b10, 0b110, 0b111].
    Raises ValueError for lengths that no prefix code has (Kraft: Σ 2^-length <= 1).
    Source: Schwartz, Kallick, "Generating a canonical prefix encoding", 1964.
    """
    given = lengths if isinstance(lengths, Tensor) else torch.as_tensor(lengths, dtype=torch.int64)
    require_codes("lengths", given)
    numbers = given.tolist()
    if any(length < 0 for length in numbers):
        raise ValueError(f"lengths holds {min(numbers)}: a code cannot have less than no bits")
    order = sorted((length, symbol) for symbol, length in enumerate(numbers) if length > 0)
    codes = [0] * len(numbers)
    code, previous = 0, 0
    for length, symbol in order:
        code <<= length - previous
        if code >= 1 << length:
            raise ValueError(f"lengths {numbers} belong to no prefix code: Σ 2^-length is above 1")
        codes[symbol] = code
        code, previous = code + 1, length
    return torch.tensor(codes, dtype=torch.int64, device=given.device)


def huffman_encode(symbols: Tensor, lengths: Tensor) -> bytes:
    """The symbols' canonical codes one after the other, the last byte filled with zeros.

    symbols: any shape (coded row by row), integers in 0 ... K - 1 with a code. lengths: (K,), at most 16 bits each.
    Raises TypeError for symbols that are no integers, ValueError for one without a code.
    """
    require_codes("symbols", symbols)
    code_of, length_of = _tables(lengths)
    flat = symbols.detach().cpu().flatten().numpy().astype(np.int64)
    if flat.size == 0:
        return b""
    if flat.min() < 0 or flat.max() >= len(length_of):
        raise ValueError(
            f"symbols run from {flat.min()} to {flat.max()}: there are lengths for 0 to {len(lengths) - 1}"
        )
    length = length_of[flat]
    if not length.all():
        raise ValueError(f"symbols holds {flat[length == 0][0]}, which has no code: its length is 0")
    code = code_of[flat]
    end = np.cumsum(length)
    stream = np.zeros(end[-1], dtype=np.uint8)
    for place in range(int(length.max())):
        # The bit `place` from a code's end, for all codes that are as long as that.
        long_enough = length > place
        stream[end[long_enough] - 1 - place] = code[long_enough] >> place & 1
    return np.packbits(stream).tobytes()


def huffman_decode(data: bytes, lengths: Tensor, count: int) -> Tensor:
    """The `count` symbols in `data`, as int64 (count,).

    Every bit position is looked up at once in a table of 2^longest entries; what remains in sequence is to step from
    code to code. Raises ValueError for data that ends too early, goes on too long, or holds a code that does not exist.
    """
    require_integer("count", count, least=0)
    code_of, length_of = _tables(lengths)
    if count == 0 or not length_of.any():
        if count or data:
            raise ValueError(f"data has {len(data)} bytes for {count} symbols: no such stream was ever encoded")
        return torch.zeros(0, dtype=torch.int64)
    longest = int(length_of.max())
    symbol_at, length_at = _lookup_table(code_of, length_of, longest)
    stream = np.frombuffer(data + bytes(3), dtype=np.uint8).astype(np.uint32)
    symbols: list[np.ndarray] = []
    missing, position = count, 0
    for first in range(0, len(data), _CHUNK):
        window = _windows(stream[first : first + _CHUNK + 3], longest)
        steps = length_at[window].tolist()
        here, end = position - 8 * first, len(steps)
        visited: list[int] = []
        while here < end and missing:
            visited.append(here)
            step = steps[here]
            if not step:
                raise ValueError(f"data holds no code at bit {8 * first + here}: it is damaged")
            here += step
            missing -= 1
        symbols.append(symbol_at[window[visited]])
        position = 8 * first + here
    if missing or position > 8 * len(data):
        raise ValueError(f"data has {len(data)} bytes: it ends before {count} symbols are complete")
    rest = 8 * len(data) - position
    if rest >= 8 or data[-1] & ((1 << rest) - 1):
        raise ValueError(f"data has {rest} bits behind its last symbol: at most 7, all zero, belong there")
    return torch.from_numpy(np.concatenate(symbols))


def _merge_all(present: list[tuple[int, int]], lengths: list[int]) -> None:
    """Join the two rarest subtrees until one is left; a symbol's length is how often its subtree was joined."""
    parents: list[int] = [-1] * (2 * len(present) - 1)
    heap = [(count, node) for node, (count, _) in enumerate(present)]
    heapq.heapify(heap)
    for node in range(len(present), len(parents)):
        (first_count, first), (second_count, second) = heapq.heappop(heap), heapq.heappop(heap)
        parents[first] = parents[second] = node
        heapq.heappush(heap, (first_count + second_count, node))
    depths = [0] * len(parents)
    for node in range(len(parents) - 2, -1, -1):
        depths[node] = depths[parents[node]] + 1
    for node, (_, symbol) in enumerate(present):
        lengths[symbol] = depths[node]


def _package_merge(present: list[tuple[int, int]], longest: int, lengths: list[int]) -> None:
    """Buy the 2n - 2 cheapest coins: at each length every symbol is one, and so is each pair from the length below."""
    coins: list[tuple[int, tuple[int, ...]]] = sorted((count, (symbol,)) for count, symbol in present)
    row = coins
    for _ in range(longest - 1):
        pairs = [(a[0] + b[0], a[1] + b[1]) for a, b in zip(row[::2], row[1::2], strict=False)]
        row = sorted(coins + pairs)
    for _, bought in row[: 2 * len(present) - 2]:
        for symbol in bought:
            lengths[symbol] += 1


def _tables(lengths: Tensor) -> tuple[np.ndarray, np.ndarray]:
    require_codes("lengths", lengths)
    if lengths.numel() and int(lengths.max()) > LONGEST:
        raise ValueError(
            f"lengths holds {int(lengths.max())}: at most {LONGEST} bits a code, "
            f"as huffman_code_lengths(counts, longest={LONGEST}) gives"
        )
    return canonical_codes(lengths).cpu().numpy(), lengths.detach().cpu().long().numpy()


def _lookup_table(code_of: np.ndarray, length_of: np.ndarray, longest: int) -> tuple[np.ndarray, np.ndarray]:
    """For each sequence of `longest` bits the symbol that it starts with, and how many bits that one takes."""
    symbol_at = np.zeros(1 << longest, dtype=np.int64)
    length_at = np.zeros(1 << longest, dtype=np.uint8)
    for symbol, (code, length) in enumerate(zip(code_of.tolist(), length_of.tolist(), strict=True)):
        if length:
            entries = slice(code << (longest - length), (code + 1) << (longest - length))
            symbol_at[entries], length_at[entries] = symbol, length
    return symbol_at, length_at


def _windows(stream: np.ndarray, longest: int) -> np.ndarray:
    """The `longest` bits from each bit position on; the last three bytes only look ahead."""
    words = stream[:-3] << 24 | stream[1:-2] << 16 | stream[2:-1] << 8 | stream[3:]
    return ((words[:, None] << np.arange(8, dtype=np.uint32)) >> np.uint32(32 - longest)).reshape(-1)
