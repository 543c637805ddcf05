"""The networks: what they map, what their seeds fix, what can be taken out of them."""

import pytest
import torch
from torch import nn

from kdtutor.measure import macs, parameters
from kdtutor.models import ResidualBlock, cnn, lenet_300_100, mlp, residual_cnn, seeded

MAKERS = {
    "mlp": lambda seed: mlp(256, 64, 36, seed=seed),
    "lenet_300_100": lambda seed: lenet_300_100(36, 256, seed=seed),
    "cnn": lambda seed: cnn(4, seed=seed),
    "residual_cnn": lambda seed: residual_cnn(4, 2, seed=seed),
}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_maps_pictures_to_one_logit_a_class(make, device):
    assert make(0).to(device)(torch.rand(5, 1, 16, 16, device=device)).shape == (5, 36)


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_a_seed_fixes_the_initial_weights_and_leaves_the_global_generator_alone(make):
    before = torch.get_rng_state()
    first, again, other = make(3), make(3), make(4)
    assert torch.equal(torch.get_rng_state(), before)
    pairs = list(zip(first.parameters(), again.parameters(), other.parameters(), strict=True))
    assert all(torch.equal(a, b) for a, b, _ in pairs)
    assert any(not torch.equal(a, c) for a, _, c in pairs)


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_without_a_seed_the_global_generator_decides(make):
    torch.manual_seed(1)
    first = make(None)
    torch.manual_seed(1)
    again = make(None)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True))
    assert any(not torch.equal(a, b) for a, b in zip(first.parameters(), make(None).parameters(), strict=True))


def test_seeded_restores_the_generator_also_after_an_error():
    before = torch.get_rng_state()
    with seeded(5):
        torch.rand(3)
    with pytest.raises(KeyError), seeded(5):
        raise KeyError
    assert torch.equal(torch.get_rng_state(), before)


def test_lenet_300_100_has_the_parameters_of_the_literature():
    assert parameters(lenet_300_100()) == 784 * 300 + 300 + 300 * 100 + 100 + 100 * 10 + 10 == 266_610


def test_parameters_and_macs_of_the_perceptron_are_those_counted_by_hand():
    model = mlp(256, 64, 36)
    assert parameters(model) == 256 * 64 + 64 + 64 * 36 + 36
    assert macs(model, torch.rand(1, 256)) == 256 * 64 + 64 * 36


def test_every_block_keeps_the_shape_of_the_stream_so_that_any_can_be_dropped():
    model = residual_cnn(6, 3, seed=0).eval()
    pictures = torch.rand(2, 1, 16, 16)
    stream = model.stem(pictures)
    assert stream.shape == (2, 6, 8, 8)
    for block in model.blocks:
        assert block(stream).shape == stream.shape
    for dropped in range(3):
        shorter = residual_cnn(6, 3, seed=0).eval()
        del shorter.blocks[dropped]
        assert shorter(pictures).shape == (2, 36)


def test_a_block_whose_branch_is_silent_passes_the_stream_through():
    block = ResidualBlock(4).eval()
    nn.init.zeros_(block.norm2.weight)
    stream = torch.rand(2, 4, 5, 5)
    torch.testing.assert_close(block(stream), stream)


def test_the_inner_width_of_a_block_is_its_own():
    stream = torch.rand(2, 4, 5, 5)
    assert ResidualBlock(4, width=3)(stream).shape == stream.shape
    assert ResidualBlock(4, width=3).conv1.weight.shape == (3, 4, 3, 3)


def test_the_names_of_the_residual_network_are_stable():
    names = {name for name, _ in residual_cnn(2, 1).named_parameters()}
    assert {"stem.0.weight", "blocks.0.conv1.weight", "blocks.0.norm2.bias", "head.2.weight"} <= names


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: mlp(256), r"widths is \(256,\)"),
        (lambda: mlp(256, 0, 36), "each at least 1"),
        (lambda: cnn(size=18), "size is 18"),
        (lambda: cnn(size=0), "multiple of 4"),
        (lambda: residual_cnn(0), "channels is 0: at least 1"),
        (lambda: residual_cnn(blocks=-1), "blocks is -1: at least 0"),
        (lambda: residual_cnn(classes=0), "classes is 0"),
        (lambda: residual_cnn(in_channels=0), "in_channels is 0"),
    ],
)
def test_bad_sizes_are_refused_by_name(call, words):
    with pytest.raises(ValueError, match=words):
        call()
