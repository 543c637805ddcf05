"""Ours and the rivals do the same work, so that comparing them means something."""

import math
import shutil
from copy import deepcopy
from importlib import metadata

import pytest
import torch

from kdtutor import bench, data
from kdtutor.bench import Case, Setting, distillation, pruning, rivals, storage
from kdtutor.bench.common_loop import batches_of, common_epoch, common_kd_loss
from kdtutor.bench.losses import chunked_memory
from kdtutor.bench.networks import batch, network
from kdtutor.bench.suite import measure
from kdtutor.distill import cache_logits
from kdtutor.models import lenet_300_100, mlp
from kdtutor.prune import group_masks, mask_sparsity, masked_copy, shrink
from kdtutor.training import Recipe, fit

ON_GPUS = [case for case in bench.cases("cuda") if "cpu" not in case.devices]


def test_the_common_loss_is_the_loss_of_the_equation() -> None:
    z_s, z_t = torch.randn(5, 7, dtype=torch.float64), torch.randn(5, 7, dtype=torch.float64)
    p_s, p_t = ((z / 3).exp() / (z / 3).exp().sum(1, keepdim=True) for z in (z_s, z_t))
    by_hand = 9 * sum(p_t[n, c] * (p_t[n, c] / p_s[n, c]).log() for n in range(5) for c in range(7)) / 5
    torch.testing.assert_close(common_kd_loss(z_s, z_t, 3.0), by_hand)


def test_the_common_loop_and_the_cached_step_train_alike() -> None:
    # One batch holds all samples, so that the order in which the two shuffle them does not matter.
    x, y = torch.rand(96, 1, 6, 6), torch.randint(10, (96,))
    teacher, student = mlp(36, 20, 10, seed=0), mlp(36, 12, 10, seed=1)
    theirs, ours = deepcopy(student), deepcopy(student)
    optimizer = torch.optim.AdamW(theirs.parameters(), lr=1e-3, weight_decay=0.0)
    for _ in range(3):
        common_epoch(theirs, teacher, batches_of(x, y, 96), optimizer, distillation.T, distillation.ALPHA)
    cache = cache_logits(teacher, x, dtype=torch.float32)
    recipe = Recipe(epochs=3, batch_size=96, lr=1e-3, schedule="constant")
    loss = distillation.distillation_loss
    fit(ours, x, (cache.logits[:, 0], y), lambda *z: loss(*z, distillation.T, distillation.ALPHA), recipe, device="cpu")
    moved = float((ours[1].weight - student[1].weight).detach().abs().max())
    assert moved > 1e-3
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(mine, other, rtol=0, atol=0.01 * moved)


def test_the_common_loop_runs_backward_through_the_teacher() -> None:
    """What makes it slow is what makes it common: nobody told the teacher that it does not learn."""
    teacher, student = mlp(36, 20, 10, seed=0), mlp(36, 12, 10, seed=1)
    before = deepcopy(teacher.state_dict())
    optimizer = torch.optim.AdamW(student.parameters())
    loader = batches_of(torch.rand(32, 36), torch.randint(10, (32,)), 16)
    common_epoch(student, teacher, loader, optimizer, 4.0, 0.9)
    assert all(p.grad is not None for p in teacher.parameters())
    assert all(torch.equal(before[name], value) for name, value in teacher.state_dict().items())


def test_half_the_neurons_are_really_gone(setting: Setting) -> None:
    model, x = network(setting), batch(setting, 4)
    groups, keep = pruning.half_kept(model, x)
    small, silenced = shrink(model, keep, groups), masked_copy(model, group_masks(model, keep, groups))
    hidden = [layer.out_features for layer in model if isinstance(layer, torch.nn.Linear)][:-1]
    left = [layer.out_features for layer in small.modules() if isinstance(layer, torch.nn.Linear)][:-1]
    assert left == [width // 2 for width in hidden]
    torch.testing.assert_close(small(x), silenced(x))
    assert not torch.allclose(small(x), model(x))


def test_the_pruning_of_the_stored_network_ends_at_its_sparsity_and_stays_there() -> None:
    model = lenet_300_100(36, 256, seed=0)
    hold = storage._Pruning(model, steps=100)
    counts = []
    for _ in range(100):
        hold(model)
        counts.append(sum(int((w != 0).sum()) for w in hold.weights.values()))
    assert counts == sorted(counts, reverse=True)
    assert len(set(counts[70:])) == 1
    assert mask_sparsity(hold.masks) == pytest.approx(storage.SPARSITY, abs=1e-5)


def test_the_file_is_judged_with_what_it_decodes_to(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    found = storage.deep_compression(setting)
    assert found.unit == "kB"
    assert found.ratio.median == pytest.approx(found.ours / found.rival)
    size = sum(4 * p.numel() for p in lenet_300_100(36, 256).parameters()) / 1e3
    assert size < found.rival < size + 1
    assert found.condition is not None
    assert math.isfinite(found.condition.value)


def test_a_file_that_decodes_to_other_bits_is_a_failed_row(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    real = storage.read_artifact

    def careless(path: object) -> dict[str, object]:
        entries = real(path)
        return entries | {"1.bias": storage.RawTensor(entries["1.bias"].values + 1)}

    monkeypatch.setattr(storage, "read_artifact", careless)
    row = measure(storage.CASES[0], setting)
    assert row.verdict == "failed"
    assert "1.bias came back from the artifact with other bits" in row.reason


def test_the_data_of_the_rehearsal_is_cut_and_the_real_one_is_left_alone(setting: Setting) -> None:
    storage.deep_compression(setting)
    assert len(data.load("glyphs").train) == 8000


def test_an_int8_network_that_answers_otherwise_is_a_failed_row(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    from kdtutor.bench import quantization

    wrong = mlp(64, 48, 48, 10, seed=99)
    monkeypatch.setattr(quantization, "to_int8", lambda model, ranges: wrong)
    row = measure(quantization.CASES[0], setting)
    assert row.verdict == "failed"
    assert "the int8 network's answer differs" in row.reason


def test_memory_is_compared_beyond_what_is_held(setting: Setting) -> None:
    found = chunked_memory(setting)
    # Logits of 50 tokens and 500 words in float32, and the gradients of hidden states (50, 16) and head (500, 16).
    gradients = 4 * (50 * 16 + 500 * 16) / 1e6
    assert found.limit == pytest.approx(gradients)
    assert found.rival > 2 * 4 * 50 * 500 / 1e6 + gradients


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in ON_GPUS if "compiled" not in case.name])
def test_what_only_a_gpu_is_asked_runs_here_or_says_what_it_lacks(case: Case, setting: Setting) -> None:
    row = measure(case, setting)
    assert row.verdict in ("rehearsed", "not available"), row.reason
    if row.verdict == "not available":
        assert "NVIDIA GPU" in row.reason
        assert row.ours is None


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler on the CPU")
def test_the_compiled_loss_runs_here_too(setting: Setting) -> None:
    (case,) = [case for case in ON_GPUS if case.name.endswith("16384 × 32768, float32, compiled")]
    assert case.targets == {"cuda": 1.25}
    assert measure(case, setting).verdict == "rehearsed"


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in rivals.CASES])
def test_a_rival_that_is_not_there_is_named_with_how_to_get_it(
    case: Case, setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", absent)
    row = measure(case, setting)
    assert row.verdict == "not installed"
    assert "is not installed: pip install" in row.reason
