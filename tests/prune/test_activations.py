"""The streamed statistic against the same sum over everything at once; patches against the convolution itself."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from kdtutor.prune import InputNorm, keep_highest_in_rows, layer_inputs, observe_inputs, wanda_mask, wanda_scores


@given(st.lists(st.integers(1, 7), min_size=1, max_size=5), st.integers(1, 6), st.integers(0, 10**6))
def test_the_streamed_norm_equals_the_norm_of_all_batches_together(sizes, width, seed):
    batches = [torch.randn(n, width, generator=torch.Generator().manual_seed(seed + i)) for i, n in enumerate(sizes)]
    seen = InputNorm()
    for batch in batches:
        seen.update(batch)
    torch.testing.assert_close(seen.norm, torch.cat(batches).double().norm(dim=0).float())
    assert seen.samples == sum(sizes)


def test_small_batches_still_count_after_a_huge_one(device):
    seen = InputNorm()
    seen.update(torch.tensor([[2.0**12]], device=device))
    for _ in range(16):
        seen.update(torch.tensor([[0.5]], device=device))
    assert seen._squares.item() == 2.0**24 + 4
    assert seen.norm.device.type == device.type


@pytest.mark.parametrize("padding_mode", ["zeros", "reflect", "circular"])
@pytest.mark.parametrize("settings", [{}, {"padding": 1}, {"stride": 2, "padding": (2, 1)}, {"dilation": 2}])
def test_patches_times_the_flattened_weight_are_the_convolution(settings, padding_mode, device):
    conv = nn.Conv2d(3, 5, (3, 2), padding_mode=padding_mode, **settings).double().to(device)
    inputs = torch.randn(2, 3, 9, 8, dtype=torch.float64, device=device)
    rows = layer_inputs(conv, inputs)
    outputs = conv(inputs)
    by_hand = (rows @ conv.weight.flatten(1).T + conv.bias).view(2, -1, 5).mT.reshape(outputs.shape)
    torch.testing.assert_close(by_hand, outputs)


def test_patches_follow_same_padding():
    conv = nn.Conv2d(2, 4, 3, padding="same", bias=False).double()
    inputs = torch.randn(1, 2, 5, 5, dtype=torch.float64)
    torch.testing.assert_close(
        (layer_inputs(conv, inputs) @ conv.weight.flatten(1).T).T.view(1, 4, 5, 5), conv(inputs).detach()
    )


def test_observing_a_model_gives_the_masks_that_its_inputs_give_and_leaves_no_hook():
    model = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 16, 5)).double()
    batches = [torch.randn(n, 1, 6, 6, dtype=torch.float64) for n in (3, 5)]
    with observe_inputs(model) as norms:
        for batch in batches:
            model(batch)
    assert set(norms) == {"0.weight", "3.weight"}
    for name, entry in (("0", 0), ("3", 3)):
        layer = model[entry]
        inputs = torch.cat([layer_inputs(layer, model[:entry](batch)) for batch in batches]).detach()
        streamed = keep_highest_in_rows(wanda_scores(layer.weight, norms[f"{name}.weight"].norm), 0.5)
        assert torch.equal(streamed, wanda_mask(layer.weight, inputs, 0.5))
    before = norms["3.weight"].samples
    model(batches[0])
    assert norms["3.weight"].samples == before
    assert not any(module._forward_pre_hooks for module in model.modules())


def test_hooks_are_gone_after_an_exception_too():
    model = nn.Sequential(nn.Linear(2, 2))
    with pytest.raises(ValueError, match="the layer reads"), observe_inputs(model, ["0"]):
        model(torch.ones(1, 3))
    assert not model[0]._forward_pre_hooks


def test_depthwise_convolutions_are_left_out_unless_asked_for_and_then_refused():
    model = nn.Sequential(nn.Conv2d(2, 2, 1, groups=2), nn.Conv2d(2, 2, 1))
    with observe_inputs(model) as norms:
        model(torch.ones(1, 2, 3, 3))
    assert set(norms) == {"1.weight"}
    with pytest.raises(ValueError, match="groups=2"), observe_inputs(model, ["0"]):
        model(torch.ones(1, 2, 3, 3))


def observe(model, layers):
    with observe_inputs(model, layers):
        pass


def seen_twice():
    seen = InputNorm()
    seen.update(torch.ones(1, 2))
    seen.update(torch.ones(1, 3))


REFUSED = [
    (lambda: InputNorm().norm, ValueError, "no batch has been seen yet"),
    (seen_twice, ValueError, "inputs has 3 entries a row, earlier batches had 2"),
    (lambda: InputNorm().update(torch.ones(1, 2).long()), TypeError, "inputs has dtype int64"),
    (lambda: layer_inputs(nn.ReLU(), torch.ones(1)), TypeError, "layer is a ReLU: Linear or Conv2d"),
    (lambda: layer_inputs(nn.Linear(3, 1), torch.ones(1, 2)), ValueError, r"the layer reads \(..., 3\)"),
    (lambda: layer_inputs(nn.Conv2d(3, 1, 1), torch.ones(1, 2, 2, 2)), ValueError, r"the layer reads \(N, 3, H, W\)"),
    (lambda: observe(nn.Sequential(nn.ReLU()), ["1"]), ValueError, "layers names '1'"),
    (lambda: observe(nn.Sequential(nn.ReLU()), ["0"]), TypeError, "layer '0' is a ReLU"),
]


@pytest.mark.parametrize(("call", "error", "words"), REFUSED)
def test_bad_input_is_refused_in_words_that_name_the_argument(call, error, words):
    with pytest.raises(error, match=words):
        call()
