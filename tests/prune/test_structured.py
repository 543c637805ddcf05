"""Smaller layers against the large ones with dead units: the same function, or not removed everywhere."""

import copy

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils import prune as torch_prune

from kdtutor.prune import keep_channels, keep_inputs, keep_outputs, remove_channels, remove_neurons


def kill(keep, *modules):
    """Zero what the removed units have: rows, biases, γ and β."""
    with torch.no_grad():
        for module in modules:
            for parameter in module.parameters():
                parameter[~keep] = 0


def settled_norm(channels, kind=nn.BatchNorm2d):
    norm = kind(channels).double().eval()
    with torch.no_grad():
        for tensor in (norm.weight, norm.bias, norm.running_mean):
            tensor.normal_()
        norm.running_var.uniform_(0.5, 2)
    return norm


keeps = st.lists(st.booleans(), min_size=1, max_size=9).filter(any).map(torch.tensor)


@given(keeps, st.integers(1, 4), st.integers(1, 4), st.booleans())
def test_removing_dead_neurons_changes_nothing_but_the_size(keep, inputs, outputs, bias):
    first = nn.Linear(inputs, len(keep), bias=bias).double()
    second = nn.Linear(len(keep), outputs, bias=bias).double()
    kill(keep, first)
    x = torch.randn(5, inputs, dtype=torch.float64)
    before = copy.deepcopy((first.state_dict(), second.state_dict()))
    small_first, small_second = remove_neurons(first, second, keep)
    torch.testing.assert_close(small_second(small_first(x).relu()), second(first(x).relu()))
    kept = int(keep.sum())
    assert (small_first.in_features, small_first.out_features) == (inputs, kept)
    assert (small_second.in_features, small_second.out_features) == (kept, outputs)
    assert small_first.weight.shape == (kept, inputs)
    assert small_second.weight.shape == (outputs, kept)
    for layer, state in zip((first, second), before, strict=True):
        assert all(torch.equal(value, state[name]) for name, value in layer.state_dict().items())
    assert small_second.weight.data_ptr() != second.weight.data_ptr()


def test_removing_a_living_neuron_removes_exactly_its_contribution():
    first, second = nn.Linear(3, 4).double(), nn.Linear(4, 2).double()
    x = torch.randn(5, 3, dtype=torch.float64)
    small = nn.Sequential(*remove_neurons(first, second, [0, 1, 3]))
    gone = first(x)[:, 2:3] * second.weight[:, 2]
    torch.testing.assert_close(small(x), second(first(x)) - gone)


def test_indices_keep_the_order_they_are_given_in():
    first, second = nn.Linear(3, 4), nn.Linear(4, 2)
    small_first, small_second = remove_neurons(first, second, torch.tensor([3, 0]))
    assert torch.equal(small_first.weight, first.weight[[3, 0]])
    assert torch.equal(small_first.bias, first.bias[[3, 0]])
    assert torch.equal(small_second.weight, second.weight[:, [3, 0]])


@given(keeps, st.booleans(), st.sampled_from([1, 2]))
def test_removing_dead_channels_changes_nothing_but_the_size(keep, bias, stride):
    conv = nn.Conv2d(2, len(keep), 3, stride=stride, padding=1, padding_mode="reflect", bias=bias).double()
    norm, following = settled_norm(len(keep)), nn.Conv2d(len(keep), 3, 2, dilation=2).double()
    kill(keep, conv, norm)
    x = torch.randn(2, 2, 8, 8, dtype=torch.float64)
    small_conv, small_norm, small_following = remove_channels(conv, norm, following, keep)
    torch.testing.assert_close(
        small_following(small_norm(small_conv(x)).relu()), following(norm(conv(x)).relu()), rtol=1e-10, atol=1e-12
    )
    kept = int(keep.sum())
    assert small_conv.weight.shape[0] == small_conv.out_channels == kept
    assert small_norm.num_features == small_norm.running_var.numel() == kept
    assert small_following.weight.shape[1] == small_following.in_channels == kept
    assert not small_norm.training


@given(keeps)
def test_a_linear_behind_flatten_loses_each_channel_s_whole_map(keep):
    conv, linear = nn.Conv2d(1, len(keep), 3).double(), nn.Linear(len(keep) * 4, 3).double()
    kill(keep, conv)
    x = torch.randn(2, 1, 4, 4, dtype=torch.float64)
    small_conv, none, small_linear = remove_channels(conv, None, linear, keep)
    assert none is None
    torch.testing.assert_close(small_linear(small_conv(x).relu().flatten(1)), linear(conv(x).relu().flatten(1)))


def test_other_dimensions_and_norms_shrink_too():
    conv, norm, following = nn.Conv1d(2, 4, 3), nn.InstanceNorm1d(4, affine=True), nn.Conv1d(4, 2, 1)
    small = remove_channels(conv, norm, following, [1, 2])
    assert nn.Sequential(*small)(torch.ones(2, 2, 6)).shape == (2, 2, 4)
    slopes = keep_outputs(nn.PReLU(3), [2])
    assert slopes.weight.shape == (1,) == (slopes.num_parameters,)
    bare = keep_outputs(nn.BatchNorm1d(3, affine=False, track_running_stats=False), [0, 2])
    assert (bare.num_features, bare.weight, bare.running_mean) == (2, None, None)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_new_layers_keep_device_dtype_mode_frozenness_and_settings(dtype, device):
    conv = nn.Conv2d(2, 4, 3, stride=2, padding=1, padding_mode="circular").to(device, dtype).eval()
    conv.bias.requires_grad_(False)
    norm = nn.BatchNorm2d(4, eps=0.5, momentum=0.3).to(device, dtype)
    keep = torch.tensor([True, False, True, True], device=device)
    small, small_norm, _ = remove_channels(conv, norm, nn.Conv2d(4, 1, 1).to(device, dtype), keep)
    assert small.weight.dtype == dtype
    assert small.weight.device.type == small_norm.running_mean.device.type == device.type
    assert (small.stride, small.padding, small.padding_mode) == ((2, 2), (1, 1), "circular")
    assert (small_norm.eps, small_norm.momentum) == (0.5, 0.3)
    assert not small.training
    assert small_norm.training
    assert isinstance(small.weight, nn.Parameter)
    assert small.weight.requires_grad
    assert not small.bias.requires_grad
    assert small(torch.ones(1, 2, 8, 8, device=device, dtype=dtype)).shape == (1, 3, 4, 4)


def test_a_depthwise_convolution_loses_channels_on_both_sides():
    conv = nn.Conv2d(4, 4, 3, groups=4)
    small = keep_outputs(conv, [0, 3])
    x = torch.randn(1, 4, 5, 5)
    torch.testing.assert_close(small(x[:, [0, 3]]), conv(x)[:, [0, 3]])
    assert (small.in_channels, small.out_channels, small.groups) == (2, 2, 2)


def test_the_smaller_layers_train():
    first, second = remove_neurons(nn.Linear(3, 8), nn.Linear(8, 2), list(range(4)))
    second(first(torch.ones(1, 3)).relu()).sum().backward()
    assert first.weight.grad.shape == (4, 3)


@given(st.integers(1, 40), st.floats(0, 1), st.integers(1, 8))
def test_keep_channels_keeps_the_best_in_numbers_that_hardware_likes(size, sparsity, multiple):
    scores = torch.randn(size)
    keep = keep_channels(scores, sparsity, multiple_of=multiple)
    kept, wanted = int(keep.sum()), size - round(sparsity * size)
    assert kept == size or kept % multiple == 0
    assert max(wanted, 1) <= kept < max(wanted, 1) + multiple
    if kept < size:
        assert scores[keep].min() >= scores[~keep].max()


def masked_linear():
    layer = nn.Linear(4, 3)
    torch_prune.l1_unstructured(layer, "weight", amount=0.5)
    return layer


wide, narrow = nn.Linear(3, 4), nn.Linear(4, 2)
conv, depthwise = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3, groups=4)
REFUSED = [
    (lambda: remove_neurons(wide, wide, [0]), ValueError, "second reads 3 features, first writes 4"),
    (lambda: remove_neurons(conv, narrow, [0]), TypeError, "first is a Conv2d: Linear is needed"),
    (lambda: remove_neurons(wide, narrow, torch.ones(3).bool()), ValueError, r"keep has shape \(3,\): .* needs \(4,\)"),
    (lambda: remove_neurons(wide, narrow, torch.zeros(4).bool()), ValueError, "keep names 0 units .* at least one"),
    (lambda: remove_neurons(wide, narrow, []), ValueError, "keep is empty: Linear with 4 units"),
    (lambda: remove_neurons(wide, narrow, [0, 4]), ValueError, "keep holds indices from 0 to 4: .* 0 to 3"),
    (lambda: remove_neurons(wide, narrow, [-1]), ValueError, "indices from -1"),
    (lambda: remove_neurons(wide, narrow, [1, 0, 1, 1]), ValueError, r"names a unit twice: .* write keep.bool\(\)"),
    (lambda: remove_neurons(wide, narrow, torch.ones(4)), TypeError, "keep has dtype float32"),
    (lambda: remove_neurons(wide, masked_linear(), [0]), ValueError, r"layer \(Linear\) computes its weight"),
    (lambda: remove_channels(depthwise, None, narrow, [0]), ValueError, "conv has groups=4: .* grouped convolution"),
    (lambda: remove_channels(conv, None, depthwise, [0]), ValueError, "layer has groups=4"),
    (lambda: remove_channels(conv, nn.BatchNorm2d(3), conv, [0]), ValueError, "norm has 3 features, conv writes 4"),
    (lambda: remove_channels(conv, nn.GroupNorm(2, 4), conv, [0]), TypeError, "norm is a GroupNorm: BatchNorm or"),
    (lambda: remove_channels(wide, None, narrow, [0]), TypeError, "conv is a Linear"),
    (
        lambda: remove_channels(conv, None, nn.Linear(6, 1), [0]),
        ValueError,
        "following reads 6 features, conv writes 4",
    ),
    (lambda: remove_channels(conv, None, conv, [0]), ValueError, "following reads 3 channels, conv writes 4"),
    (
        lambda: remove_channels(conv, None, nn.ConvTranspose2d(4, 2, 1), [0]),
        TypeError,
        "following is a ConvTranspose2d",
    ),
    (lambda: keep_outputs(nn.LayerNorm(4), [0]), TypeError, "layer is a LayerNorm: .* mix channels"),
    (lambda: keep_outputs(nn.Conv2d(4, 8, 1, groups=2), [0]), ValueError, "layer has groups=2"),
    (lambda: keep_inputs(narrow, [0], positions=3), ValueError, "4 inputs: they do not divide into units of 3"),
    (lambda: keep_inputs(narrow, [0], positions=0), ValueError, "positions is 0"),
    (lambda: keep_inputs(nn.ReLU(), [0]), TypeError, "layer is a ReLU"),
    (lambda: keep_channels(torch.ones(2, 2), 0.5), ValueError, r"scores has shape \(2, 2\): one score a unit"),
    (lambda: keep_channels(torch.ones(4), 0.5, multiple_of=0), ValueError, "multiple_of is 0"),
]


@pytest.mark.parametrize(("call", "error", "words"), REFUSED)
def test_bad_input_is_refused_in_words_that_name_the_argument(call, error, words):
    with pytest.raises(error, match=words):
        call()
