"""Oracles visit every pair of samples in turn, in plain Python."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from kdtutor.distill import correlation_loss, pkt_loss, similarity_loss

LOSSES = [similarity_loss, correlation_loss, pkt_loss]


def features(rows, width, seed):
    return torch.randn(rows, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


batches = st.builds(
    lambda rows, a, b, seed: (features(rows, a, seed), features(rows, b, seed + 1)),
    st.integers(2, 6),
    st.integers(1, 5),
    st.integers(1, 5),
    st.integers(0, 10**6),
)


def dot(x, y):
    return sum(a * b for a, b in zip(x, y, strict=True))


def similarity_by_hand(x):
    rows = [[dot(a, b) for b in x] for a in x]
    return [[v / math.sqrt(dot(row, row)) for v in row] for row in rows]


def cosine_by_hand(x):
    return [[dot(a, b) / math.sqrt(dot(a, a) * dot(b, b)) for b in x] for a in x]


def kernel_by_hand(x, gamma):
    x = [[v / math.sqrt(dot(a, a)) for v in a] for a in x]
    return [[math.exp(-gamma * math.dist(a, b) ** 2) for b in x] for a in x]


def mean_square(A, B):
    return sum((a - b) ** 2 for x, y in zip(A, B, strict=True) for a, b in zip(x, y, strict=True)) / len(A) ** 2


@given(batches)
def test_similarity_loss_compares_the_rows_of_both_gram_matrices(batch):
    wanted = mean_square(*(similarity_by_hand(x.tolist()) for x in batch))
    assert similarity_loss(*batch).item() == pytest.approx(wanted, rel=1e-7, abs=1e-12)


@given(batches, st.floats(0.05, 1.5))
def test_correlation_loss_compares_gaussian_kernels_and_its_series_tends_to_them(batch, gamma):
    wanted = mean_square(*(kernel_by_hand(x.tolist(), gamma) for x in batch))
    assert correlation_loss(*batch, gamma, None).item() == pytest.approx(wanted, rel=1e-7, abs=1e-12)
    assert correlation_loss(*batch, gamma, 30).item() == pytest.approx(wanted, rel=1e-7, abs=1e-12)


@given(batches, st.integers(1, 5))
def test_correlation_loss_stops_the_series_at_its_order(batch, order):
    gamma = 0.4
    series = [
        [
            [
                sum(math.exp(-2 * gamma) * (2 * gamma * c) ** p / math.factorial(p) for p in range(order + 1))
                for c in row
            ]
            for row in cosine_by_hand(x.tolist())
        ]
        for x in batch
    ]
    assert correlation_loss(*batch, gamma, order).item() == pytest.approx(mean_square(*series), rel=1e-7, abs=1e-12)


@given(batches)
def test_pkt_loss_is_the_divergence_of_the_neighbourhoods_without_oneself(batch):
    def neighbourhoods(x):
        tiny = torch.finfo(torch.float64).eps
        kernel = [[max((1 + c) / 2, tiny) for c in row] for row in cosine_by_hand(x)]
        sums = [sum(row) - row[i] for i, row in enumerate(kernel)]
        return [[k / sums[i] for j, k in enumerate(row) if j != i] for i, row in enumerate(kernel)]

    q, p = (neighbourhoods(x.tolist()) for x in batch)
    rows = [sum(a * math.log(a / b) for a, b in zip(x, y, strict=True)) for x, y in zip(p, q, strict=True)]
    assert pkt_loss(*batch).item() == pytest.approx(sum(rows) / len(rows), rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("loss", LOSSES)
@given(batches, st.floats(0.01, 100), st.integers(0, 99))
def test_relations_are_zero_at_equality_blind_to_scale_rotation_and_the_order_of_samples(loss, batch, scale, seed):
    student, teacher = batch
    width = student.shape[1]
    rotation = torch.linalg.qr(features(width, width, seed))[0]
    order = torch.randperm(len(student), generator=torch.Generator().manual_seed(seed))
    assert abs(loss(scale * student @ rotation, student).item()) < 1e-12
    torch.testing.assert_close(loss(student[order], teacher[order]), loss(student, teacher), rtol=1e-7, atol=1e-12)
    torch.testing.assert_close(loss(scale * student @ rotation, teacher), loss(student, teacher), rtol=1e-7, atol=1e-12)


@pytest.mark.parametrize("loss", LOSSES)
def test_samples_that_are_silent_equal_or_opposite_pass_finite_gradients(loss, device):
    student = torch.tensor([[0.0, 0], [1, 2], [1, 2], [-1, -2]], device=device, requires_grad=True)
    teacher = torch.tensor([[1.0, 2], [-1, -2], [0, 0], [1, 2]], device=device)
    value = loss(student, teacher)
    value.backward()
    assert value.isfinite()
    assert student.grad.isfinite().all()
    assert student.grad[0].abs().max() < 10


@pytest.mark.parametrize("loss", LOSSES)
def test_feature_maps_are_flattened(loss):
    student, teacher = features(4, 12, 0), features(4, 18, 1)
    torch.testing.assert_close(loss(student.view(4, 3, 2, 2), teacher.view(4, 2, 3, 3)), loss(student, teacher))


def test_small_batches_are_exact_or_refused():
    one, two = features(1, 3, 0), features(2, 3, 1)
    assert similarity_loss(one, features(1, 5, 2)).item() == 0
    assert correlation_loss(one, features(1, 5, 2)).item() == pytest.approx(0)
    assert pkt_loss(two, features(2, 5, 2)).item() == 0
    with pytest.raises(ValueError, match="hold 1 sample: this loss needs at least 2"):
        pkt_loss(one, one)


eight = torch.zeros(8, 3)
REFUSED = [
    (
        lambda: similarity_loss(eight, eight[:7]),
        ValueError,
        r"teacher has shape \(7, 3\), student \(8, 3\).*same samples",
    ),
    (lambda: similarity_loss(eight[:0], eight[:0]), ValueError, "0 samples"),
    (lambda: pkt_loss(eight, eight[:, 0]), ValueError, r"teacher has shape \(8,\)"),
    (lambda: pkt_loss(eight.long(), eight), TypeError, "student has dtype int64"),
    (lambda: correlation_loss(eight, eight, 0.0), ValueError, "gamma is 0.0"),
    (lambda: correlation_loss(eight, eight, order=0), ValueError, "order is 0"),
    (lambda: correlation_loss(eight, eight * torch.nan), ValueError, "teacher holds NaN"),
    (lambda: similarity_loss(eight, eight[:, :0]), ValueError, "neither may be empty"),
]


@pytest.mark.parametrize(("call", "error", "words"), REFUSED)
def test_bad_input_is_refused_in_words_that_name_the_argument(call, error, words):
    with pytest.raises(error, match=words):
        call()
