"""Oracle: scikit-learn's RFE around a ridge regression; the scores of a fit are solved here in closed form."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_selection import RFE
from sklearn.linear_model import Ridge

from kdtutor.reduce import recursive_elimination
from tests.reduce.tables import table


def ridge_scores(x, y):
    """Squared weights of ridge regression with λ = 1."""
    x, y = x - x.mean(0), y - y.mean()
    return torch.linalg.solve(x.T @ x + torch.eye(x.shape[1], dtype=x.dtype), x.T @ y) ** 2


@given(st.integers(2, 8), st.sampled_from([1, 2, 3, 0.3, 0.5]), st.integers(0, 10**6), st.data())
def test_kept_features_and_ranking_equal_scikit_learn_s(features, step, seed, data):
    k = data.draw(st.integers(1, features))
    x, y = table(30, features, seed), table(30, 1, seed + 1)[:, 0]
    theirs = RFE(Ridge(alpha=1.0), n_features_to_select=k, step=step).fit(x.numpy(), y.numpy())
    ours = recursive_elimination(ridge_scores, x, y, k, step)
    assert ours.kept.tolist() == theirs.get_support(indices=True).tolist()
    assert ours.ranking.tolist() == theirs.ranking_.tolist()


def test_of_two_copies_one_survives_and_noise_goes_first():
    noise = table(60, 2, 1, scale=0.1)
    a, b = table(60, 2, 2).T
    x = torch.stack([a, noise[:, 0], a, b, noise[:, 1]], 1)
    kept, ranking = recursive_elimination(ridge_scores, x, a + b, 2)
    assert 3 in kept
    assert len({0, 2} & set(kept.tolist())) == 1
    assert ranking[kept].tolist() == [1, 1]


def test_of_equal_scores_the_later_feature_goes_first():
    kept, ranking = recursive_elimination(lambda x, y: torch.ones(x.shape[1]), torch.rand(3, 5), torch.rand(3), 2)
    assert kept.tolist() == [0, 1]
    assert ranking.tolist() == [1, 1, 2, 3, 4]


def test_every_round_fits_on_what_remains_and_the_last_removes_no_more_than_needed(device):
    seen = []

    def scores(x, y):
        seen.append(x.shape[1])
        return x.abs().sum(0)

    result = recursive_elimination(scores, torch.rand(4, 10, device=device), torch.rand(4), 3, step=4)
    assert seen == [10, 6]
    assert len(result.kept) == 3
    assert result.kept.device.type == device.type


def test_keeping_all_features_needs_no_fit():
    assert recursive_elimination(lambda x, y: 1 / 0, torch.rand(3, 4), None, 4).kept.tolist() == [0, 1, 2, 3]


x, y = torch.rand(6, 3), torch.rand(6)
REFUSED = [
    (lambda: recursive_elimination(ridge_scores, x, y, 4), ValueError, r"k is 4: .* \(x has 3 features\)"),
    (lambda: recursive_elimination(ridge_scores, x, y, 1, 0), ValueError, "step is 0"),
    (lambda: recursive_elimination(ridge_scores, x, y, 1, 1.5), ValueError, "step is 1.5"),
    (lambda: recursive_elimination(torch.rand(3), x, y, 1), TypeError, "fit_scores is a Tensor"),
    (lambda: recursive_elimination(lambda x, y: torch.rand(2), x, y, 1), ValueError, r"returned shape \(2,\) for 3"),
    (lambda: recursive_elimination(lambda x, y: [1, 2, 3], x, y, 1), TypeError, "what fit_scores returned is a list"),
    (lambda: recursive_elimination(lambda x, y: x[0] * torch.nan, x, y, 1), ValueError, "returned holds NaN in 3 of 3"),
]


@pytest.mark.parametrize(("call", "error", "words"), REFUSED)
def test_bad_input_is_refused_in_words_that_name_the_argument(call, error, words):
    with pytest.raises(error, match=words):
        call()
