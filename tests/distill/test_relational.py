"""Oracles visit every pair and every triplet of samples in turn, in plain Python."""

import itertools
import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from kdtutor.distill import rkd_angle_loss, rkd_distance_loss

LOSSES = [rkd_distance_loss, rkd_angle_loss]


def features(rows, width, seed):
    return torch.randn(rows, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


batches = st.builds(
    lambda rows, a, b, seed: (features(rows, a, seed), features(rows, b, seed + 1)),
    st.integers(3, 6),
    st.integers(1, 5),
    st.integers(1, 5),
    st.integers(0, 10**6),
)


def huber(a, b):
    d = abs(a - b)
    return d * d / 2 if d < 1 else d - 0.5


def distances_by_hand(x):
    pairs = {(i, j): math.dist(x[i], x[j]) for i, j in itertools.permutations(range(len(x)), 2)}
    mean = sum(pairs.values()) / len(pairs)
    return {pair: d / mean for pair, d in pairs.items()}


def angles_by_hand(x):
    def cosine(i, j, k):
        u, v = ([a - b for a, b in zip(x[end], x[j], strict=True)] for end in (i, k))
        return sum(a * b for a, b in zip(u, v, strict=True)) / (math.hypot(*u) * math.hypot(*v))

    return {triplet: cosine(*triplet) for triplet in itertools.permutations(range(len(x)), 3)}


@pytest.mark.parametrize(
    ("loss", "relation"), [(rkd_distance_loss, distances_by_hand), (rkd_angle_loss, angles_by_hand)]
)
@given(batches)
def test_the_loss_is_the_mean_huber_difference_over_all_distinct_pairs_or_triplets(loss, relation, batch):
    student, teacher = (relation(x.tolist()) for x in batch)
    wanted = sum(huber(student[key], teacher[key]) for key in student) / len(student)
    assert loss(*batch).item() == pytest.approx(wanted, rel=1e-7, abs=1e-12)


@pytest.mark.parametrize("loss", LOSSES)
@given(batches, st.floats(0.01, 100), st.integers(0, 99))
def test_relations_are_zero_at_equality_and_blind_to_scale_rotation_and_translation(loss, batch, scale, seed):
    student, teacher = batch
    width = student.shape[1]
    moved = scale * student @ torch.linalg.qr(features(width, width, seed))[0] + features(1, width, seed)
    assert abs(loss(moved, student).item()) < 1e-9
    torch.testing.assert_close(loss(moved, teacher), loss(student, teacher), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("loss", LOSSES)
def test_no_nan_reaches_the_gradient_from_a_sample_against_itself_or_from_equal_samples(loss, device):
    student = torch.tensor([[0.0, 0], [0, 0], [1, 2], [1, 2], [3, -1]], device=device, requires_grad=True)
    teacher = torch.tensor([[1.0, 2], [0, 1], [0, 1], [4, 4], [0, 0]], device=device)
    value = loss(student, teacher)
    value.backward()
    assert value.isfinite()
    assert student.grad.isfinite().all()
    assert student.grad.abs().max() < 10


@pytest.mark.parametrize("loss", LOSSES)
def test_a_batch_of_one_and_the_same_sample_has_a_zero_gradient(loss):
    student = torch.ones(4, 3, requires_grad=True)
    loss(student, features(4, 3, 0).float()).backward()
    assert student.grad.abs().max() == 0


def test_two_samples_have_one_distance_which_is_its_own_mean_and_no_angle():
    student, teacher = features(2, 3, 0).requires_grad_(), features(2, 5, 1)
    loss = rkd_distance_loss(student, teacher)
    loss.backward()
    assert loss.item() == 0
    torch.testing.assert_close(student.grad, torch.zeros_like(student), rtol=0, atol=1e-12)
    with pytest.raises(ValueError, match="hold 2 samples: this loss needs at least 3"):
        rkd_angle_loss(student, teacher)
    with pytest.raises(ValueError, match="hold 1 sample: this loss needs at least 2"):
        rkd_distance_loss(student[:1], teacher[:1])


@pytest.mark.parametrize("loss", LOSSES)
def test_feature_maps_are_flattened(loss):
    student, teacher = features(4, 12, 0), features(4, 18, 1)
    torch.testing.assert_close(loss(student.view(4, 3, 2, 2), teacher.view(4, 2, 3, 3)), loss(student, teacher))


@pytest.mark.parametrize("loss", LOSSES)
def test_bad_input_is_refused_in_words_that_name_the_argument(loss):
    with pytest.raises(ValueError, match=r"teacher has shape \(4, 3\), student \(5, 3\).*the same samples"):
        loss(torch.zeros(5, 3), torch.zeros(4, 3))
    with pytest.raises(ValueError, match="student holds NaN in 15 of 15"):
        loss(torch.full((5, 3), torch.nan), torch.zeros(5, 3))
    with pytest.raises(TypeError, match="teacher is a list"):
        loss(torch.zeros(5, 3), [[0.0]] * 5)
