"""The scan against pruning one layer by hand, and the model it must leave untouched."""

import copy

import pytest
import torch
from torch import nn

from kdtutor.prune import (
    layer_magnitude_masks,
    magnitude_mask,
    prunable_weights,
    sensitivity_scan,
    sparsities_from_scan,
)


def network() -> nn.Sequential:
    return nn.Sequential(nn.Linear(3, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Linear(6, 2))


def test_each_entry_is_the_score_with_that_one_weight_pruned(device):
    model, x = network().to(device), torch.randn(5, 3, device=device)

    def score(candidate):
        return candidate.eval()(x).square().sum().item()

    table = sensitivity_scan(model, score, [0.0, 0.5, 1.0])
    assert list(table) == ["0.weight", "3.weight"]
    for name, row in table.items():
        for sparsity, value in row.items():
            by_hand = copy.deepcopy(model)
            weight = by_hand.get_parameter(name)
            with torch.no_grad():
                weight.mul_(magnitude_mask(weight, sparsity))
            assert value == score(by_hand)
    assert table["0.weight"][0.0] == table["3.weight"][0.0] != table["0.weight"][0.5]


def test_the_model_is_untouched_whatever_evaluate_does():
    model = network().train()
    before = copy.deepcopy(model.state_dict())

    def careless(candidate):
        candidate.train()(torch.randn(4, 3))
        with torch.no_grad():
            for parameter in candidate.parameters():
                parameter.fill_(0)
        candidate.eval()
        return 0.0

    sensitivity_scan(model, careless, [0.5])
    assert model.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_layers_and_the_kind_of_mask_can_be_chosen():
    model = network()
    seen = []
    table = sensitivity_scan(
        model,
        lambda candidate: seen.append((candidate[3].weight == 0).float().mean().item()) or 1.0,
        (0.25, 0.75),
        ["3.weight"],
        mask=lambda weight, sparsity: torch.ones_like(weight, dtype=torch.bool),
    )
    assert table == {"3.weight": {0.25: 1.0, 0.75: 1.0}}
    assert seen == [0.0, 0.0]


def test_the_chosen_sparsities_stop_at_the_first_score_below_the_line():
    table = {"a": {0.9: 0.2, 0.1: 0.95, 0.5: 0.9}, "b": {0.1: 0.5, 0.9: 0.99}, "c": {0.5: 0.9, 0.7: float("nan")}}
    chosen = sparsities_from_scan(table, 0.9)
    assert chosen == {"a": 0.5, "b": 0.0, "c": 0.5}


def test_what_is_chosen_from_a_scan_is_what_layer_masks_take():
    model = network()
    table = sensitivity_scan(model, lambda candidate: 1.0, [0.2, 0.5])
    masks = layer_magnitude_masks(prunable_weights(model), sparsities_from_scan(table, 0.5))
    assert {name: int((~mask).sum()) for name, mask in masks.items()} == {"0.weight": 9, "3.weight": 6}


REFUSED = [
    (lambda: sensitivity_scan(network(), len, []), ValueError, "sparsities is empty"),
    (lambda: sensitivity_scan(network(), len, [50]), ValueError, "sparsities is 50: .* write 0.5"),
    (lambda: sensitivity_scan(network(), len, [0.5], ["0"]), ValueError, "layers names '0', .* it has 0.weight"),
    (lambda: sensitivity_scan(network(), len, [0.5], "0.weight"), TypeError, r"layers is the text '0.weight': .*\['0"),
    (lambda: sparsities_from_scan({}, "high"), TypeError, "lowest is a str"),
]


@pytest.mark.parametrize(("call", "error", "words"), REFUSED)
def test_bad_input_is_refused_in_words_that_name_the_argument(call, error, words):
    with pytest.raises(error, match=words):
        call()
