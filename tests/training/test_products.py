"""Products from the faster library: of float32's full precision, only where they are large, and without a trace."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from kdtutor.models import mlp
from kdtutor.training import Recipe, fit, fit_many, products
from kdtutor.training.products import WORTH, fast_products, keeps_float32, onednn_keeps_float32

CPU = torch.device("cpu")
LARGE = (torch.empty(1, 1).expand(WORTH, 1),)
SETTING = torch.backends.mkldnn.matmul  # type: ignore[attr-defined]


def precision() -> str:
    return str(SETTING.fp32_precision)


@pytest.fixture
def permitted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A processor on which oneDNN keeps float32, whatever this one does."""
    monkeypatch.setattr(products, "onednn_keeps_float32", lambda: True)


@settings(deadline=None, max_examples=60)
@given(
    shape=st.tuples(*[st.integers(1, 300)] * 3),
    students=st.sampled_from([None, 1, 3, 8]),
    transposed=st.booleans(),
    seed=st.integers(0, 2**16),
)
def test_every_product_is_as_near_to_the_exact_one_as_float32_can_be(
    shape: tuple[int, int, int], students: int | None, transposed: bool, seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    M, K, N = shape
    lead = () if students is None else (students,)
    x = torch.randn(*lead, M, K, generator=generator)
    w = torch.randn(*lead, K, N, generator=generator)
    if transposed:
        w = w.mT.contiguous().mT
    exact, magnitudes = x.double() @ w.double(), x.double().abs() @ w.double().abs()
    with fast_products(LARGE, 1, CPU):
        found = x @ w
    # Higham, "Accuracy and Stability of Numerical Algorithms", section 3.1: n roundings err by n eps at most
    assert ((found - exact).abs() <= K * torch.finfo(torch.float32).eps * magnitudes).all()


@pytest.mark.parametrize("digits", [torch.bfloat16, torch.float16])
def test_a_library_that_rounds_its_factors_is_found_out(digits: torch.dtype) -> None:
    assert keeps_float32(torch.matmul)
    assert not keeps_float32(lambda x, y: (x.to(digits) @ y.to(digits)).float())


def test_one_that_rounds_in_batches_alone_is_found_out() -> None:
    assert not keeps_float32(lambda x, y: x @ y if x.ndim == 2 else (x.bfloat16() @ y.bfloat16()).float())


def test_where_onednn_rounds_nothing_is_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(products, "onednn_keeps_float32", lambda: False)
    with fast_products(LARGE, 1, CPU):
        assert precision() == "none"


@pytest.mark.usefixtures("permitted")
def test_only_large_products_on_the_cpu_change_their_library() -> None:
    with fast_products(LARGE, 1, CPU):
        assert precision() == "bf16"
    for parameters, batch_size, device in (
        ((torch.empty(WORTH // 8 - 1),), 8, CPU),
        (LARGE, 1, torch.device("cuda")),
    ):
        with fast_products(parameters, batch_size, device):
            assert precision() == "none"
    with fast_products((torch.empty(WORTH // 8),), 8, CPU):
        assert precision() == "bf16"


@pytest.mark.usefixtures("permitted")
def test_the_setting_is_back_afterwards_also_after_an_error() -> None:
    with fast_products(LARGE, 1, CPU):
        pass
    assert precision() == "none"
    with pytest.raises(KeyError), fast_products(LARGE, 1, CPU):
        raise KeyError
    assert precision() == "none"


@pytest.mark.usefixtures("permitted")
@pytest.mark.parametrize("chosen", ["ieee", "tf32", "bf16"])
def test_a_precision_that_the_caller_chose_stays(chosen: str) -> None:
    SETTING.fp32_precision = chosen
    try:
        with fast_products(LARGE, 1, CPU):
            assert precision() == chosen
        assert precision() == chosen
    finally:
        SETTING.fp32_precision = "none"


def test_asking_the_processor_leaves_no_trace() -> None:
    onednn_keeps_float32.cache_clear()
    onednn_keeps_float32()
    assert precision() == "none"


@pytest.mark.usefixtures("permitted")
def test_fit_and_fit_many_use_it_for_large_models_and_leave_no_trace() -> None:
    generator = torch.Generator().manual_seed(0)
    x, y = torch.rand(256, 64, generator=generator), torch.randint(10, (256,), generator=generator)
    recipe = Recipe(epochs=1, batch_size=256)
    seen: list[str] = []

    def loss(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        seen.append(precision())
        return F.cross_entropy(logits, labels)

    fit(mlp(64, 8, 10, seed=0), x, (y,), loss, recipe, device="cpu")
    fit(mlp(64, 512, 10, seed=0), x, (y,), loss, recipe, device="cpu")
    fit_many([mlp(64, 256, 10, seed=s) for s in range(2)], x, (y,), loss, recipe, seeds=[0, 1], device="cpu")
    assert seen == ["none", "bf16", "bf16"]
    assert precision() == "none"


def test_training_with_it_is_training_without_it_up_to_rounding(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = torch.Generator().manual_seed(0)
    x, y = torch.rand(512, 64, generator=generator), torch.randint(10, (512,), generator=generator)
    recipe = Recipe(epochs=2, batch_size=128, lr=1e-3)

    def trained() -> nn.Module:
        model = mlp(64, 1024, 10, seed=0)
        fit(model, x, (y,), F.cross_entropy, recipe, device="cpu")
        return model

    ours = trained()
    monkeypatch.setattr(products, "WORTH", float("inf"))
    for with_it, without in zip(ours.parameters(), trained().parameters(), strict=True):
        torch.testing.assert_close(with_it, without, rtol=1e-3, atol=1e-4)
