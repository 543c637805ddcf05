"""Gap coding against a walk over the positions."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from kdtutor.quantize import decode_gaps, encode_gaps

positions = st.sets(st.integers(0, 400), max_size=50).map(sorted)


def gaps_by_hand(places: list[int], widest: int) -> list[int]:
    symbols, here = [], 0
    for place in places:
        while place - here >= widest:
            symbols.append(widest)
            here += widest
        symbols.append(place - here)
        here = place + 1
    return symbols


@given(positions, st.integers(1, 40))
def test_symbols_are_those_of_a_walk_and_decode_to_the_positions(places, widest):
    symbols = encode_gaps(torch.tensor(places, dtype=torch.int64), widest)
    assert symbols.tolist() == gaps_by_hand(places, widest)
    assert decode_gaps(symbols, widest).tolist() == places


def test_the_worked_example_on_every_device(device):
    symbols = encode_gaps(torch.tensor([0, 3, 10], device=device), 4)
    assert symbols.tolist() == [0, 2, 4, 2]
    assert decode_gaps(symbols, 4).tolist() == [0, 3, 10]
    assert symbols.device.type == device.type


REFUSED = [
    (lambda: encode_gaps(torch.tensor([3, 3]), 4), ValueError, "positions do not ascend"),
    (lambda: encode_gaps(torch.tensor([-1]), 4), ValueError, "positions do not ascend"),
    (lambda: encode_gaps(torch.tensor([1.0]), 4), TypeError, "positions has dtype float32"),
    (lambda: encode_gaps(torch.tensor([[1]]), 4), ValueError, r"positions has shape \(1, 1\)"),
    (lambda: encode_gaps(torch.tensor([1]), 0), ValueError, "widest is 0"),
    (lambda: decode_gaps(torch.tensor([5]), 4), ValueError, "symbols run from 5 to 5"),
]


@pytest.mark.parametrize(("call", "error", "words"), REFUSED)
def test_bad_input_is_refused_in_words_that_name_the_argument(call, error, words):
    with pytest.raises(error, match=words):
        call()
