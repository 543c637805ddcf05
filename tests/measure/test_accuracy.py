"""Accuracy, and the evaluation mode it works in."""

import pytest
import torch
from torch import nn

from kdtutor.data import Split
from kdtutor.measure import accuracy, evaluation_mode
from kdtutor.models import mlp


def test_accuracy_is_the_fraction_counted_one_by_one(device):
    model = mlp(8, 5, 3, seed=0).to(device)
    x, y = torch.randn(101, 8), torch.randint(3, (101,))
    by_hand = sum(
        max(range(3), key=model(sample.unsqueeze(0).to(device))[0].tolist().__getitem__) == label
        for sample, label in zip(x, y.tolist(), strict=True)
    )
    assert accuracy(model, (x, y)) == accuracy(model, Split(x, y)) == accuracy(model, (x, y), 7) == by_hand / 101


def test_every_module_keeps_its_own_mode_also_after_an_error():
    model = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2).eval(), nn.Dropout()).train()
    model[1].eval()
    statistics = model[1].running_mean.clone()
    accuracy(model, (torch.randn(4, 2), torch.zeros(4, dtype=torch.long)))
    with evaluation_mode(model):
        assert not any(module.training for module in model.modules())
    with pytest.raises(ZeroDivisionError), evaluation_mode(model):
        raise ZeroDivisionError
    assert [module.training for module in model.modules()] == [True, True, False, True]
    assert torch.equal(model[1].running_mean, statistics)


def test_dropout_does_not_move_the_result():
    model = nn.Sequential(nn.Dropout(0.9), mlp(8, 5, 3, seed=0)).train()
    data = torch.randn(200, 8), torch.randint(3, (200,))
    assert accuracy(model, data) == accuracy(model, data)


def test_a_model_without_parameters_is_measured_where_its_inputs_are(device):
    logits = torch.eye(4, device=device)
    assert accuracy(nn.Identity(), (logits, torch.arange(4))) == 1.0


def test_no_samples_and_labels_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="data has 0 inputs and 0 labels"):
        accuracy(nn.Identity(), (torch.rand(0, 3), torch.zeros(0)))
    with pytest.raises(ValueError, match="data has 3 inputs and 2 labels"):
        accuracy(nn.Identity(), (torch.rand(3, 3), torch.zeros(2)))
