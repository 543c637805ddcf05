"""One-dimensional k-means against Lloyd's iteration in plain loops, scikit-learn, and the gradient sum by hand."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils import parametrize

from kdtutor.quantize import kmeans_codebook, lookup, share_weights_


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def lloyd_by_hand(values: list[float], centroids: list[float]) -> list[float]:
    for _ in range(200):
        clusters: list[list[float]] = [[] for _ in centroids]
        for value in values:
            distances = [abs(value - c) for c in centroids]
            clusters[distances.index(min(distances))].append(value)
        moved = [sum(c) / len(c) if c else old for c, old in zip(clusters, centroids, strict=True)]
        if moved == centroids:
            break
        centroids = moved
    return centroids


@given(st.integers(0, 10**6), st.integers(1, 4), st.integers(2, 60))
def test_linear_start_and_iteration_agree_with_plain_loops(seed, bits, count):
    weight = normal(count, seed=seed).double()
    codebook, codes = kmeans_codebook(weight, bits)
    low, high = weight.min().item(), weight.max().item()
    start = [low + (high - low) * i / (2**bits - 1) for i in range(2**bits)]
    expected = lloyd_by_hand(weight.tolist(), start)
    torch.testing.assert_close(codebook, torch.tensor(expected, dtype=torch.float64), rtol=1e-9, atol=1e-9)
    distances = (weight[:, None] - codebook).abs()
    torch.testing.assert_close(distances[range(count), codes.long()], distances.amin(1))


@pytest.mark.parametrize("start", ["linear", "density"])
def test_no_single_centroid_can_be_improved_and_scikit_learn_finds_nothing_much_better(start):
    from sklearn.cluster import KMeans

    weight = normal(40, 50)
    codebook, codes = kmeans_codebook(weight, 3, start=start, iterations=1000)
    for entry in range(8):
        members = weight[codes == entry]
        torch.testing.assert_close(codebook[entry], members.mean())
    ours = (lookup(codebook, codes) - weight).square().sum().item()
    theirs = KMeans(8, n_init=10, random_state=0).fit(weight.reshape(-1, 1).numpy()).inertia_
    assert ours <= 1.25 * theirs


def test_more_bits_and_density_leave_less_error(device):
    weight = normal(100, 30).to(device)
    errors = [(lookup(*kmeans_codebook(weight, bits)) - weight).square().mean().item() for bits in range(1, 9)]
    assert errors == sorted(errors, reverse=True)
    assert errors[7] < 1e-3
    codebook, codes = kmeans_codebook(weight, 8)
    assert codebook.shape == (256,)
    assert codebook.device.type == codes.device.type == device.type
    assert codes.dtype == torch.uint8
    assert (codebook.diff() >= 0).all()


def test_up_to_two_to_the_bits_values_are_kept_exactly():
    weight = torch.tensor([[0.5, -1.0], [3.0, 0.5], [-1.0, 3.0]])
    assert torch.equal(lookup(*kmeans_codebook(weight, 2, start="density")), weight)
    constant = torch.full((4,), 0.1)
    assert torch.equal(lookup(*kmeans_codebook(constant, 4)), constant)


@given(st.integers(0, 10**6), st.integers(1, 8), st.floats(0, 1))
def test_pruned_zeros_stay_exactly_zero_and_only_they(seed, bits, sparsity):
    weight = normal(10, 20, seed=seed)
    weight[torch.rand(10, 20, generator=torch.Generator().manual_seed(seed)) < sparsity] = 0
    codebook, codes = kmeans_codebook(weight, bits, keep_zero=True)
    assert codebook.shape == (2**bits,)
    assert codebook[0] == 0
    assert torch.equal(codes == 0, weight == 0)
    assert torch.equal(lookup(codebook, codes) == 0, weight == 0)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_in_half_precision_codes_are_nearest_to_the_stored_centroids(dtype):
    weight = normal(500).to(dtype)
    codebook, codes = kmeans_codebook(weight, 4)
    assert codebook.dtype == dtype
    distances = (weight.double()[:, None] - codebook.double()).abs()
    torch.testing.assert_close(distances[range(500), codes.long()], distances.amin(1))


def test_a_centroid_s_gradient_is_the_sum_over_its_weights(device):
    codebook, codes = kmeans_codebook(normal(6, 7).to(device), 2)
    codebook.requires_grad_()
    upstream = normal(6, 7, seed=1).to(device)
    (lookup(codebook, codes) * upstream).sum().backward()
    for entry in range(4):
        torch.testing.assert_close(codebook.grad[entry], upstream[codes == entry].sum())


@pytest.mark.parametrize("keep_zero", [False, True])
def test_shared_weights_train_as_a_codebook_and_the_zeros_stay(keep_zero):
    layer = nn.Linear(20, 10)
    with torch.no_grad():
        layer.weight[layer.weight.abs() < 0.15] = 0
    zeros = layer.weight == 0
    expected = lookup(*kmeans_codebook(layer.weight, 3, keep_zero=keep_zero))
    codebook = share_weights_(layer, 3, keep_zero=keep_zero)
    assert torch.equal(layer.weight, expected)
    assert {name for name, _ in layer.named_parameters()} == {"bias", "parametrizations.weight.original"}
    optimizer = torch.optim.SGD(layer.parameters(), 0.01, momentum=0.9, weight_decay=0.1)
    x, y = normal(64, 20), normal(64, 10, seed=1)
    losses = []
    for _ in range(20):
        optimizer.zero_grad()
        loss = (layer(x) - y).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
    assert len(layer.weight.unique()) <= 8
    assert not torch.equal(codebook.detach(), expected.unique())
    if keep_zero:
        assert torch.equal(layer.weight == 0, zeros)
    trained = layer.weight.detach().clone()
    parametrize.remove_parametrizations(layer, "weight")
    assert torch.equal(layer.weight, trained)
    assert layer.weight.shape == (10, 20)


def test_a_shared_layer_survives_saving_and_loading():
    first, second = nn.Linear(6, 4), nn.Linear(6, 4)
    share_weights_(first, 2)
    share_weights_(second, 2)
    second.load_state_dict(first.state_dict())
    assert torch.equal(first.weight, second.weight)


REFUSED = [
    (lambda: kmeans_codebook(torch.ones(3).int(), 2), TypeError, "weight has dtype int32"),
    (lambda: kmeans_codebook(torch.zeros(0), 2), ValueError, "at least one value"),
    (lambda: kmeans_codebook(torch.ones(3), 9), ValueError, "bits is 9"),
    (lambda: kmeans_codebook(torch.ones(3), 2, start="random"), ValueError, "start is 'random'"),
    (lambda: kmeans_codebook(torch.ones(3), 2, iterations=-1), ValueError, "iterations is -1"),
    (lambda: kmeans_codebook(torch.tensor([torch.nan]), 2), ValueError, "weight holds NaN"),
    (lambda: kmeans_codebook(torch.tensor([torch.inf]), 2), ValueError, "weight holds infinity"),
    (lambda: lookup(torch.ones(2, 2), torch.zeros(3).int()), ValueError, r"codebook has shape \(2, 2\)"),
    (lambda: lookup(torch.ones(2), torch.zeros(3)), TypeError, "codes has dtype float32"),
]


@pytest.mark.parametrize(("call", "error", "words"), REFUSED)
def test_bad_input_is_refused_in_words_that_name_the_argument(call, error, words):
    with pytest.raises(error, match=words):
        call()
