"""The oracle walks group by group and sorts each in plain Python."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from kdtutor.prune import is_n_m, n_m_mask


def kept_by_loops(values: list[float], n: int, m: int) -> list[bool]:
    kept = []
    for start in range(0, len(values), m):
        group = values[start : start + m]
        order = sorted(range(m), key=lambda i: (abs(group[i]), i))
        kept += [i in order[m - n :] for i in range(m)]
    return kept


@st.composite
def patterns(draw):
    m = draw(st.integers(1, 6))
    n = draw(st.integers(0, m))
    shape = (draw(st.integers(1, 4)), m * draw(st.integers(1, 4)))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 10**6)))
    return torch.randint(-3, 4, shape, generator=generator).double(), n, m


@given(patterns())
def test_n_m_mask_keeps_the_n_largest_of_each_m_neighbours_in_a_row(pattern):
    weight, n, m = pattern
    mask = n_m_mask(weight, n, m)
    assert mask.tolist() == [kept_by_loops(row, n, m) for row in weight.tolist()]
    assert int((~mask).sum()) == round((1 - n / m) * weight.numel())
    assert is_n_m(weight * mask, n, m)


@given(patterns())
def test_the_axis_says_where_neighbours_lie(pattern):
    weight, n, m = pattern
    assert torch.equal(n_m_mask(weight.T, n, m, axis=0), n_m_mask(weight, n, m).T)
    assert torch.equal(n_m_mask(weight, n, m, axis=-1), n_m_mask(weight, n, m))
    assert torch.equal(n_m_mask(weight[0], n, m), n_m_mask(weight, n, m)[0])


def test_a_convolution_is_grouped_along_its_input_channels():
    weight = torch.randn(6, 8, 3, 3)
    mask = n_m_mask(weight)
    assert mask.shape == weight.shape
    assert mask.is_contiguous()
    for out in range(6):
        for y in range(3):
            for x in range(3):
                assert mask[out, :, y, x].tolist() == kept_by_loops(weight[out, :, y, x].tolist(), 2, 4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_n_m_mask_follows_device_and_dtype(dtype, device):
    weight = torch.tensor([[3.0, -1.0, 2.0, 0.0, 1.0, 1.0, 1.0, 1.0]], dtype=dtype, device=device)
    mask = n_m_mask(weight.requires_grad_())
    assert mask.device.type == device.type
    assert not mask.requires_grad
    assert mask.tolist() == [[True, False, True, False, False, False, True, True]]


def test_is_n_m_tells_a_pattern_from_its_neighbour():
    weight = torch.tensor([[1.0, 0.0, 1.0, 0.0, 1.0, 1.0, 0.0, 0.0]])
    assert is_n_m(weight, 2, 4)
    assert not is_n_m(weight, 1, 4)
    assert not is_n_m(weight, 1, 2)
    assert is_n_m(weight.roll(1), 1, 2)
    assert not is_n_m(torch.ones(1, 4), 2, 4)


ones: Tensor = torch.ones(4, 6)
REFUSED = [
    (lambda: n_m_mask(ones), ValueError, r"weight has shape \(4, 6\): axis 1 has length 6, a multiple of m = 4"),
    (lambda: n_m_mask(ones, 3, 2), ValueError, "n is 3: a whole number kept of each 2"),
    (lambda: n_m_mask(ones, -1, 2), ValueError, "n is -1"),
    (lambda: n_m_mask(ones, 1, 0), ValueError, "m is 0"),
    (lambda: n_m_mask(ones, 1.0, 2), TypeError, "n is a float"),
    (lambda: n_m_mask(ones, 1, 2, axis=2), ValueError, r"axis is 2: weight has shape \(4, 6\), 2 axes from 0"),
    (lambda: n_m_mask(torch.tensor(1.0)), ValueError, r"weight has shape \(\)"),
    (lambda: n_m_mask(ones.long()), TypeError, "weight has dtype int64"),
    (lambda: is_n_m(ones), ValueError, "a multiple of m = 4"),
]


@pytest.mark.parametrize(("call", "error", "words"), REFUSED)
def test_bad_input_is_refused_in_words_that_name_the_argument(call, error, words):
    with pytest.raises(error, match=words):
        call()
