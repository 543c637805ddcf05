"""A network comes back from its state dict, of any widths, and nothing else does."""

import pytest
import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from kdtutor import models, prune

X = torch.rand(3, 1, 16, 16, generator=torch.Generator().manual_seed(0))


def trained_a_little(net):
    net.train()(X)  # moves BatchNorm's statistics
    return net.eval()


def folded(net):
    for place in (0, 4):
        net[place], net[place + 1] = fuse_conv_bn_eval(net[place], net[place + 1]), nn.Identity()
    return net


def narrower(net):
    keep = {
        name: torch.arange(group.channels // 2)
        for name, group in prune.channel_groups(net, X).items()
        if not group.fixed
    }
    return prune.shrink(net, keep, {n: g for n, g in prune.channel_groups(net, X).items() if not g.fixed})


@pytest.mark.parametrize(
    "net",
    [
        models.mlp(256, 7, 36, seed=0),
        models.mlp(256, 36, seed=0),
        models.mlp(256, 5, 6, 36, seed=0),
        trained_a_little(models.cnn(4, seed=0)),
        folded(trained_a_little(models.cnn(4, seed=0))),
        narrower(trained_a_little(models.cnn(4, seed=0))),
    ],
)
def test_it_answers_as_the_network_whose_state_it_was(net):
    net.eval()
    with torch.no_grad():
        assert torch.equal(models.from_state(net.state_dict())(X), net(X))


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({}, "'1.weight' is missing"),
        ({"1.weight": torch.zeros(3)}, "2 axes"),
        ({"1.weight": torch.zeros(3, 0)}, "none of them empty"),
        ({"1.weight": torch.zeros(3, 4)}, "'1.bias' is missing"),
        ({"1.weight": torch.zeros(3, 4), "1.bias": torch.zeros(4)}, "(3,) is needed"),
        ({"1.weight": torch.full((3, 4), torch.inf), "1.bias": torch.zeros(3)}, "no finite number"),
        ({"1.weight": torch.zeros(3, 4), "1.bias": torch.zeros(3), "7.bias": torch.zeros(1)}, "belongs to no layer"),
        ({"0.weight": torch.zeros(2, 1, 4, 4)}, "kernels"),
        ({"0.weight": torch.zeros(2, 1, 9, 9)}, "kernels"),
    ],
)
def test_names_and_shapes_that_make_no_network_are_refused_in_a_sentence(state, words):
    with pytest.raises(ValueError, match=r".") as refusal:
        models.from_state(state)
    assert words in str(refusal.value)
