"""Parameters, non-zeros and multiply-accumulates against counts made by hand."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from torch.nn.utils import prune

from kdtutor.measure import macs, nonzeros, parameters
from kdtutor.models import cnn, mlp

sizes = st.integers(1, 6)


class Calls(nn.Module):
    """A module that does `fn(layer, x)`, so that a test can say what a forward pass is."""

    def __init__(self, layer, fn):
        super().__init__()
        self.layer, self.fn = layer, fn

    def forward(self, *x):
        return self.fn(self.layer, *x)


def test_a_shared_parameter_is_counted_once():
    first, second = nn.Linear(3, 3), nn.Linear(3, 3)
    second.weight = first.weight
    assert parameters(nn.Sequential(first, second)) == 9 + 3 + 3


def test_frozen_parameters_count_and_buffers_do_not():
    model = nn.BatchNorm1d(5).requires_grad_(False)
    assert parameters(model) == 10


def test_nonzeros_counts_what_is_left_and_takes_minus_zero_for_zero(device):
    layer = nn.Linear(4, 2, device=device)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[1.0, 0.0, -0.0, 2.0], [0.0, 0.0, 0.0, -3.0]]))
        layer.bias.fill_(1.0)
    assert nonzeros(layer) == 3 + 2


def test_a_mask_that_lies_beside_the_weight_removes_nothing_until_it_is_multiplied_in():
    layer = nn.Linear(10, 10, bias=False)
    prune.l1_unstructured(layer, "weight", amount=0.9)
    assert nonzeros(layer) == 100
    prune.remove(layer, "weight")
    assert nonzeros(layer) == 10


@given(sizes, sizes, sizes)
def test_macs_of_a_linear_layer_are_rows_times_inputs_times_outputs(rows, inputs, outputs):
    assert macs(nn.Linear(inputs, outputs), torch.rand(rows, inputs)) == rows * inputs * outputs
    assert macs(nn.Linear(inputs, outputs), torch.rand(inputs)) == inputs * outputs
    assert macs(nn.Linear(inputs, outputs, bias=False), torch.rand(inputs)) == inputs * outputs
    assert macs(nn.Linear(inputs, outputs), torch.rand(2, rows, inputs)) == 2 * rows * inputs * outputs


@given(st.integers(1, 3), st.integers(1, 3), st.integers(1, 3), sizes, sizes, st.integers(1, 3), st.integers(1, 2))
def test_macs_of_a_convolution_count_every_position_kernel_and_channel_of_its_group(
    N, groups, per_group, height, width, kernel, stride
):
    layer = nn.Conv2d(2 * groups, per_group * groups, kernel, stride=stride, padding=1, groups=groups)
    x = torch.rand(N, 2 * groups, height + 2, width + 2)
    H, W = layer(x).shape[2:]
    by_hand = sum(
        kernel * kernel * 2
        for _sample in range(N)
        for _channel in range(per_group * groups)
        for _position in range(H * W)
    )
    assert macs(layer, x) == by_hand


def test_macs_of_attention_are_its_projections_and_its_two_products():
    N, L, E, heads = 2, 5, 8, 2
    model = Calls(nn.MultiheadAttention(E, heads, batch_first=True), lambda layer, x: layer(x, x, x)[0])
    assert macs(model, torch.rand(N, L, E)) == N * (4 * L * E * E + 2 * L * L * E)


def test_macs_of_the_fused_attention_function_are_its_two_products():
    N, heads, L, E = 2, 3, 5, 4
    model = Calls(nn.Identity(), lambda _, x: F.scaled_dot_product_attention(x, x, x))
    assert macs(model, torch.rand(N, heads, L, E)) == N * heads * 2 * L * L * E


@pytest.mark.parametrize(("kind", "gates"), [(nn.RNN, 1), (nn.GRU, 3), (nn.LSTM, 4)])
def test_macs_of_recurrent_layers_are_their_gates(kind, gates):
    N, L, inputs, hidden = 2, 5, 6, 7
    layer = kind(inputs, hidden, batch_first=True)
    assert macs(layer, torch.rand(N, L, inputs)) == N * L * gates * hidden * (inputs + hidden)


def test_macs_of_an_integer_product_count_like_a_float_one():
    codes = torch.ones(8, 16, dtype=torch.int8)
    model = Calls(nn.Identity(), lambda _, x: torch._int_mm(x, codes.T.contiguous()))
    assert macs(model, torch.ones(24, 16, dtype=torch.int8)) == 24 * 16 * 8


def test_macs_of_a_model_with_two_inputs():
    model = Calls(nn.Identity(), lambda _, a, b: a @ b)
    assert macs(model, (torch.rand(2, 3), torch.rand(3, 4))) == 24


def test_macs_leaves_modes_weights_statistics_and_settings_as_they_were():
    model = cnn(4, seed=0).train()
    model[1].eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    settings = torch.backends.mkldnn.is_available(), torch._C._get_mkldnn_enabled(), torch.backends.cudnn.enabled
    macs(model, torch.rand(2, 1, 16, 16))
    assert model.training
    assert model[0].training
    assert not model[1].training
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert settings == (
        torch.backends.mkldnn.is_available(),
        torch._C._get_mkldnn_enabled(),
        torch.backends.cudnn.enabled,
    )
    assert torch.backends.mha.get_fastpath_enabled()


def test_macs_of_the_small_networks_are_the_sums_over_their_layers(device):
    assert macs(mlp(256, 64, 36).to(device), torch.rand(3, 256, device=device)) == 3 * (256 * 64 + 64 * 36)
    c = 4
    by_hand = 9 * c * 256 + 9 * c * 2 * c * 64 + 2 * c * 16 * 128 + 128 * 36
    assert macs(cnn(c).to(device), torch.rand(1, 1, 16, 16, device=device)) == by_hand


def test_resnet_50_and_mobilenet_v2_have_the_sizes_their_authors_report_and_not_the_article_s():
    models = pytest.importorskip("torchvision.models")
    picture = torch.empty(1, 3, 224, 224, device="meta")
    with torch.device("meta"):
        resnet, mobilenet = models.resnet50(num_classes=10), models.mobilenet_v2(num_classes=10)
        full_resnet, full_mobilenet = models.resnet50(), models.mobilenet_v2()
    assert parameters(resnet) == 23_528_522
    assert parameters(mobilenet) == 2_236_682
    assert macs(full_resnet, picture) / 1e9 == pytest.approx(
        models.ResNet50_Weights.IMAGENET1K_V1.meta["_ops"], abs=5e-4
    )
    assert macs(full_mobilenet, picture) / 1e9 == pytest.approx(
        models.MobileNet_V2_Weights.IMAGENET1K_V1.meta["_ops"], abs=5e-4
    )
