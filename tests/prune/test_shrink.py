"""Shrunk models against the full ones under masks: wherever a removed channel is silent the outputs must not change."""

import copy

import pytest
import torch
from torch import nn

from kdtutor.prune import (
    ChannelGroup,
    channel_groups,
    group_masks,
    group_scores,
    keep_channels,
    masked_copy,
    neuron_scores,
    random_mask,
    shrink,
)
from tests.prune.coupled_models import MODELS, Residual, free, random_keeps, settled


@pytest.mark.parametrize(("build", "shape"), MODELS.values(), ids=MODELS)
@pytest.mark.parametrize("sparsity", [0.3, 0.7])
def test_a_shrunk_model_computes_what_the_masked_one_does(build, shape, sparsity, device):
    model, x = settled(build, shape, device)
    groups = channel_groups(model, x)
    keep = random_keeps(groups, sparsity)
    assert keep
    before = copy.deepcopy(model.state_dict())
    masked = masked_copy(model, group_masks(model, keep, groups))
    small = shrink(model, keep, groups)
    torch.testing.assert_close(small(x), masked(x), rtol=1e-9, atol=1e-12)
    assert (masked(x) - model(x)).abs().max() > 1e-3
    assert sum(p.numel() for p in small.parameters()) < sum(p.numel() for p in model.parameters())
    assert list(small.state_dict()) == list(before)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize(("build", "shape"), MODELS.values(), ids=MODELS)
def test_each_group_can_go_alone(build, shape):
    model, x = settled(build, shape)
    groups = channel_groups(model, x)
    for name, group in free(groups).items():
        keep = {name: keep_channels(group_scores(model, group), 0.5)}
        masked = masked_copy(model, group_masks(model, keep, groups))
        torch.testing.assert_close(shrink(model, keep, groups)(x), masked(x), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("build", "shape"), MODELS.values(), ids=MODELS)
def test_shrinking_keeps_every_entry_that_stays_and_trains_on(build, shape):
    model, x = settled(build, shape)
    groups = channel_groups(model, x)
    everything = {name: torch.arange(group.channels) for name, group in free(groups).items()}
    whole = shrink(model, everything, groups)
    assert all(torch.equal(value, model.state_dict()[name]) for name, value in whole.state_dict().items())
    small = shrink(model, random_keeps(groups, 0.5), groups).train()
    small(x).square().sum().backward()
    assert all(parameter.grad is not None for parameter in small.parameters())


def test_internal_channels_go_while_the_stream_stays_as_it_is():
    model, x = settled(Residual, (1, 8, 8))
    groups = channel_groups(model, x)
    small = shrink(model, {"blocks.0.conv1": [0, 2]}, groups)
    assert small.blocks[0].conv1.weight.shape == (2, 6, 3, 3)
    assert small.blocks[0].bn1.num_features == 2
    assert small.blocks[0].conv2.weight.shape == (6, 2, 3, 3)
    assert small.stem[0].weight.shape == model.stem[0].weight.shape


def test_any_writer_s_name_stands_for_its_group():
    model, x = settled(Residual, (1, 8, 8))
    groups = channel_groups(model, x)
    one, other = (shrink(model, {name: [1, 4, 5]}, groups) for name in ("stem.0", "blocks.0.conv2"))
    assert all(torch.equal(p, q) for p, q in zip(one.state_dict().values(), other.state_dict().values(), strict=True))
    assert one.blocks[1].skip[0].in_channels == 3


def test_a_group_s_score_is_the_norm_over_all_its_writers():
    model, x = settled(Residual, (1, 8, 8))
    group = channel_groups(model, x)["stem.0"]
    first, second = (model.get_submodule(name).weight for name in group.writers)
    torch.testing.assert_close(group_scores(model, group), neuron_scores(first) + neuron_scores(second))
    joined = torch.cat([first.flatten(1), second.flatten(1)], 1).norm(dim=1)
    torch.testing.assert_close(group_scores(model, group, "l2"), joined.detach())


def test_a_group_written_by_hand_shrinks_a_model_that_cannot_be_traced():
    class Moody(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Linear(3, 5), nn.Linear(5, 2)

        def forward(self, x):
            return self.second(self.first(x).relu()) if x.sum() > 0 else -self.second(self.first(x).relu())

    model, x = Moody(), torch.ones(2, 3)
    with pytest.raises(ValueError, match=r"cannot be traced by torch.fx .* by hand"):
        channel_groups(model, x)
    groups = {"first": ChannelGroup(5, ("first",), {}, {"second": 1})}
    keep = {"first": random_mask(torch.ones(5), 0.4, torch.Generator().manual_seed(0))}
    torch.testing.assert_close(shrink(model, keep, groups)(x), masked_copy(model, group_masks(model, keep, groups))(x))


def test_a_module_known_under_two_names_is_replaced_under_both():
    model, _ = settled(*MODELS["perceptron"])
    holder = nn.ModuleDict({"net": model})
    holder["again"] = model[0]
    groups = {"net.0": ChannelGroup(9, ("net.0",), {}, {"net.2": 1})}
    small = shrink(holder, {"net.0": [0]}, groups)
    assert small["again"] is small["net"][0]


def test_half_the_channels_of_a_torchvision_resnet_go_with_the_same_outputs_as_under_masks():
    torchvision = pytest.importorskip("torchvision")
    torch.manual_seed(0)
    model = torchvision.models.resnet18(num_classes=10).double().eval()
    x = torch.randn(2, 3, 32, 32, dtype=torch.float64)
    groups = channel_groups(model, x)
    keep = {name: keep_channels(group_scores(model, group), 0.5) for name, group in free(groups).items()}
    small, masked = shrink(model, keep, groups), masked_copy(model, group_masks(model, keep, groups))
    torch.testing.assert_close(small(x), masked(x), rtol=1e-9, atol=1e-12)
    assert sum(p.numel() for p in small.parameters()) < 0.26 * sum(p.numel() for p in model.parameters())


small_net, batch = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 4), nn.Linear(4, 2)), torch.ones(1, 3)
pair = {"0": ChannelGroup(4, ("0", "2"), {}, {"3": 1})}
unscaled = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4, affine=False), nn.Linear(4, 1))
REFUSED = [
    (lambda: shrink(small_net, {"1": [0]}, channel_groups(small_net, batch)), ValueError, "these do: 0, 2, 3"),
    (lambda: shrink(small_net, {"3": [0]}, channel_groups(small_net, batch)), ValueError, "the model's output"),
    (
        lambda: shrink(small_net, {"0": [4]}, channel_groups(small_net, batch)),
        ValueError,
        "the group of 0 needs them",
    ),
    (lambda: shrink(small_net, {"0": [0], "2": [1]}, pair), ValueError, "0, 2 share one stream and keep the same"),
    (lambda: shrink(small_net, [[0]], pair), TypeError, "keep is a list: a dict"),
    (lambda: group_masks(unscaled, {"0": [0]}, channel_groups(unscaled, batch)), ValueError, "1 .* has affine=False"),
    (lambda: group_scores(small_net, ChannelGroup(4, (), {}, {})), ValueError, "group has no writers"),
    (lambda: group_scores(small_net, pair["0"], "l0"), ValueError, "norm is 'l0'"),
]


@pytest.mark.parametrize(("call", "error", "words"), REFUSED)
def test_bad_input_is_refused_in_words_that_name_the_argument(call, error, words):
    with pytest.raises(error, match=words):
        call()
