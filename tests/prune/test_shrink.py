"""Shrunk models against the full ones under masks: wherever a removed channel is silent the outputs must not change."""

import copy

import pytest
import torch
import torch.nn.functional as F
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


class Block(nn.Module):
    """A residual block; with a change of width or stride the skip connection is a convolution."""

    def __init__(self, into: int, out: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(into, out, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(out)
        self.conv2 = nn.Conv2d(out, out, 3, 1, 1)
        self.bn2 = nn.BatchNorm2d(out)
        self.skip = (
            nn.Identity() if into == out else nn.Sequential(nn.Conv2d(into, out, 1, stride), nn.BatchNorm2d(out))
        )

    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += self.skip(x)
        return out.relu()


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU())
        self.blocks = nn.Sequential(Block(6, 6), Block(6, 8, stride=2), Block(8, 8))
        self.head = nn.Linear(8, 5)

    def forward(self, x):
        return self.head(self.blocks(self.stem(x)).mean((2, 3)))


class Inverted(nn.Module):
    """Expand, filter each channel by itself, gate, project, add: the block of small mobile networks."""

    def __init__(self) -> None:
        super().__init__()
        self.expand = nn.Conv2d(4, 12, 1)
        self.depthwise = nn.Conv2d(12, 12, 3, padding=1, groups=12)
        self.norm = nn.BatchNorm2d(12)
        self.squeeze = nn.Conv2d(12, 3, 1)
        self.excite = nn.Conv2d(3, 12, 1)
        self.project = nn.Conv2d(12, 4, 1)

    def forward(self, x):
        y = F.hardswish(self.norm(self.depthwise(F.relu6(self.expand(x)))))
        gate = torch.sigmoid(self.excite(F.relu(self.squeeze(F.adaptive_avg_pool2d(y, 1)))))
        return x + self.project(y * gate)


class Reshaped(nn.Module):
    """Maps become rows, rows one vector, that a column and back: each channel keeps its six positions."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.middle, self.out = nn.Conv2d(1, 5, (2, 1)), nn.Conv1d(5, 4, 1), nn.Linear(24, 2)

    def forward(self, x):
        rows = self.middle(self.conv(x).flatten(2))
        return self.out(rows.reshape(x.size(0), -1).view(x.size(0), -1, 1).flatten(1))


class Tokens(nn.Module):
    """The feed-forward part of a transformer: normalisation fixes the stream, the inside is free."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(6)
        self.wide = nn.Linear(6, 10)
        self.narrow = nn.Linear(10, 6)
        self.head = nn.Linear(6, 3)

    def forward(self, x):
        return self.head(x + self.narrow(F.gelu(self.wide(self.norm(x)))))


def perceptron() -> nn.Sequential:
    return nn.Sequential(nn.Linear(7, 9), nn.ReLU(), nn.Linear(9, 6), nn.GELU(), nn.Linear(6, 3))


def flattened_norm() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(1, 3, 2), nn.Flatten(), nn.BatchNorm1d(12), nn.Linear(12, 2))


def one_dimension() -> nn.Sequential:
    return nn.Sequential(nn.Conv1d(2, 4, 3), nn.InstanceNorm1d(4, affine=True), nn.Conv1d(4, 2, 1))


def convolutional() -> nn.Sequential:
    return nn.Sequential(
        *(nn.Conv2d(1, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.5)),
        *(nn.Conv2d(6, 8, 2), nn.PReLU(8), nn.AvgPool2d(1), nn.Flatten()),
        *(nn.Linear(32, 10), nn.BatchNorm1d(10), nn.Tanh(), nn.Linear(10, 4)),
    )


MODELS = {
    "perceptron": (perceptron, (7,)),
    "convolutional": (convolutional, (1, 8, 8)),
    "residual": (Residual, (1, 8, 8)),
    "inverted": (lambda: nn.Sequential(nn.Conv2d(1, 4, 1), Inverted(), nn.Conv2d(4, 2, 1)), (1, 5, 5)),
    "reshaped": (Reshaped, (1, 3, 3)),
    "tokens": (Tokens, (4, 6)),
    "flattened norm": (flattened_norm, (1, 3, 3)),
    "one dimension": (one_dimension, (2, 9)),
}


def settled(build, shape, device="cpu"):
    """The model in float64 with BatchNorm statistics away from their start, and a batch for it."""
    torch.manual_seed(1)
    model = build().double()
    x = torch.randn(4, *shape, dtype=torch.float64)
    for module in model.modules():
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
            for tensor in (module.weight, module.bias, module.running_mean):
                nn.init.normal_(tensor)
            nn.init.uniform_(module.running_var, 0.5, 2)
    return model.to(device).eval(), x.to(device)


def free(groups):
    return {name: group for name, group in groups.items() if group.fixed is None}


def random_keeps(groups, sparsity, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return {
        name: keep_channels(torch.rand(group.channels, generator=generator), sparsity)
        for name, group in free(groups).items()
    }


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


def test_a_skip_connection_ties_the_stream_and_leaves_the_inside_free():
    model, x = settled(Residual, (1, 8, 8))
    groups = channel_groups(model, x)
    stream = groups["stem.0"]
    assert stream.writers == ("stem.0", "blocks.0.conv2")
    assert set(stream.carriers) == {"stem.1", "blocks.0.bn2"}
    assert set(stream.readers) == {"blocks.0.conv1", "blocks.1.conv1", "blocks.1.skip.0"}
    assert groups["blocks.0.conv1"].writers == ("blocks.0.conv1",)
    assert set(groups["blocks.1.conv2"].writers) == {"blocks.1.conv2", "blocks.1.skip.0", "blocks.2.conv2"}
    assert groups["head"].fixed == "they are the model's output"


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


def test_positions_after_flattening_are_counted_for_norms_and_readers():
    model, x = settled(*MODELS["convolutional"])
    groups = channel_groups(model, x)
    assert groups["5"].readers == {"9": 4}
    assert groups["5"].carriers == {"6": 1}
    model, x = settled(*MODELS["flattened norm"])
    assert channel_groups(model, x)["0"].carriers == {"2": 4}


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


def test_tracing_leaves_the_model_its_mode_statistics_and_hooks():
    model = convolutional().train()
    before = copy.deepcopy(model.state_dict())
    channel_groups(model, torch.randn(2, 1, 8, 8))
    assert model.training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_a_module_used_twice_couples_both_uses():
    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.into, self.again, self.out = nn.Linear(3, 4), nn.Linear(4, 4), nn.Linear(4, 2)

        def forward(self, x):
            return self.out(self.again(self.again(self.into(x)).relu()).relu())

    model, x = settled(Twice, (3,))
    groups = channel_groups(model, x)
    assert set(groups["into"].writers) == {"into", "again"}
    keep = {"into": [0, 3]}
    masked = masked_copy(model, group_masks(model, keep, groups))
    torch.testing.assert_close(shrink(model, keep, groups)(x), masked(x))


def test_several_inputs_come_as_a_tuple():
    class Both(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.left, self.right, self.out = nn.Linear(3, 5), nn.Linear(2, 5), nn.Linear(5, 1)

        def forward(self, x, y):
            return self.out((self.left(x) + self.right(y)).relu())

    model, inputs = Both(), (torch.randn(4, 3), torch.randn(4, 2))
    groups = channel_groups(model, inputs)
    assert groups["left"].writers == ("left", "right")
    keep = {"right": [0, 1, 4]}
    masked = masked_copy(model, group_masks(model, keep, groups))
    torch.testing.assert_close(shrink(model, keep, groups)(*inputs), masked(*inputs))


def test_a_module_known_under_two_names_is_replaced_under_both():
    model, _ = settled(*MODELS["perceptron"])
    holder = nn.ModuleDict({"net": model})
    holder["again"] = model[0]
    groups = {"net.0": ChannelGroup(9, ("net.0",), {}, {"net.2": 1})}
    small = shrink(holder, {"net.0": [0]}, groups)
    assert small["again"] is small["net"][0]


class Odd(nn.Module):
    """One layer, then what the test is about, then one layer that reads it."""

    def __init__(self, between, reads=4, **modules) -> None:
        super().__init__()
        self.first = nn.Conv2d(2, 4, 1)
        self.between = between
        self.last = nn.Conv2d(reads, 2, 1)
        for name, module in modules.items():
            setattr(self, name, module)

    def forward(self, x):
        return self.last(self.between(self, self.first(x)))


def mixing(self, y):
    return self.mixed(y)


def scaling(self, y):
    return y * self.scale


ODD = {
    "concatenation": (lambda: Odd(lambda _, y: torch.cat([y, y], 1), reads=8), r"cat\(\)"),
    "grouped convolution": (lambda: Odd(mixing, mixed=nn.Conv2d(4, 4, 1, groups=2)), r"\(Conv2d with groups=2\)"),
    "normalisation across channels": (lambda: Odd(mixing, mixed=nn.GroupNorm(2, 4)), r"mixed \(GroupNorm\)"),
    "softmax": (lambda: Odd(lambda _, y: y.softmax(1)), r"softmax\(\)"),
    "channel shuffle": (lambda: Odd(mixing, mixed=nn.ChannelShuffle(2)), "ChannelShuffle"),
    "transposed convolution": (lambda: Odd(mixing, mixed=nn.ConvTranspose2d(4, 4, 1)), "ConvTranspose2d"),
    "splitting": (lambda: Odd(lambda _, y: torch.cat(y.chunk(2, 1)[::-1], 1)), r"chunk\(\)"),
    "a view with a number": (lambda: Odd(lambda _, y: y.view(y.size(0), 4, 3, 3)), r"view\(\) states their number"),
    "a mean over channels": (lambda: Odd(lambda _, y: y * 1 + y.mean(1, keepdim=True).expand(-1, 4, -1, -1)), "mean"),
    "a linear layer across the map": (lambda: Odd(mixing, mixed=nn.Linear(3, 3)), "mixed reads them along another"),
    "a bare parameter": (lambda: Odd(scaling, scale=nn.Parameter(torch.ones(4, 1, 1))), r"mul\(\)"),
    "a weight used twice": (
        lambda: Odd(lambda self, y: y * self.first.weight.sum()),
        "also uses first.weight by itself",
    ),
}


@pytest.mark.parametrize(("build", "reason"), ODD.values(), ids=ODD)
def test_what_cannot_be_followed_fixes_its_channels_with_the_reason(build, reason):
    model = build()
    groups = channel_groups(model, torch.randn(2, 2, 3, 3))
    with pytest.raises(ValueError, match=f"keep names 'first', whose 4 channels are fixed: .*{reason}"):
        shrink(model, {"first": [0]}, groups)


def test_shared_parameters_fix_their_channels():
    model = nn.Sequential(nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 3), nn.ReLU(), nn.Linear(3, 2))
    model[2].weight = model[0].weight
    groups = channel_groups(model, torch.ones(1, 3))
    assert groups["0"].fixed == groups["2"].fixed == "0 and 2 share one parameter"


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
    (lambda: channel_groups(small_net, torch.ones(1, 5)), ValueError, r"does not run on example of shape \(1, 5\)"),
    (lambda: channel_groups("model", batch), TypeError, "model is a str"),
    (lambda: group_scores(small_net, ChannelGroup(4, (), {}, {})), ValueError, "group has no writers"),
    (lambda: group_scores(small_net, pair["0"], "l0"), ValueError, "norm is 'l0'"),
]


@pytest.mark.parametrize(("call", "error", "words"), REFUSED)
def test_bad_input_is_refused_in_words_that_name_the_argument(call, error, words):
    with pytest.raises(error, match=words):
        call()
