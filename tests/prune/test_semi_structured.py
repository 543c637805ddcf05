"""2:4 execution against the dense product where there is a GPU for it, and plain words where there is none."""

import pytest
import torch
from torch import nn

from kdtutor.prune import apply_masks_, n_m_mask, semi_structured_obstacle, to_semi_structured


def pruned(outputs: int, inputs: int, dtype: torch.dtype, device: str) -> nn.Linear:
    linear = nn.Linear(inputs, outputs).to(device, dtype)
    apply_masks_(linear, {"weight": n_m_mask(linear.weight)})
    return linear


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize(
    ("outputs", "inputs", "rows"), [(128, 128, 64), (256, 512, 16), (1024, 1024, 2048), (64, 64, 1)]
)
def test_2_4_execution_gives_the_dense_product(dtype, outputs, inputs, rows):
    obstacle = semi_structured_obstacle("cuda")
    if obstacle is not None:
        pytest.skip(obstacle)
    linear = pruned(outputs, inputs, dtype, "cuda")
    x = torch.randn(rows, inputs, dtype=dtype, device="cuda")
    sparse = to_semi_structured(linear)
    with torch.no_grad():
        dense = linear.double()(x.double())
        torch.testing.assert_close(sparse(x).double(), dense, rtol=2e-2, atol=2e-2)
    assert isinstance(sparse.weight, torch.sparse.SparseSemiStructuredTensor)


@pytest.mark.gpu
@pytest.mark.parametrize(
    ("linear", "words"),
    [
        (lambda: nn.Linear(64, 64).cuda().half(), "weight is not 2:4 sparse: apply n_m_mask"),
        (lambda: pruned(64, 64, torch.float32, "cuda"), "linear has dtype float32: float16 or bfloat16"),
        (lambda: pruned(48, 64, torch.float16, "cuda"), r"weight has shape \(48, 64\): multiples of \(32, 64\)"),
    ],
)
def test_a_gpu_refuses_other_patterns_types_and_shapes(linear, words):
    obstacle = semi_structured_obstacle("cuda")
    if obstacle is not None:
        pytest.skip(obstacle)
    with pytest.raises(ValueError, match=words):
        to_semi_structured(linear())


def test_a_cpu_is_refused_in_words_and_never_falls_back_to_dense():
    assert "an NVIDIA GPU of the Ampere generation or later is needed" in semi_structured_obstacle("cpu")
    with pytest.raises(ValueError, match="2:4 weights cannot be computed with: cpu has no units for 2:4 sparsity"):
        to_semi_structured(pruned(64, 64, torch.float16, "cpu"))


def test_a_machine_without_a_gpu_says_so(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert semi_structured_obstacle("cuda") == "no NVIDIA GPU is available here"


@pytest.mark.parametrize(
    ("capability", "library", "words"),
    [
        ((7, 5), True, r"Old has compute capability 7.5: 8.0 \(Ampere\) or later"),
        ((9, 0), False, "built without cuSPARSELt"),
        ((8, 0), True, None),
        ((9, 0), True, None),
    ],
)
def test_the_obstacle_is_the_gpu_s_generation_or_the_missing_library(monkeypatch, capability, library, words):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "Old")
    monkeypatch.setattr(torch.backends.cusparselt, "is_available", lambda: library)
    obstacle = semi_structured_obstacle("cuda")
    if words is None:
        assert obstacle is None
    else:
        with pytest.raises(ValueError, match=words):
            raise ValueError(obstacle)


def test_other_modules_are_refused():
    with pytest.raises(TypeError, match="linear is a Conv2d: a Linear is needed"):
        to_semi_structured(nn.Conv2d(1, 1, 1))
