"""Oracles: enumeration of every short sequence, an eigenvector from numpy, counts in a long sample."""

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from kdtutor.data.language import MarkovSource, language, language_source, syllables


def chain(V: int, order: int, seed: int) -> MarkovSource:
    generator = torch.Generator().manual_seed(seed)
    rows = torch.rand((V,) * (order + 1), generator=generator, dtype=torch.float64) ** 4 + 1e-3
    return MarkovSource(rows / rows.sum(-1, keepdim=True), tuple("abcdefgh"[:V]))


chains = st.builds(chain, st.integers(2, 4), st.integers(1, 3), st.integers(0, 10**6))


@given(chains)
def test_the_stationary_distribution_is_the_eigenvector_for_eigenvalue_one(source):
    V, states = source.vocabulary, source.vocabulary**source.order
    matrix = np.zeros((states, states))
    for context in itertools.product(range(V), repeat=source.order):
        for token in range(V):
            row = np.ravel_multi_index(context, (V,) * source.order)
            column = np.ravel_multi_index((*context[1:], token), (V,) * source.order)
            matrix[row, column] += source.transition[(*context, token)].item()
    values, vectors = np.linalg.eig(matrix.T)
    limit = np.real(vectors[:, np.argmin(abs(values - 1))])
    torch.testing.assert_close(
        source.stationary.flatten(), torch.from_numpy(limit / limit.sum()), rtol=1e-9, atol=1e-12
    )


@given(chains, st.integers(1, 5))
def test_probabilities_of_all_sequences_of_one_length_sum_to_one_and_shorter_ones_are_their_margins(source, length):
    every = torch.tensor(list(itertools.product(range(source.vocabulary), repeat=length)))
    probs = source.log_prob(every).exp()
    assert probs.sum().item() == pytest.approx(1, abs=1e-12)
    if length > 1:
        V = source.vocabulary
        without_first = source.log_prob(every[: V ** (length - 1), 1:]).exp()
        torch.testing.assert_close(probs.reshape(V, -1).sum(0), without_first)


@given(chains, st.integers(0, 5), st.integers(0, 10**6))
def test_the_next_distribution_is_the_ratio_of_sequence_probabilities(source, length, seed):
    prefix = source.sample(3, max(length, 1), torch.Generator().manual_seed(seed))[:, :length]
    ours = source.next_distribution(prefix)
    assert ours.shape == (3, source.vocabulary)
    before = source.log_prob(prefix) if length else torch.zeros(3, dtype=torch.float64)
    for token in range(source.vocabulary):
        longer = torch.cat([prefix, torch.full((3, 1), token)], 1)
        torch.testing.assert_close(ours[:, token], (source.log_prob(longer) - before).exp())


@given(chains)
def test_the_entropy_rate_is_what_one_more_token_adds_to_the_entropy_of_sequences(source):
    def entropy(length):
        every = torch.tensor(list(itertools.product(range(source.vocabulary), repeat=length)))
        logs = source.log_prob(every)
        return -(logs.exp() * logs).sum().item()

    wanted = entropy(source.order + 1) - entropy(source.order)
    assert source.entropy_rate() == pytest.approx(wanted, abs=1e-9)


def test_samples_occur_as_often_as_their_probability_says():
    source = chain(3, 2, 1)
    text = source.sample(20_000, 3, torch.Generator().manual_seed(0))
    every = torch.tensor(list(itertools.product(range(3), repeat=3)))
    counts = (text @ torch.tensor([9, 3, 1])).bincount(minlength=27)
    expected = 20_000 * source.log_prob(every).exp()
    chi_square = ((counts - expected) ** 2 / expected).sum().item()
    assert chi_square < 26 + 5 * math.sqrt(2 * 26)


def test_the_mean_price_of_a_token_of_a_long_sample_is_the_entropy_rate():
    source = language_source()
    text = source.sample(500, 200, torch.Generator().manual_seed(1))
    price = -(source.log_prob(text) - source.log_prob(text[:, :2])) / 198
    assert price.mean().item() == pytest.approx(source.entropy_rate(), abs=5 * price.std().item() / 500**0.5)
    assert price.std() > 0


@pytest.mark.parametrize(("vocabulary", "seed"), [(24, 0), (32, 0), (64, 3)])
def test_every_continuation_has_three_modes_and_none_is_impossible(vocabulary, seed):
    transition = language_source(vocabulary, seed).transition
    assert (transition >= 0.99 * 0.02 / vocabulary).all()
    higher_than_both = (transition > transition.roll(1, -1)) & (transition > transition.roll(-1, -1))
    assert (higher_than_both.sum(-1) == 3).all()


def test_the_last_token_places_the_modes_and_the_one_before_ranks_them():
    transition = language_source().transition
    assert torch.equal(transition[0], transition[3])
    assert not torch.allclose(transition[0], transition[1])
    best = transition.argmax(-1)
    assert ((best[0] != best[1]) & (best[1] != best[2]) & (best[0] != best[2])).all()


def test_two_tokens_of_context_are_worth_more_than_one_and_that_more_than_none():
    source = language_source()
    pairs = (source.stationary[..., None] * source.transition).sum(0)
    last_only = pairs / pairs.sum(1, keepdim=True)
    one = -(pairs * last_only.log()).sum().item()
    none = -(pairs.sum(0) * pairs.sum(0).log()).sum().item()
    assert source.entropy_rate() + 0.2 < one < none - 0.5
    torch.testing.assert_close(last_only, source.next_distribution(torch.arange(32)[:, None]))


def test_a_seed_gives_the_same_text_and_another_seed_another_text_of_the_same_language():
    first, again, other = language(0), language(0), language(1)
    assert torch.equal(first.train.x, again.train.x)
    assert not torch.equal(first.train.x, other.train.x)
    assert not torch.equal(first.train.x[:500], first.validation.x)
    assert torch.equal(first.train.x[:, 1:], first.train.y[:, :-1])
    assert (tuple(first.train.x.shape), first.train.x.dtype) == ((4000, 32), torch.int64)
    assert (len(first.validation), len(first.test), len(first.classes)) == (500, 1000, 32)


def test_tokens_have_distinct_names_and_a_sequence_can_be_read():
    assert len(set(syllables(64))) == 64
    assert language_source().spell(torch.tensor([0, 1, 4])) == "ba be da"


def test_tokens_on_another_device_come_back_there(device):
    source = language_source(24)
    text = torch.tensor([[0, 1, 2], [3, 4, 5]], device=device)
    assert source.log_prob(text).device.type == device.type
    assert source.next_distribution(text).device.type == device.type


def chain_of(rows):
    return MarkovSource(torch.tensor(rows, dtype=torch.float64), tuple("ab"))


def test_an_impossible_sequence_has_probability_zero_and_is_never_drawn():
    source = chain_of([[0.0, 1.0], [0.5, 0.5]])
    assert source.log_prob(torch.tensor([1, 0, 0])).item() == -math.inf
    text = source.sample(200, 20, torch.Generator().manual_seed(0))
    assert source.log_prob(text).isfinite().all()
    torch.testing.assert_close(source.stationary, torch.tensor([1 / 3, 2 / 3], dtype=torch.float64))


def test_after_a_token_that_never_occurs_in_an_endless_text_the_transition_still_says_what_follows():
    source = chain_of([[0.2, 0.8], [0.0, 1.0]])
    assert source.stationary.tolist() == pytest.approx([0, 1], abs=1e-9)
    assert source.next_distribution(torch.tensor([0])).tolist() == [0.2, 0.8]


source = chain(3, 2, 0)
REFUSED = [
    (lambda: chain_of([[1.0, 0.0], [0.0, 1.0]]).stationary, ValueError, "no unique limit"),
    (lambda: chain_of([[0.0, 1.0], [1.0, 0.0]]).stationary, ValueError, "no unique limit"),
    (lambda: chain_of([[0.5, 0.6], [0.5, 0.5]]), ValueError, "rows that are probabilities"),
    (lambda: chain_of([[0.5, 0.5]]), ValueError, r"transition has shape \(1, 2\)"),
    (lambda: MarkovSource(torch.full((2, 2), 0.5), ("a", "b")), TypeError, "float64"),
    (lambda: chain_of([[0.0, 1.0], [0.0, 1.0]]).log_prob(torch.tensor([0.5])), TypeError, "sequences is torch.float32"),
    (lambda: source.log_prob(torch.tensor([[0, 3]])), ValueError, "sequences ranges from 0 to 3: tokens are 0 to 2"),
    (lambda: source.log_prob(torch.zeros(2, 0, dtype=torch.int64)), ValueError, "at least one token"),
    (lambda: source.next_distribution([0, 1]), TypeError, "prefix is .*list"),
    (lambda: source.next_distribution(torch.tensor(1)), ValueError, "prefix is a single number"),
    (lambda: source.sample(0, 3, torch.Generator()), ValueError, "n is 0"),
    (lambda: source.sample(1, 3, 0), TypeError, "generator is a int"),
    (lambda: language_source(8), ValueError, "vocabulary is 8: 24 to 64"),
]


@pytest.mark.parametrize(("call", "error", "words"), REFUSED)
def test_bad_input_is_refused_in_words_that_name_the_argument(call, error, words):
    with pytest.raises(error, match=words):
        call()
