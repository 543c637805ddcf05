"""Oracle: scikit-learn's PCA, and the eigenvectors of the covariance; laws of the best linear approximation."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.decomposition import PCA

from kdtutor.reduce import principal_components
from tests.reduce.tables import table

tables = st.builds(table, st.integers(2, 20), st.integers(1, 7), st.integers(0, 10**6))


@given(tables, st.data())
def test_mean_components_and_variances_equal_scikit_learn_s(x, data):
    k = data.draw(st.integers(1, min(x.shape[0] - 1, x.shape[1])))
    ours, theirs = principal_components(x, k), PCA(k, svd_solver="full").fit(x.numpy())
    torch.testing.assert_close(ours.mean, torch.from_numpy(theirs.mean_))
    torch.testing.assert_close(ours.explained_variance, torch.from_numpy(theirs.explained_variance_))
    torch.testing.assert_close(ours.components, torch.from_numpy(theirs.components_), rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(ours.transform(x), torch.from_numpy(theirs.transform(x.numpy())), rtol=1e-6, atol=1e-6)


def test_components_are_eigenvectors_of_the_covariance_and_orthonormal():
    x = table(50, 6, 1)
    mean, components, variance = principal_components(x, 4)
    covariance = sum(torch.outer(row - mean, row - mean) for row in x) / (len(x) - 1)
    torch.testing.assert_close(components @ covariance, variance[:, None] * components)
    torch.testing.assert_close(components @ components.T, torch.eye(4, dtype=torch.float64))


@given(tables, st.data())
def test_what_is_lost_is_the_variance_left_out(x, data):
    k = data.draw(st.integers(1, min(x.shape)))
    pca = principal_components(x, k)
    lost = (x - pca.inverse(pca.transform(x))).square().sum()
    left_out = x.var(0).sum() - pca.explained_variance.sum()
    torch.testing.assert_close(lost, (len(x) - 1) * left_out, rtol=1e-6, atol=1e-6)


def test_random_directions_lose_more_than_the_principal_ones():
    x = table(40, 8, 2)
    pca = principal_components(x, 3)
    ours = (x - pca.inverse(pca.transform(x))).square().sum()
    centred = x - x.mean(0)
    for seed in range(20):
        q, _ = torch.linalg.qr(torch.randn(8, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64))
        assert (centred - centred @ q @ q.T).square().sum() > ours


@given(tables, st.data())
def test_signs_are_fixed_by_the_entry_of_largest_size(x, data):
    k = data.draw(st.integers(1, min(x.shape)))
    components = principal_components(x, k).components
    assert (components.gather(1, components.abs().argmax(1, keepdim=True)) > 0).all()


def test_all_components_reconstruct_the_data():
    x = table(9, 4, 3)
    pca = principal_components(x, 4)
    torch.testing.assert_close(pca.inverse(pca.transform(x)), x)
    torch.testing.assert_close(pca.inverse(pca.transform(x[0])), x[0])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_device_and_dtype_are_followed(dtype, device):
    x = table(30, 5, 4, scale=1.0).to(device, dtype)
    pca = principal_components(x, 2)
    exact = principal_components(x.double().cpu(), 2)
    for ours, wanted in zip((*pca, pca.transform(x)), (*exact, exact.transform(x.double().cpu())), strict=True):
        assert (ours.dtype, ours.device.type) == (dtype, device.type)
        eps = torch.finfo(dtype).eps
        torch.testing.assert_close(ours.double().cpu(), wanted, rtol=8 * eps, atol=40 * eps)


def test_data_of_ten_thousand_far_from_the_origin_keep_their_directions():
    x = table(30, 4, 5)
    near, far = principal_components(x, 2), principal_components((x + 1e4).float(), 2)
    torch.testing.assert_close(far.components.double(), near.components, rtol=1e-2, atol=1e-3)


def test_the_fit_is_outside_the_graph_and_transform_inside():
    x = table(8, 3, 6).requires_grad_()
    pca = principal_components(x, 2)
    assert not any(part.requires_grad for part in pca)
    pca.transform(x).sum().backward()
    torch.testing.assert_close(x.grad, pca.components.sum(0).expand(8, 3))


def test_constant_data_have_no_variance():
    pca = principal_components(torch.full((5, 3), 0.1), 2)
    torch.testing.assert_close(pca.explained_variance, torch.zeros(2))
    torch.testing.assert_close(pca.components @ pca.components.T, torch.eye(2))


REFUSED = [
    (lambda: principal_components(torch.ones(4, 3, dtype=torch.uint8), 1), TypeError, "x has dtype uint8.*x.float()"),
    (lambda: principal_components([[1.0]], 1), TypeError, "x is a list"),
    (lambda: principal_components(torch.ones(2, 1, 4, 4), 1), ValueError, r"\(2, 1, 4, 4\).*x.flatten\(1\)"),
    (lambda: principal_components(torch.ones(1, 3), 1), ValueError, "N >= 2"),
    (lambda: principal_components(torch.ones(4, 3), 4), ValueError, "k is 4: a whole number from 1 to 3"),
    (lambda: principal_components(torch.ones(4, 3), 0), ValueError, "k is 0"),
    (lambda: principal_components(torch.ones(4, 3), 0.95), TypeError, "k is a float"),
    (
        lambda: principal_components(torch.tensor([[1.0], [torch.nan]]), 1),
        ValueError,
        "x holds NaN or infinity in 1 of 2",
    ),
    (lambda: principal_components(table(4, 3, 0), 2).transform(torch.ones(4, 2)), ValueError, r"\(..., 3\) is needed"),
    (lambda: principal_components(table(4, 3, 0), 2).inverse(torch.ones(4, 3)), ValueError, "coordinates has shape"),
]


@pytest.mark.parametrize(("call", "error", "words"), REFUSED)
def test_bad_input_is_refused_in_words_that_name_the_argument(call, error, words):
    with pytest.raises(error, match=words):
        call()
