"""Layer scores against explicit angles; dropping against leaving the call out by hand."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from kdtutor.prune import drop_layers, layer_scores, stream_change


class Plus(nn.Module):
    """x + scale · f(x): the smaller the scale, the less the block does."""

    def __init__(self, width: int, scale: float) -> None:
        super().__init__()
        self.inner, self.scale = nn.Linear(width, width).double(), scale

    def forward(self, x):
        return x + self.scale * self.inner(x)


def cosine(a, b):
    return sum(x * y for x, y in zip(a, b, strict=True)) / math.sqrt(sum(x * x for x in a) * sum(y * y for y in b))


@given(st.integers(1, 5), st.integers(1, 6), st.integers(0, 10**6))
def test_stream_change_is_one_minus_the_mean_cosine(rows, width, seed):
    generator = torch.Generator().manual_seed(seed)
    before, after = (torch.randn(rows, width, generator=generator, dtype=torch.float64) for _ in range(2))
    expected = 1 - sum(cosine(a, b) for a, b in zip(before.tolist(), after.tolist(), strict=True)) / rows
    torch.testing.assert_close(stream_change(before, after).item(), expected)


def test_stream_change_is_blind_to_length_and_counts_zero_vectors_by_what_becomes_of_them(device):
    x = torch.tensor([[1.0, 2.0]], device=device)
    zero = torch.zeros_like(x)
    assert stream_change(x, 3 * x).item() == pytest.approx(0, abs=1e-6)
    assert stream_change(x, -x).item() == pytest.approx(2)
    assert stream_change(zero, zero).item() == 0
    assert stream_change(zero, x).item() == stream_change(x, zero).item() == 1
    assert stream_change((1e4 * x).half(), (1e4 * x).half()).item() == pytest.approx(0, abs=1e-6)


def test_the_axis_says_where_a_vector_lies():
    before, after = torch.randn(2, 3, 4), torch.randn(2, 3, 4)
    torch.testing.assert_close(stream_change(before, after, axis=-1), stream_change(before.mT, after.mT))


def test_layer_scores_rank_the_block_that_does_least_lowest_and_leave_the_stack_alone():
    blocks = nn.Sequential(Plus(6, 1.0), nn.Dropout(0.9), Plus(6, 0.01), Plus(6, 0.3)).train()
    x = torch.randn(8, 6, dtype=torch.float64)
    scores = layer_scores(blocks, x)
    assert scores.argsort().tolist() == [1, 2, 3, 0]
    torch.testing.assert_close(scores[2], stream_change(blocks[0](x), blocks[2](blocks[0](x))))
    assert blocks.training
    assert not scores.requires_grad


@given(st.sets(st.integers(0, 4), max_size=4))
def test_dropping_layers_is_leaving_their_calls_out(drop):
    blocks = nn.Sequential(*(Plus(3, 0.5) for _ in range(5)))
    x = torch.randn(2, 3, dtype=torch.float64)
    expected = x
    for position in range(5):
        if position not in drop:
            expected = blocks[position](expected)
    shorter = drop_layers(blocks, sorted(drop))
    assert len(shorter) == 5 - len(drop)
    assert len(blocks) == 5
    torch.testing.assert_close(shorter(x), expected, rtol=0, atol=0)
    kept = blocks[min(set(range(5)) - drop)]
    assert shorter[0].inner.weight.data_ptr() != kept.inner.weight.data_ptr()


def test_the_lowest_scores_can_be_handed_over_as_they_come():
    blocks = nn.Sequential(*(Plus(3, scale) for scale in (1.0, 0.001, 0.5)))
    scores = layer_scores(blocks, torch.randn(4, 3, dtype=torch.float64))
    assert [block.scale for block in drop_layers(blocks, scores.argsort()[:1])] == [1.0, 0.5]


stack = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 2))
REFUSED = [
    (lambda: drop_layers(stack, [2]), ValueError, "drop names block 2: blocks has 2, from 0 to 1"),
    (lambda: drop_layers(stack, [-1]), ValueError, "drop names block -1"),
    (lambda: drop_layers(stack, [1]), ValueError, "block 1 is Linear.* changes the width"),
    (lambda: drop_layers(nn.Sequential(nn.Conv2d(1, 2, 1), nn.ReLU()), [0]), ValueError, "block 0 is Conv2d"),
    (lambda: drop_layers(stack[:1], [0]), ValueError, "drop names all 1 blocks"),
    (lambda: drop_layers(list(stack), [0]), TypeError, "blocks is a list"),
    (
        lambda: layer_scores(stack, torch.ones(1, 3)),
        ValueError,
        r"block 1 \(Linear\) turns shape \(1, 3\) into \(1, 2\)",
    ),
    (lambda: layer_scores(nn.Sequential(), torch.ones(1, 3)), ValueError, "blocks is empty"),
    (lambda: stream_change(torch.ones(2, 3), torch.ones(3, 2)), ValueError, r"after has shape \(3, 2\)"),
    (lambda: stream_change(torch.ones(2), torch.ones(2)), ValueError, "axis is 1"),
    (lambda: stream_change(torch.ones(2, 2).long(), torch.ones(2, 2)), TypeError, "before has dtype int64"),
]


@pytest.mark.parametrize(("call", "error", "words"), REFUSED)
def test_bad_input_is_refused_in_words_that_name_the_argument(call, error, words):
    with pytest.raises(error, match=words):
        call()
