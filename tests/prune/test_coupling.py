"""Which layers' channels go together, and which stay because they cannot be followed, each with its reason."""

import copy

import pytest
import torch
from torch import nn

from kdtutor.prune import channel_groups, group_masks, masked_copy, shrink
from tests.prune.coupled_models import MODELS, Residual, convolutional, settled


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


def test_positions_after_flattening_are_counted_for_norms_and_readers():
    model, x = settled(*MODELS["convolutional"])
    groups = channel_groups(model, x)
    assert groups["5"].readers == {"9": 4}
    assert groups["5"].carriers == {"6": 1}
    model, x = settled(*MODELS["flattened norm"])
    assert channel_groups(model, x)["0"].carriers == {"2": 4}


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


SMALL_NET = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2))
REFUSED = [
    (SMALL_NET, torch.ones(1, 5), ValueError, r"does not run on example of shape \(1, 5\)"),
    ("model", torch.ones(1, 3), TypeError, "model is a str"),
]


@pytest.mark.parametrize(("model", "example", "error", "words"), REFUSED)
def test_bad_input_is_refused_in_words_that_name_the_argument(model, example, error, words):
    with pytest.raises(error, match=words):
        channel_groups(model, example)
