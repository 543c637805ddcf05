"""Oracles: scikit-learn's chi2, f_classif, mutual_info_score, r_regression; the article's faults must be refused."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_selection import VarianceThreshold, chi2, f_classif, r_regression
from sklearn.metrics import mutual_info_score

from kdtutor.measure import peak_memory
from kdtutor.reduce import (
    binned_entropy,
    chi_square,
    correlation,
    information_gain,
    mutual_information,
    select,
    select_above,
    select_uncorrelated,
    variance,
    variance_ratio,
)
from tests.reduce.tables import labelled, labels, table

cases = st.builds(labelled, st.integers(6, 40), st.integers(2, 6), st.integers(2, 4), st.integers(0, 10**6))
BY_LABEL = [chi_square, variance_ratio, mutual_information, information_gain]


@given(cases)
def test_chi_square_equals_scikit_learn_s(case):
    x, y = case
    x = (x - x.amin(0)).round()
    theirs = np.nan_to_num(chi2(x[:, x.sum(0) > 0].numpy(), y.numpy())[0])
    ours = chi_square(x, y)
    torch.testing.assert_close(ours[x.sum(0) > 0], torch.from_numpy(theirs))
    assert (ours[x.sum(0) == 0] == 0).all()


@given(cases)
def test_variance_ratio_equals_scikit_learn_s_f_statistic(case):
    x, y = case
    torch.testing.assert_close(variance_ratio(x, y)[:-1], torch.from_numpy(f_classif(x[:, :-1].numpy(), y.numpy())[0]))
    assert variance_ratio(x, y)[-1] == 0


def test_variance_ratio_is_infinite_where_a_feature_is_constant_within_each_class():
    y = torch.tensor([0, 1, 2] * 7)
    x = torch.stack([0.1 * y + 0.3, torch.full((21,), 0.1), torch.randn(21)], 1)
    scores = variance_ratio(x, y)
    assert scores[0] == torch.inf
    assert scores[1] == 0
    assert scores[2].isfinite()


@given(cases, st.integers(2, 20))
def test_mutual_information_equals_scikit_learn_s_for_the_same_bins(case, bins):
    x, y = case
    for scores in (mutual_information(x, y, bins), information_gain(x, y, bins)):
        for column, score in zip(x.T.numpy(), scores.tolist(), strict=True):
            edges = np.linspace(column.min(), column.max(), bins + 1)[1:-1]
            cells = np.digitize(column, edges) if column.max() > column.min() else np.zeros(len(column))
            assert score == pytest.approx(mutual_info_score(cells, y.numpy()), abs=1e-9)


def test_a_feature_that_is_the_label_tells_all_of_it_and_a_constant_one_nothing():
    y = labels(50, 3, 0)
    x = torch.stack([y, torch.ones(50)], 1).double()
    shares = y.bincount() / 50
    label_entropy = -(shares * shares.log()).sum().item()
    assert mutual_information(x, y)[0].item() == pytest.approx(label_entropy)
    assert mutual_information(x, y)[1] == 0
    assert binned_entropy(x)[0].item() == pytest.approx(label_entropy)


def test_mutual_information_of_chance_is_high_by_the_bias_the_docstring_gives():
    generator = torch.Generator().manual_seed(0)
    N, bins, C = 2000, 8, 5
    y = torch.randint(C, (N,), generator=generator)
    scores = mutual_information(torch.rand(N, 300, generator=generator), y, bins)
    assert scores.mean().item() == pytest.approx((bins - 1) * (C - 1) / (2 * N), rel=0.05)


@given(cases)
def test_information_is_blind_to_scale_shift_and_names_of_classes(case):
    x, y = case
    for score in (variance_ratio, mutual_information):
        torch.testing.assert_close(score(4 * x + 8, 10 - 3 * y), score(x, y), rtol=1e-6, atol=1e-6)


@given(cases)
def test_variance_equals_scikit_learn_s_and_a_constant_feature_falls_to_threshold_zero(case):
    x, _ = case
    theirs = VarianceThreshold().fit(x.numpy())
    torch.testing.assert_close(variance(x)[:-1], torch.from_numpy(x.numpy().var(0))[:-1])
    assert variance(x)[-1] == 0
    assert set(select_above(variance(x), 0.0).tolist()) == set(range(x.shape[1] - 1))
    assert set(range(x.shape[1] - 1)) <= set(theirs.get_support(indices=True).tolist())


@given(cases, st.integers(0, 10**6))
def test_correlation_equals_scikit_learn_s_and_stays_within_one(case, seed):
    x, _ = case
    target = table(len(x), 2, seed)
    ours = correlation(x, target)
    for k in range(2):
        torch.testing.assert_close(
            ours[:-1, k], torch.from_numpy(r_regression(x[:, :-1].numpy(), target[:, k].numpy()))
        )
        torch.testing.assert_close(ours[:, k], correlation(x, target[:, k]))
    assert (ours[-1] == 0).all()
    torch.testing.assert_close(correlation(x, -3 * x[:, 0])[0].item(), -1.0)


def test_binned_entropy_takes_no_more_memory_for_more_bins():
    x = table(2000, 20, 0)
    few, many = (peak_memory(lambda bins=bins: binned_entropy(x, bins)) for bins in (4, 64))
    assert many <= few + 3 * 8 * 20 * 64


@given(cases, st.integers(2, 20))
def test_binned_entropy_lies_between_zero_and_log_of_the_bins(case, bins):
    entropies = binned_entropy(case[0], bins)
    assert (entropies >= 0).all()
    assert (entropies <= math.log(bins) + 1e-12).all()
    assert entropies[-1] == 0


@given(st.lists(st.sampled_from([0.0, 1.0, 2.0, math.inf]), min_size=1, max_size=8), st.data())
def test_select_takes_the_highest_and_of_equals_the_earliest(scores, data):
    k = data.draw(st.integers(1, len(scores)))
    wanted = sorted(sorted(range(len(scores)), key=lambda i: (-scores[i], i))[:k])
    assert select(torch.tensor(scores), k).tolist() == wanted


def test_among_thousands_of_equal_scores_the_earliest_win():
    scores = torch.arange(5000) % 3 == 1
    assert select(scores.float(), 10).tolist() == [3 * i + 1 for i in range(10)]


def test_select_uncorrelated_skips_copies_and_their_negatives():
    x = table(40, 3, 1)
    x = torch.cat([x, -2 * x[:, :1] + 1, x[:, 1:2]], 1)
    scores = torch.tensor([3.0, 2.0, 1.0, 4.0, 2.5])
    assert select_uncorrelated(x, scores, 3, limit=0.999).tolist() == [2, 3, 4]
    assert select_uncorrelated(x, scores, 5, limit=0.999).tolist() == [2, 3, 4]
    assert select_uncorrelated(x, scores, 2, limit=1.0).tolist() == [0, 3]


@pytest.mark.parametrize("score", BY_LABEL)
def test_labels_that_are_all_alike_are_refused_as_the_article_s_all_zero_ones(score):
    with pytest.raises(ValueError, match=r"all 5 labels in y are 0: scores .* carry no information"):
        score(torch.rand(5, 3), torch.zeros(5, dtype=torch.int64))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
@pytest.mark.parametrize("score", BY_LABEL)
def test_scores_follow_device_and_dtype_and_carry_no_gradient(score, dtype, device):
    x, y = labelled(40, 4, 3, 5)
    x = x.abs().to(device, dtype).requires_grad_()
    ours = score(x, y.to(device))
    assert (ours.dtype, ours.device.type, ours.shape, ours.requires_grad) == (dtype, device.type, (4,), False)
    exact = score(x.detach().double().cpu(), y)
    torch.testing.assert_close(ours.double().cpu(), exact, rtol=4 * torch.finfo(dtype).eps, atol=1e-3)


@pytest.mark.parametrize("score", [variance_ratio, mutual_information])
def test_values_of_ten_thousand_in_half_precision_score_as_they_do_exactly(score, device):
    x, y = labelled(40, 4, 3, 6)
    x = (1e4 * x / x.abs().amax(0)).to(device, torch.float16)
    torch.testing.assert_close(score(x, y.to(device)).double().cpu(), score(x.double().cpu(), y), rtol=1e-3, atol=1e-3)


x, y = torch.rand(6, 3), torch.tensor([0, 1] * 3)
REFUSED = [
    (lambda: chi_square(x - 1, y), ValueError, "counts or intensities >= 0"),
    (lambda: chi_square(x, y.float()), TypeError, "y is float32: an integer tensor of class indices"),
    (lambda: chi_square(x, y[:5]), ValueError, r"y has shape \(5,\), x \(6, 3\)"),
    (lambda: chi_square(x * torch.nan, y), ValueError, "x holds NaN"),
    (lambda: variance_ratio(x[:2], y[:2]), ValueError, "2 classes for 2 samples"),
    (lambda: mutual_information(x, y, 1), ValueError, "bins is 1"),
    (lambda: mutual_information(x, y.bool()), TypeError, "y is bool"),
    (lambda: correlation(x, y), TypeError, "target has dtype int64"),
    (lambda: correlation(x, torch.rand(5)), ValueError, r"target has shape \(5,\)"),
    (lambda: correlation(x[:1], torch.rand(1)), ValueError, "N >= 2"),
    (lambda: variance(x.long()), TypeError, "x has dtype int64"),
    (lambda: select(torch.tensor([1.0, torch.nan]), 1), ValueError, "scores holds NaN in 1 of 2"),
    (lambda: select(torch.rand(3), 4), ValueError, "k is 4: a whole number from 1 to 3"),
    (lambda: select(torch.rand(3, 2), 1), ValueError, r"scores has shape \(3, 2\)"),
    (lambda: select_uncorrelated(x, torch.rand(2), 1), ValueError, "one score a column of x"),
    (lambda: select_uncorrelated(x, torch.rand(3), 1, limit=2.0), ValueError, "limit is 2.0"),
]


@pytest.mark.parametrize(("call", "error", "words"), REFUSED)
def test_bad_input_is_refused_in_words_that_name_the_argument(call, error, words):
    with pytest.raises(error, match=words):
        call()
