"""Oracles: scikit-learn's KMeans from the same start, explicit loops; laws of Lloyd's algorithm."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.cluster import KMeans

from kdtutor.reduce import k_means, prototypes
from kdtutor.reduce.prototypes import _draw
from tests.reduce.tables import labels, table


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@given(st.integers(8, 40), st.integers(1, 5), st.integers(1, 6), st.integers(0, 10**6))
def test_the_same_start_ends_where_scikit_learn_ends(rows, columns, clusters, seed):
    x = table(rows, columns, seed)
    ours = k_means(x, clusters, start=x[:clusters])
    theirs = KMeans(clusters, init=x[:clusters].numpy(), n_init=1, algorithm="lloyd", tol=0).fit(x.numpy())
    assert ours.assignment.tolist() == theirs.labels_.tolist()
    torch.testing.assert_close(ours.centroids, torch.from_numpy(theirs.cluster_centers_))
    assert ours.inertia.item() == pytest.approx(theirs.inertia_)


@given(st.integers(5, 40), st.integers(1, 4), st.integers(1, 5), st.integers(0, 10**6))
def test_at_the_end_centroids_are_means_and_every_sample_is_with_its_nearest(rows, columns, clusters, seed):
    x = table(rows, columns, seed)
    centroids, assignment, inertia = k_means(x, clusters, generator=seeded(seed))
    for index, centroid in enumerate(centroids):
        torch.testing.assert_close(centroid, x[assignment == index].mean(0))
    distances = [[((row - centroid) ** 2).sum().item() for centroid in centroids] for row in x]
    assert assignment.tolist() == [min(range(clusters), key=row.__getitem__) for row in distances]
    assert inertia.item() == pytest.approx(sum(map(min, distances)), abs=1e-9)


def test_more_rounds_never_cost_more():
    x = table(200, 3, 1)
    costs = [k_means(x, 8, start=x[:8], iterations=rounds).inertia.item() for rounds in range(1, 12)]
    assert costs == sorted(costs, reverse=True)
    assert costs[0] > costs[-1]


def test_a_cluster_that_lost_all_samples_moves_to_the_farthest_one():
    x = torch.tensor([[0.0], [1.0], [10.0], [11.0], [50.0]])
    result = k_means(x, 3, start=torch.tensor([[0.5], [10.5], [1000.0]]))
    assert result.centroids.flatten().tolist() == [0.5, 10.5, 50.0]
    assert result.assignment.tolist() == [0, 0, 1, 1, 2]


def test_fewer_distinct_samples_than_clusters_leave_empty_ones_and_no_error():
    x = torch.tensor([[1.0, 2.0]] * 4 + [[3.0, 4.0]])
    points, y, counts = prototypes(x, torch.tensor([7] * 5), 4, generator=seeded(0))
    assert counts.sum() == 5
    assert sorted(counts.tolist()) == [0, 0, 1, 4]
    assert set(map(tuple, points.tolist())) == {(1.0, 2.0), (3.0, 4.0)}
    assert y.tolist() == [7] * 4


def test_k_means_plus_plus_prefers_far_samples():
    """Twenty tight groups: uniform starts miss a group nearly always, spread ones rarely miss more than two."""
    centres = 100 * torch.arange(20.0)[:, None]
    x = (centres + torch.randn(20, 30, generator=seeded(1))).reshape(-1, 1)
    missed = []
    for seed in range(10):
        start = k_means(x, 20, generator=seeded(seed), iterations=1).centroids
        missed.append(20 - len((start / 100).round().unique()))
    assert max(missed) <= 3
    assert min(missed) == 0


def test_draws_follow_their_weights():
    weights, generator = torch.tensor([0.0, 1.0, 0.0, 3.0, 0.0]), seeded(0)
    counts = torch.stack([_draw(weights, generator) for _ in range(4000)]).bincount(minlength=5)
    assert counts[[0, 2, 4]].sum() == 0
    assert counts[3].item() == pytest.approx(3000, abs=5 * (4000 * 0.25 * 0.75) ** 0.5)


def test_a_seeded_generator_decides_everything_and_torch_s_own_is_left_alone(device):
    x = table(60, 3, 2).to(device)
    state = torch.get_rng_state()
    first, second = (k_means(x, 5, generator=seeded(3)) for _ in range(2))
    assert torch.equal(first.centroids, second.centroids)
    assert torch.equal(torch.get_rng_state(), state)
    assert any(not torch.equal(k_means(x, 5, generator=seeded(s)).centroids, first.centroids) for s in range(4, 8))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_prototypes_follow_device_and_dtype_and_stay_within_their_class(dtype, device):
    x, y = table(60, 4, 3, scale=1.0).to(device, dtype), labels(60, 3, 4).to(device)
    points, targets, counts = prototypes(x, y, 2, generator=seeded(0))
    assert (points.dtype, points.device.type, tuple(points.shape)) == (dtype, device.type, (6, 4))
    assert targets.tolist() == [0, 0, 1, 1, 2, 2]
    assert counts.reshape(3, 2).sum(1).tolist() == y.bincount().tolist()
    for c in range(3):
        mean = (counts[targets == c][:, None] * points[targets == c].double()).sum(0) / (y == c).sum()
        torch.testing.assert_close(mean, x[y == c].double().mean(0), rtol=0.02, atol=0.05)


def test_one_prototype_a_class_is_the_class_mean_and_as_many_as_samples_are_the_samples():
    x, y = table(12, 3, 5), torch.tensor([0, 1, 2] * 4)
    torch.testing.assert_close(prototypes(x, y, 1).x, torch.stack([x[y == c].mean(0) for c in range(3)]))
    all_of_them = prototypes(x, y, 4, generator=seeded(1)).x
    assert sorted(map(tuple, all_of_them.tolist())) == sorted(map(tuple, x.tolist()))


def test_near_neighbours_far_from_the_origin_are_told_apart():
    x = torch.tensor([[1e4], [1e4 + 0.01], [1e4 + 1], [1e4 + 1.01]])
    assert k_means(x, 2, start=x[[0, 2]]).assignment.tolist() == [0, 0, 1, 1]


ten = table(10, 2, 0)
REFUSED = [
    (lambda: k_means(ten, 11), ValueError, "clusters is 11: a whole number from 1 to 10"),
    (lambda: k_means(ten, 2.0), TypeError, "clusters is a float"),
    (lambda: k_means(ten, 2, start=ten[:3]), ValueError, r"start has shape \(3, 2\): \(2, 2\)"),
    (lambda: k_means(ten, 2, generator=0), TypeError, "generator is a int: torch.Generator"),
    (lambda: k_means(ten * torch.inf, 2), ValueError, "x holds NaN or infinity"),
    (lambda: k_means(ten[0], 2), ValueError, r"\(N, D\) is needed"),
    (lambda: prototypes(ten, torch.zeros(10), 1), TypeError, "y is float32"),
    (lambda: prototypes(ten, torch.zeros(9, dtype=torch.int64), 1), ValueError, r"y has shape \(9,\)"),
    (
        lambda: prototypes(ten, torch.tensor([0] * 8 + [5] * 2), 3),
        ValueError,
        r"per_class is 3: a whole number from 1 to 2 is needed \(samples of class 5\)",
    ),
]


@pytest.mark.parametrize(("call", "error", "words"), REFUSED)
def test_bad_input_is_refused_in_words_that_name_the_argument(call, error, words):
    with pytest.raises(error, match=words):
        call()
