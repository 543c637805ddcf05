"""Packed codes against one big Python integer, whose bits they are."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from kdtutor.quantize import pack_bits, quantize_affine, unpack_bits

widths = st.integers(1, 8)


@st.composite
def codes_and_bits(draw: st.DrawFn) -> tuple[list[int], int]:
    bits = draw(widths)
    return draw(st.lists(st.integers(0, 2**bits - 1), max_size=40)), bits


@given(codes_and_bits())
def test_the_stream_is_the_binary_number_with_code_j_worth_two_to_the_j_b(case):
    codes, bits = case
    number = sum(code << (bits * j) for j, code in enumerate(codes))
    expected = number.to_bytes(-(-len(codes) * bits // 8), "little")
    packed = pack_bits(torch.tensor(codes, dtype=torch.int64), bits)
    assert packed.dtype == torch.uint8
    assert bytes(packed.tolist()) == expected


@pytest.mark.parametrize("bits", range(1, 9))
@pytest.mark.parametrize("count", [0, 1, 7, 8, 9, 64, 1001])
@pytest.mark.parametrize("signed", [False, True])
def test_unpacking_gives_the_codes_back_for_every_width_and_count(bits, count, signed, device):
    low = -(2 ** (bits - 1)) if signed else 0
    codes = torch.randint(low, low + 2**bits, (count,)).to(device, torch.int8 if signed else torch.uint8)
    packed = pack_bits(codes, bits, signed=signed)
    assert len(packed) == -(-count * bits // 8)
    assert packed.device.type == device.type
    back = unpack_bits(packed, bits, count, signed=signed)
    assert back.dtype == codes.dtype
    assert torch.equal(back, codes)


@given(codes_and_bits(), st.sampled_from([torch.uint8, torch.int16, torch.int32, torch.int64]))
def test_any_integer_dtype_packs_alike(case, dtype):
    codes, bits = case
    assert torch.equal(pack_bits(torch.tensor(codes, dtype=dtype), bits), pack_bits(torch.tensor(codes).long(), bits))


def test_the_worked_example_and_rows_one_after_the_other():
    assert pack_bits(torch.tensor([1, 2, 3]), 4).tolist() == [33, 3]
    assert pack_bits(torch.tensor([[1, 2], [3, 0]]), 2).tolist() == [0b00111001]


@pytest.mark.parametrize("bits", [3, 4])
def test_codes_of_quantize_affine_survive(bits):
    codes = quantize_affine(torch.randn(5, 7), 0.3, 0, bits)
    packed = pack_bits(codes, bits, signed=True)
    assert torch.equal(unpack_bits(packed, bits, 35, signed=True).view(5, 7), codes)


REFUSED = [
    (lambda: pack_bits(torch.tensor([0, 16]), 4), ValueError, "codes run from 0 to 16: 4 unsigned bits hold 0 to 15"),
    (lambda: pack_bits(torch.tensor([-1]), 4), ValueError, "pass signed=True"),
    (lambda: pack_bits(torch.tensor([8]), 4, signed=True), ValueError, "4 signed bits hold -8 to 7"),
    (lambda: pack_bits(torch.tensor([1.0]), 4), TypeError, "codes has dtype float32"),
    (lambda: pack_bits([1], 4), TypeError, "codes is a list"),
    (lambda: pack_bits(torch.tensor([1]), 0), ValueError, "bits is 0"),
    (lambda: unpack_bits(torch.zeros(2, dtype=torch.uint8), 4, 5), ValueError, "packed has 2 bytes: 5 codes of 4 bits"),
    (lambda: unpack_bits(torch.zeros(2, dtype=torch.int8), 4, 4), TypeError, "uint8 of shape"),
    (lambda: unpack_bits(torch.zeros(2, dtype=torch.uint8), 4, -1), ValueError, "count is -1"),
]


@pytest.mark.parametrize(("call", "error", "words"), REFUSED)
def test_bad_input_is_refused_in_words_that_name_the_argument(call, error, words):
    with pytest.raises(error, match=words):
        call()
