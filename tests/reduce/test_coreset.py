"""Oracles: sorting in plain Python and exhaustive search for the best centres."""

import itertools
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from kdtutor.reduce import entropy_coreset, k_centre
from tests.reduce.tables import table


def predictions(rows: int, classes: int, seed: int):
    return (3 * torch.randn(rows, classes, generator=torch.Generator().manual_seed(seed))).double().softmax(1)


def entropies(probs):
    return [-sum(p * math.log(p) for p in row if p) for row in probs.tolist()]


batches = st.builds(predictions, st.integers(1, 30), st.integers(1, 6), st.integers(0, 10**6))


@given(batches, st.sampled_from(["unsure", "sure"]), st.data())
def test_the_choice_is_the_head_of_the_samples_sorted_by_entropy(probs, mode, data):
    k = data.draw(st.integers(1, len(probs)))
    sign = -1 if mode == "unsure" else 1
    by_hand = sorted(sign * h for h in entropies(probs))[:k]
    chosen = entropy_coreset(probs, k, mode)
    assert len(set(chosen.tolist())) == k
    torch.testing.assert_close([sign * entropies(probs)[i] for i in chosen], by_hand, rtol=0, atol=1e-12)


def test_the_surest_and_the_least_sure_sample_are_the_one_hot_and_the_uniform_one():
    probs = torch.tensor([[0.7, 0.2, 0.1], [1.0, 0.0, 0.0], [1 / 3, 1 / 3, 1 / 3]])
    assert entropy_coreset(probs, 3, "unsure").tolist() == [2, 0, 1]
    assert entropy_coreset(probs, 1, "sure").tolist() == [1]


@given(st.integers(4, 40), st.integers(2, 5), st.integers(0, 10**6), st.data())
def test_with_labels_the_classes_take_turns_until_they_run_out(rows, classes, seed, data):
    probs = predictions(rows, classes, seed)
    labels = torch.randint(classes, (rows,), generator=torch.Generator().manual_seed(seed + 1))
    k = data.draw(st.integers(1, rows))
    chosen = entropy_coreset(probs, k, "unsure", labels)
    taken, sizes = labels[chosen].bincount(minlength=classes), labels.bincount(minlength=classes)
    most = int(taken.max())
    assert all(t >= min(int(size), most - 1) for t, size in zip(taken, sizes, strict=True))
    own = entropies(probs)
    for c in range(classes):
        mine = [own[i] for i in chosen if labels[i] == c]
        best = sorted((own[i] for i in range(rows) if labels[i] == c), reverse=True)[: len(mine)]
        torch.testing.assert_close(mine, best, rtol=0, atol=1e-12)


@given(batches, st.sampled_from(["unsure", "sure"]))
def test_a_smaller_coreset_is_the_head_of_a_larger_one(probs, mode):
    whole = entropy_coreset(probs, len(probs), mode, probs.argmax(1)).tolist()
    assert sorted(whole) == list(range(len(probs)))
    assert (
        entropy_coreset(probs, len(probs) // 2 + 1, mode, probs.argmax(1)).tolist()[: len(probs)]
        == (whole[: len(probs) // 2 + 1])
    )


def radius(x, chosen):
    return max(min(math.dist(row, x[c].tolist()) for c in chosen) for row in x.tolist())


@given(st.integers(3, 9), st.integers(1, 3), st.integers(1, 3), st.integers(0, 10**6))
def test_greedy_k_centre_is_within_twice_the_best_radius(rows, columns, k, seed):
    x = table(rows, columns, seed)
    best = min(radius(x, subset) for subset in itertools.combinations(range(rows), k))
    assert radius(x, k_centre(x, k).tolist()) <= 2 * best + 1e-9


def test_k_centre_starts_in_the_middle_and_takes_the_farthest_next():
    x = torch.tensor([[0.0], [1.0], [2.0], [3.0], [10.0]])
    assert k_centre(x, 4).tolist() == [3, 4, 0, 1]


def test_k_centre_never_takes_a_sample_twice_even_among_copies(device):
    chosen = k_centre(torch.ones(5, 2, device=device), 5)
    assert sorted(chosen.tolist()) == [0, 1, 2, 3, 4]
    assert chosen.device.type == device.type


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_probabilities_are_accepted(dtype, device):
    probs = predictions(20, 10, 1).to(device, dtype)
    assert entropy_coreset(probs, 5).device.type == device.type
    assert len(entropy_coreset(probs, 5, "sure", probs.argmax(1))) == 5


probs = predictions(4, 3, 0)
REFUSED = [
    (lambda: entropy_coreset(probs, 5), ValueError, "k is 5: a whole number from 1 to 4"),
    (lambda: entropy_coreset(probs, 2, "hard"), ValueError, "mode is 'hard': one of 'unsure', 'sure'"),
    (lambda: entropy_coreset(3 * probs.log(), 2), ValueError, "are these logits"),
    (lambda: entropy_coreset(probs / 2, 2), ValueError, "a row of probs sums to 0.5"),
    (lambda: entropy_coreset(probs, 2, labels=torch.zeros(3, dtype=torch.int64)), ValueError, r"y has shape \(3,\)"),
    (lambda: k_centre(torch.rand(4, 2), 0), ValueError, "k is 0"),
    (lambda: k_centre(torch.rand(4), 1), ValueError, r"\(N, D\) is needed"),
]


@pytest.mark.parametrize(("call", "error", "words"), REFUSED)
def test_bad_input_is_refused_in_words_that_name_the_argument(call, error, words):
    with pytest.raises(error, match=words):
        call()
