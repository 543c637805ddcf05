"""Huffman codes against entropy, Kraft's equality, a search over all codes, and a decoder that walks bit by bit."""

import itertools
import math
import time
from fractions import Fraction

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from kdtutor.quantize import canonical_codes, huffman_code_lengths, huffman_decode, huffman_encode
from kdtutor.quantize import huffman as module

counts = st.lists(st.integers(0, 1000), min_size=1, max_size=40)


def total(numbers: list[int], lengths: list[int]) -> int:
    return sum(n * length for n, length in zip(numbers, lengths, strict=True))


def cheapest_by_search(numbers: list[int], longest: int) -> int:
    """The smallest total over all lengths that satisfy Kraft's inequality."""
    best = None
    for lengths in itertools.product(range(1, longest + 1), repeat=len(numbers)):
        if sum(Fraction(1, 2**length) for length in lengths) <= 1:
            cost = total(numbers, list(lengths))
            best = cost if best is None or cost < best else best
    assert best is not None
    return best


@given(counts)
def test_the_mean_length_lies_between_the_entropy_and_one_bit_more(numbers):
    lengths = huffman_code_lengths(numbers).tolist()
    assert [length > 0 for length in lengths] == [n > 0 for n in numbers]
    occurrences = sum(numbers)
    present = [n for n in numbers if n]
    if len(present) < 2:
        assert sum(lengths) == len(present)
        return
    entropy = -sum(n / occurrences * math.log2(n / occurrences) for n in present)
    mean = total(numbers, lengths) / occurrences
    assert entropy - 1e-9 <= mean < entropy + 1
    assert sum(Fraction(1, 2**length) for length in lengths if length) == 1


@given(st.lists(st.integers(1, 50), min_size=2, max_size=5))
def test_no_prefix_code_is_cheaper(numbers):
    assert total(numbers, huffman_code_lengths(numbers).tolist()) == cheapest_by_search(numbers, 4)


@given(st.lists(st.integers(1, 500), min_size=2, max_size=6), st.integers(3, 4))
def test_with_a_limit_no_code_within_the_limit_is_cheaper(numbers, longest):
    lengths = huffman_code_lengths(numbers, longest=longest).tolist()
    assert max(lengths) <= longest
    assert total(numbers, lengths) == cheapest_by_search(numbers, longest)


def test_fibonacci_counts_make_the_longest_codes_and_a_limit_shortens_them():
    numbers = [1, 1]
    while len(numbers) < 30:
        numbers.append(numbers[-1] + numbers[-2])
    assert huffman_code_lengths(numbers).max() == 29
    limited = huffman_code_lengths(numbers, longest=8)
    assert limited.max() == 8
    assert sum(Fraction(1, 2**length) for length in limited.tolist()) <= 1


def test_powers_of_two_reach_the_entropy_exactly_and_the_worked_example():
    assert huffman_code_lengths([8, 4, 2, 1, 1]).tolist() == [1, 2, 3, 4, 4]
    example = huffman_code_lengths(torch.tensor([5, 1, 1, 1]))
    assert sorted(example.tolist()) == [1, 2, 3, 3]
    assert example[0] == 1
    assert example.dtype == torch.int64


def test_a_lone_symbol_has_one_bit_and_no_symbol_none():
    assert huffman_code_lengths([0, 7, 0]).tolist() == [0, 1, 0]
    assert huffman_code_lengths([0, 0]).tolist() == [0, 0]
    assert huffman_code_lengths([]).tolist() == []


@given(counts)
def test_canonical_codes_are_prefix_free_ascending_and_as_long_as_asked(numbers):
    lengths = huffman_code_lengths(numbers)
    codes = canonical_codes(lengths)
    words = [format(c, f"0{n}b") for c, n in zip(codes.tolist(), lengths.tolist(), strict=True) if n]
    assert all(len(word) == n for word, n in zip(words, [n for n in lengths.tolist() if n], strict=True))
    for a, b in itertools.permutations(words, 2):
        assert not b.startswith(a)
    ordered = sorted(words, key=len)
    assert [len(w) for w in sorted(words)] == [len(w) for w in ordered]
    assert canonical_codes([1, 2, 3, 3]).tolist() == [0b0, 0b10, 0b110, 0b111]


def decode_bit_by_bit(data: bytes, lengths: list[int], count: int) -> list[int]:
    codes = canonical_codes(lengths).tolist()
    words = {format(c, f"0{n}b"): s for s, (c, n) in enumerate(zip(codes, lengths, strict=True)) if n}
    bits, symbols, word = "".join(format(byte, "08b") for byte in data), [], ""
    for bit in bits:
        word += bit
        if word in words and len(symbols) < count:
            symbols.append(words[word])
            word = ""
    return symbols


@given(st.lists(st.integers(0, 30).map(lambda v: v * v // 31), min_size=1, max_size=300))
def test_decoding_gives_the_symbols_back_and_agrees_with_a_walk_bit_by_bit(symbols):
    tensor = torch.tensor(symbols)
    lengths = huffman_code_lengths(torch.bincount(tensor), longest=module.LONGEST)
    data = huffman_encode(tensor, lengths)
    assert len(data) == -(-int(lengths[tensor].sum()) // 8)
    assert huffman_decode(data, lengths, len(symbols)).tolist() == symbols
    assert decode_bit_by_bit(data, lengths.tolist(), len(symbols)) == symbols


def test_long_streams_decode_across_chunks(monkeypatch):
    monkeypatch.setattr(module, "_CHUNK", 16)
    symbols = (torch.randn(5000, generator=torch.Generator().manual_seed(0)) * 3).round().long().clamp(-20, 20) + 20
    lengths = huffman_code_lengths(torch.bincount(symbols), longest=16)
    assert torch.equal(huffman_decode(huffman_encode(symbols, lengths), lengths, 5000), symbols)


@pytest.mark.parametrize("deepest", [15, 16])
def test_the_longest_codes_that_the_table_takes_decode(deepest):
    lengths = torch.tensor([*range(1, deepest + 1), deepest])
    symbols = torch.arange(deepest + 1).repeat(3)
    assert torch.equal(huffman_decode(huffman_encode(symbols, lengths), lengths, len(symbols)), symbols)


def test_a_lone_symbol_and_an_empty_stream_round_trip():
    lengths = huffman_code_lengths([0, 9])
    assert huffman_decode(huffman_encode(torch.ones(9).long(), lengths), lengths, 9).tolist() == [1] * 9
    assert huffman_encode(torch.zeros(0).long(), lengths) == b""
    assert huffman_decode(b"", lengths, 0).tolist() == []


def test_a_quarter_of_a_million_weights_decode_within_two_seconds():
    symbols = (torch.randn(266_610, generator=torch.Generator().manual_seed(0)) * 2).round().long().clamp(-8, 7) + 8
    lengths = huffman_code_lengths(torch.bincount(symbols), longest=16)
    data = huffman_encode(symbols, lengths)
    start = time.perf_counter()
    assert torch.equal(huffman_decode(data, lengths, len(symbols)), symbols)
    assert time.perf_counter() - start < 2


LENGTHS = torch.tensor([1, 2, 3, 3])
STREAM = huffman_encode(torch.tensor([0, 1, 2, 3, 0, 0]), LENGTHS)
REFUSED = [
    (lambda: huffman_code_lengths([1, -1]), ValueError, "counts holds -1"),
    (lambda: huffman_code_lengths([0.5, 0.5]), TypeError, "counts has dtype float32"),
    (lambda: huffman_code_lengths(torch.ones(2, 2).int()), ValueError, r"counts has shape \(2, 2\)"),
    (lambda: huffman_code_lengths([1] * 5, longest=2), ValueError, "longest is 2: 5 symbols"),
    (lambda: canonical_codes([1, 1, 1]), ValueError, "belong to no prefix code"),
    (lambda: canonical_codes([1, -1]), ValueError, "lengths holds -1"),
    (lambda: huffman_encode(torch.tensor([4]), LENGTHS), ValueError, "symbols run from 4 to 4"),
    (lambda: huffman_encode(torch.tensor([1]), torch.tensor([1, 0])), ValueError, "symbols holds 1, which has no code"),
    (lambda: huffman_encode(torch.tensor([1.0]), LENGTHS), TypeError, "symbols has dtype float32"),
    (lambda: huffman_encode(torch.tensor([0]), torch.tensor([17, 1])), ValueError, "lengths holds 17: at most 16"),
    (lambda: huffman_decode(STREAM[:-1], LENGTHS, 6), ValueError, "ends before 6 symbols"),
    (lambda: huffman_decode(STREAM, LENGTHS, 60), ValueError, "ends before 60 symbols"),
    (lambda: huffman_decode(STREAM + b"\0", LENGTHS, 6), ValueError, "bits behind its last symbol"),
    (lambda: huffman_decode(STREAM[:-1] + bytes([STREAM[-1] | 1]), LENGTHS, 6), ValueError, "all zero, belong there"),
    (lambda: huffman_decode(b"\xff", torch.tensor([1]), 3), ValueError, "no code at bit 0"),
    (lambda: huffman_decode(b"\0", torch.zeros(3).long(), 2), ValueError, "no such stream"),
    (lambda: huffman_decode(b"", LENGTHS, 2), ValueError, "ends before 2 symbols"),
]


@pytest.mark.parametrize(("call", "error", "words"), REFUSED)
def test_bad_input_is_refused_in_words_that_name_the_argument(call, error, words):
    with pytest.raises(error, match=words):
        call()
