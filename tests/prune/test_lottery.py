"""A ticket has the early weights and the late masks; its controls share one of the two and nothing else."""

import copy

import pytest
import torch
from torch import nn

from kdtutor.prune import (
    iterative_pruning,
    iterative_sparsity,
    magnitude_mask,
    mask_sparsity,
    masks_held,
    prunable_weights,
    random_mask,
    reinitialized,
    rewind,
    snapshot,
)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def network() -> nn.Sequential:
    return nn.Sequential(nn.Linear(4, 12), nn.BatchNorm1d(12), nn.ReLU(), nn.Linear(12, 3))


def train(model, masks, steps=15):
    inputs = torch.randn(64, 4, generator=seeded(1))
    labels = (inputs[:, 0] > 0).long() + (inputs[:, 1] > 0.5).long()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-3)
    with masks_held(model, optimizer, masks):
        for _ in range(steps):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(inputs), labels).backward()
            optimizer.step()


def same(one, other):
    return all(torch.equal(one[name], other[name]) for name in one)


def test_rewinding_brings_back_early_weights_and_buffers_under_the_masks_in_a_new_model():
    model = network()
    train(model, {}, 2)
    early = snapshot(model)
    train(model, {})
    late = copy.deepcopy(model.state_dict())
    assert not same(early, late)
    masks = {name: magnitude_mask(weight, 0.6) for name, weight in prunable_weights(model).items()}
    ticket = rewind(model, early, masks)
    for name, value in ticket.state_dict().items():
        assert torch.equal(value, early[name] * masks[name] if name in masks else early[name])
    assert same(model.state_dict(), late)


def test_a_snapshot_stays_while_the_model_trains_on():
    model = network()
    early = snapshot(model)
    twin = copy.deepcopy(early)
    train(model, {})
    assert same(early, twin)


@pytest.mark.parametrize(
    "build",
    [
        network,
        lambda: nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten(), nn.Linear(16, 2)),
        lambda: nn.TransformerEncoderLayer(8, 2, 16),
    ],
)
def test_reinitialised_weights_are_new_under_the_same_masks_and_come_from_the_generator_alone(build, device):
    model = build().to(device)
    masks = {name: random_mask(weight, 0.5, seeded(3)) for name, weight in prunable_weights(model).items()}
    state, before = torch.random.get_rng_state(), copy.deepcopy(model.state_dict())
    control = reinitialized(model, masks, seeded(5))
    assert torch.equal(state, torch.random.get_rng_state())
    assert same(model.state_dict(), before)
    assert same(control.state_dict(), reinitialized(model, masks, seeded(5)).state_dict())
    assert not same(control.state_dict(), reinitialized(model, masks, seeded(6)).state_dict())
    for name, weight in prunable_weights(control).items():
        assert weight.device.type == device.type
        assert ((weight != 0) == masks[name]).all()
        assert not torch.isin(weight[masks[name]], before[name]).any()


def test_reinitialisation_draws_from_the_layers_own_distribution():
    model = nn.Sequential(nn.Linear(100, 400), nn.BatchNorm1d(400))
    with torch.no_grad():
        model[0].weight.fill_(7.0)
        model[1].running_mean.fill_(7.0)
    control = reinitialized(model, {}, seeded(0))
    assert control[0].weight.abs().max() <= 0.1
    assert control[0].weight.std().item() == pytest.approx(0.1 / 3**0.5, rel=0.02)
    assert (control[1].running_mean == 0).all()


def test_iterative_pruning_with_rewinding_starts_every_round_from_the_early_weights():
    model = network()
    early = snapshot(model)
    sparsities = [iterative_sparsity(k, 0.5) for k in (1, 2, 3)]
    seen = []

    def record(candidate, masks):
        seen.append(copy.deepcopy(candidate.state_dict()))
        train(candidate, masks)

    rounds = list(iterative_pruning(model, record, sparsities))
    assert [one.sparsity for one in rounds] == sparsities
    earlier = None
    for start, one in zip(seen, rounds, strict=True):
        for name, value in start.items():
            assert torch.equal(value, early[name] * earlier[name] if earlier and name in earlier else early[name])
        assert mask_sparsity(one.masks) == round(one.sparsity * 84) / 84
        assert all((one.trained.get_parameter(name)[~earlier[name]] == 0).all() for name in earlier or {})
        if earlier:
            assert not any((one.masks[name] & ~earlier[name]).any() for name in earlier)
        earlier = one.masks
    final = rounds[-1].pruned.state_dict()
    assert same(final, {n: v * earlier[n] if n in earlier else v for n, v in early.items()})
    assert same(model.state_dict(), early)


def test_masks_stay_nested_even_when_training_revives_what_was_removed():
    def careless(candidate, masks):
        with torch.no_grad():
            for name, mask in masks.items():
                candidate.get_parameter(name)[~mask] = 100.0

    first, second = iterative_pruning(network(), careless, [0.3, 0.6])
    assert not any((second.masks[name] & ~first.masks[name]).any() for name in first.masks)


def test_a_parent_module_has_the_last_word_on_its_children_s_weights():
    control = reinitialized(nn.MultiheadAttention(8, 2), {}, seeded(0))
    assert (control.out_proj.bias == 0).all()
    assert control.in_proj_weight.std() > 0


def test_without_rewinding_the_trained_weights_go_on():
    rounds = list(iterative_pruning(network(), train, [0.3, 0.6], rewinding=False))
    for one in rounds:
        trained = one.trained.state_dict()
        expected = {name: value * one.masks[name] if name in one.masks else value for name, value in trained.items()}
        assert same(one.pruned.state_dict(), expected)


def test_masks_of_a_round_take_the_smallest_trained_weights_of_all_layers():
    (one,) = iterative_pruning(network(), train, [0.5])
    flat = torch.cat([weight.flatten() for weight in prunable_weights(one.trained).values()]).abs()
    kept = torch.cat([mask.flatten() for mask in one.masks.values()])
    assert flat[kept].min() > flat[~kept].max()


class Raw(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(3))


model = nn.Sequential(nn.Linear(2, 2))
REFUSED = [
    (lambda: rewind(model, {}, {}), ValueError, "early does not fit the model: .*Missing key"),
    (lambda: rewind(model, snapshot(nn.Sequential(nn.Linear(2, 3))), {}), ValueError, "early does not fit"),
    (lambda: rewind(model, snapshot(model), {"1": torch.ones(2).bool()}), ValueError, "masks names '1'"),
    (lambda: reinitialized(model, {}, 0), TypeError, "generator is a int"),
    (lambda: reinitialized(Raw(), {}, seeded()), ValueError, "the model .Raw. has scale and no reset_parameters"),
    (lambda: iterative_pruning(model, train, [0.5, 0.5, 0.4]), ValueError, "rising fractions of the whole"),
    (lambda: iterative_pruning(model, train, []), ValueError, "rising fractions"),
    (lambda: iterative_pruning(model, train, [20]), ValueError, "sparsities is 20: .* write 0.2"),
]


@pytest.mark.parametrize(("call", "error", "words"), REFUSED)
def test_bad_input_is_refused_in_words_that_name_the_argument(call, error, words):
    with pytest.raises(error, match=words):
        call()
