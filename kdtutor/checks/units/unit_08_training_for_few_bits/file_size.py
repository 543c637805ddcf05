"""What a layer takes in a file, with everything that is needed to read it."""

import math

import torch
from torch import Tensor

from kdtutor import quantize
from kdtutor.checks.exercise import Exercise, Law, Mistake, Solution


def _parts(codes: Tensor, codebook: Tensor) -> tuple[int, int, int]:
    """Bytes of the codebook, of the code lengths, and bits of the stream."""
    counts = torch.bincount(codes.flatten().long(), minlength=len(codebook))
    lengths = quantize.huffman_code_lengths(counts)
    return codebook.numel() * codebook.element_size(), -(-len(codebook) // 2), int((counts * lengths).sum())


def _stored(codes: Tensor, codebook: Tensor, head: int) -> int:
    values, lengths, stream = _parts(codes, codebook)
    return head + values + lengths + math.ceil(stream / 8)


def _cases(g: torch.Generator) -> list[tuple[Tensor, Tensor, int]]:
    def case(entries: int, dtype: torch.dtype, head: int, *shape: int) -> tuple[Tensor, Tensor, int]:
        codes = (entries * torch.rand(shape, generator=g) ** 3).to(torch.uint8)
        return codes, torch.randn(entries, generator=g).to(dtype), head

    unused = case(16, torch.float32, 11, 6, 7)
    return [
        case(8, torch.float16, 16, 30, 20),
        case(4, torch.float32, 9, 17),
        case(16, torch.float16, 24, 5, 6, 7),
        (unused[0] // 2, unused[1], unused[2]),
        case(7, torch.float32, 13, 41, 3),
    ]


def _entropy_bytes(codes: Tensor, codebook: Tensor, head: int) -> int:
    values, lengths, _ = _parts(codes, codebook)
    p = torch.bincount(codes.flatten().long()).double() / codes.numel()
    return (
        head + values + lengths + math.ceil(-codes.numel() * float(torch.special.xlogy(p, p).sum()) / math.log(2) / 8)
    )


def _fixed_bytes(codes: Tensor, codebook: Tensor, head: int) -> int:
    values, lengths, _ = _parts(codes, codebook)
    return head + values + lengths + math.ceil(codes.numel() * math.ceil(math.log2(len(codebook))) / 8)


def _rounded_down(codes: Tensor, codebook: Tensor, head: int) -> int:
    values, lengths, stream = _parts(codes, codebook)
    return head + values + lengths + stream // 8


def _table_in_whole_bytes(codes: Tensor, codebook: Tensor, head: int) -> int:
    return _stored(codes, codebook, head) - -(-len(codebook) // 2) + len(codebook)


def _table_of_used(codes: Tensor, codebook: Tensor, head: int) -> int:
    return _stored(codes, codebook, head) - -(-len(codebook) // 2) + -(-(int(codes.max()) + 1) // 2)


def _by_writing(codes: Tensor, codebook: Tensor, head: int) -> int:
    counts = torch.bincount(codes.flatten().long(), minlength=len(codebook))
    lengths = quantize.huffman_code_lengths(counts)
    table = quantize.pack_bits(lengths, 4).numpy().tobytes()
    return len(bytes(head) + codebook.numpy().tobytes() + table + quantize.huffman_encode(codes, lengths))


def _by_symbols(codes: Tensor, codebook: Tensor, head: int) -> int:
    flat = codes.flatten().tolist()
    counts = [flat.count(k) for k in range(len(codebook))]
    lengths = quantize.huffman_code_lengths(counts).tolist()
    bits = sum(lengths[code] for code in flat)
    return head + codebook.nbytes + (len(counts) + 1) // 2 + (bits + 7) // 8


def _in_bits(codes: Tensor, codebook: Tensor, head: int) -> float:
    counts = torch.bincount(codes.flatten().long(), minlength=codebook.numel())
    stream = torch.dot(counts.float(), quantize.huffman_code_lengths(counts).float()).item()
    pieces = [8 * head, 8 * codebook.nbytes, 4 * codebook.numel(), stream]
    return float(sum(math.ceil(bits / 8) for bits in pieces))


def _grows_with_the_head(f: Solution, g: torch.Generator) -> bool:
    codes, codebook, _ = _cases(g)[0]
    return bool(f(codes, codebook, 20) - f(codes, codebook, 3) == 17)


stored_bytes = Exercise(
    reference=_stored,
    inputs=_cases,
    rtol=0.0,
    atol=0.25,
    example=(torch.tensor([0, 0, 0, 0, 0, 1, 2, 3], dtype=torch.uint8), torch.zeros(4, dtype=torch.float16), 10),
    laws=[
        Law("counts every byte of the head", _grows_with_the_head,
            "A file without its head cannot be read."),
    ],
    mistakes=[
        Mistake("codebook forgotten", lambda q, c, h: _stored(q, c, h) - c.nbytes,
                "The codebook is missing: without it the codes mean nothing."),
        Mistake("code lengths forgotten", lambda q, c, h: _stored(q, c, h) - -(-len(c) // 2),
                "The code lengths are missing: without them nobody can decode the stream."),
        Mistake("head forgotten", lambda q, c, h: _stored(q, c, 0),
                "The head is missing."),
        Mistake("codes alone", lambda q, c, h: math.ceil(_parts(q, c)[2] / 8),
                "You count the stream of codes alone. What else does a reader need who has nothing but the file?"),
        Mistake("bits for bytes", lambda q, c, h: _stored(q, c, h) - math.ceil(_parts(q, c)[2] / 8) + _parts(q, c)[2],
                "You add the stream's bits to the other parts' bytes."),
        Mistake("rounded down", _rounded_down,
                "The stream's last byte is missing where it is not full. A file has whole bytes: round up."),
        Mistake("fraction of a byte", lambda q, c, h: _stored(q, c, h) - math.ceil(_parts(q, c)[2] / 8) + _parts(q, c)[2] / 8,
                "Your answer has a fraction of a byte. A file has whole ones: round the stream up."),
        Mistake("fixed length", _fixed_bytes,
                "You give every code the same number of bits. The stream is Huffman coded."),
        Mistake("the entropy", _entropy_bytes,
                "You count what the entropy allows. Huffman's codes have whole bits, so the real stream is longer."),
        Mistake("float32 always", lambda q, c, h: _stored(q, c, h) - c.nbytes + 4 * len(c),
                "You count 4 bytes for each entry of the codebook. Its dtype decides: float16 takes 2."),
        Mistake("a byte for each length", _table_in_whole_bytes,
                "You count a byte for each code length. They take 4 bits each, two in a byte."),
        Mistake("lengths of used entries", _table_of_used,
                "You store lengths up to the last entry in use. The file holds one for every entry of the codebook; an unused one is 0."),
    ],
    styles={
        "written and measured": _by_writing,
        "symbol by symbol": _by_symbols,
        "in bits, piece by piece": _in_bits,
    },
    hints=(
        "Four parts, one after the other: head, codebook, code lengths, stream. Each takes a whole number of bytes.",
        "torch.bincount(codes.flatten(), minlength=len(codebook)) counts the codes; the stream has the sum of count · length bits.",
        "head + the codebook's numel · element_size + half as many bytes as entries, rounded up + the stream's bits over 8, rounded up.",
    ),
)  # fmt: skip
