"""A run of many trainings epoch by epoch, ended, closed or diverged: each model is left with memory of its own."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from kdtutor.training import Recipe, epochs_of_many, fit_many
from tests.training.small_students import RECIPE, data, small_mlp, small_residual, students


def test_afterwards_each_model_owns_its_memory_and_is_in_evaluation_mode():
    x, _, y = data()
    models = students(small_residual)
    histories = fit_many(models, x, (y,), F.cross_entropy, RECIPE, seeds=range(3), device="cpu")
    tensors = [tensor for model in models for tensor in (*model.parameters(), *model.buffers())]
    assert all(tensor.untyped_storage().nbytes() == tensor.nbytes for tensor in tensors)
    assert len({tensor.data_ptr() for tensor in tensors}) == len(tensors)
    assert not any(model.training for model in models)
    assert all(history.seconds > 0 for history in histories)
    assert all(parameter.is_leaf and parameter.grad is None for model in models for parameter in model.parameters())


def test_a_student_that_diverges_is_named_and_the_models_keep_their_own_memory():
    x, _, y = data()
    models = students(small_mlp)
    losses = [F.cross_entropy, F.cross_entropy, lambda out, y: F.cross_entropy(out, y) * torch.nan]
    with pytest.raises(FloatingPointError, match=r"the loss of student 2 \(seed 12\) of epoch 1 is nan"):
        fit_many(models, x, (y,), losses, RECIPE, seeds=(10, 11, 12), device="cpu")
    assert all(p.untyped_storage().nbytes() == p.nbytes for model in models for p in model.parameters())


def test_epoch_by_epoch_gives_what_one_run_gives_whatever_happens_in_between() -> None:
    x, y = torch.randn(60, 4), torch.randint(3, (60,))
    recipe = Recipe(epochs=3, batch_size=16)

    def students() -> list[nn.Module]:
        with torch.random.fork_rng():
            torch.manual_seed(1)
            return [nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5), nn.Linear(8, 3)) for _ in range(2)]

    whole, in_parts = students(), students()
    fit_many(whole, x, (y,), F.cross_entropy, recipe, seeds=(3, 4))
    before = torch.get_rng_state()
    lengths = []
    for histories in epochs_of_many(in_parts, x, (y,), F.cross_entropy, recipe, seeds=(3, 4)):
        lengths.append([len(history.losses) for history in histories])
        assert torch.equal(torch.get_rng_state(), before), "the caller's generator moved"
        torch.rand(7)
        before = torch.get_rng_state()
    assert lengths == [[1, 1], [2, 2], [3, 3]]
    for one, other in zip(whole, in_parts, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


def test_a_closed_run_leaves_the_models_with_memory_of_their_own() -> None:
    x, y = torch.randn(60, 4), torch.randint(3, (60,))
    models = [nn.Linear(4, 3) for _ in range(2)]
    run = epochs_of_many(models, x, (y,), F.cross_entropy, Recipe(epochs=5), seeds=(0, 1))
    next(run)
    assert models[0].weight.untyped_storage().data_ptr() == models[1].weight.untyped_storage().data_ptr()
    run.close()
    assert models[0].weight.untyped_storage().data_ptr() != models[1].weight.untyped_storage().data_ptr()
