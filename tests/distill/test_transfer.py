"""Copied parts equal the teacher's bit for bit and nothing else moves; the pull's gradient is λ (θ_s - θ_ref)."""

import copy

import pytest
import torch
from torch import nn

from kdtutor.distill.transfer import transfer_weights, weight_pull


def stack(depth: int, width: int = 4) -> nn.Module:
    layers = nn.ModuleList(nn.Sequential(nn.Linear(width, width), nn.BatchNorm1d(width)) for _ in range(depth))
    return nn.ModuleDict({"layers": layers, "head": nn.Linear(width, 3)})


def same(one: nn.Module, other: nn.Module) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True))


def test_a_student_starts_from_every_second_layer_of_its_teacher(device):
    student, teacher = stack(2).to(device), stack(4).to(device)
    teacher.layers[2][1](torch.randn(8, 4, device=device))  # statistics to be copied too
    before, taught = copy.deepcopy(student), copy.deepcopy(teacher)
    started = transfer_weights(student, teacher, {"layers.0": "layers.0", "layers.1": "layers.2"})
    assert same(started.layers[0], teacher.layers[0])
    assert same(started.layers[1], teacher.layers[2])
    assert started.layers[1][1].num_batches_tracked == 1
    assert same(started["head"], before["head"])
    assert same(student, before)
    assert same(teacher, taught)
    with torch.no_grad():
        started.layers[0][0].weight.zero_()
    assert same(teacher, taught)
    assert all(p.requires_grad for p in started.parameters())


def test_single_tensors_and_whole_networks_can_be_named():
    student, teacher = stack(2), stack(2)
    started = transfer_weights(student, teacher, {"head.bias": "head.bias"})
    assert torch.equal(started["head"].bias, teacher["head"].bias)
    assert torch.equal(started["head"].weight, student["head"].weight)
    assert same(transfer_weights(student, teacher, {"": ""}), teacher)
    assert same(transfer_weights(nn.Linear(4, 3), teacher, {"": "head"}), teacher["head"])


def test_values_take_the_student_s_dtype():
    student, teacher = nn.Linear(2, 2).half(), nn.Linear(2, 2)
    started = transfer_weights(student, teacher, {"": ""})
    assert started.weight.dtype == torch.float16
    assert torch.equal(started.weight, teacher.weight.half())


def test_the_pull_is_half_the_squared_distance_and_its_gradient_points_to_the_reference(device):
    student, reference = nn.Linear(3, 2).double().to(device), nn.Linear(3, 2).double().to(device)
    pull = weight_pull(student, reference, 0.6)
    distance = sum(
        (a - b) ** 2
        for p, q in zip(student.parameters(), reference.parameters(), strict=True)
        for a, b in zip(p.flatten().tolist(), q.flatten().tolist(), strict=True)
    )
    assert pull.item() == pytest.approx(0.3 * distance)
    pull.backward()
    torch.testing.assert_close(student.weight.grad, 0.6 * (student.weight - reference.weight).detach())
    torch.testing.assert_close(student.bias.grad, 0.6 * (student.bias - reference.bias).detach())
    assert reference.weight.grad is None


def test_the_gradient_is_the_one_finite_differences_see():
    student, reference = nn.Linear(2, 2).double(), {"weight": torch.randn(2, 2, dtype=torch.float64)}

    def pulled(weight):
        student.weight.data = weight.detach()
        value = weight_pull(student, reference, 0.7)
        return value + torch.autograd.grad(value, student.weight)[0].mul(weight - weight.detach()).sum()

    assert torch.autograd.gradcheck(pulled, torch.randn(2, 2, dtype=torch.float64, requires_grad=True))


def test_the_pull_alone_leads_to_the_reference_and_leaves_unnamed_weights_free():
    student = nn.Linear(3, 2)
    wanted, bias = torch.randn(2, 3), student.bias.detach().clone()
    optimiser = torch.optim.SGD(student.parameters(), 0.5)
    for _ in range(40):
        optimiser.zero_grad()
        weight_pull(student, {"weight": wanted}, 1.0).backward()
        optimiser.step()
    torch.testing.assert_close(student.weight.detach(), wanted)
    assert torch.equal(student.bias, bias)
    assert weight_pull(student, copy.deepcopy(student), 1.0) == 0
    assert weight_pull(student, {"weight": wanted + 1}, 0.0) == 0


def test_half_precision_weights_are_summed_in_float32():
    student, reference = nn.Linear(64, 64).half(), nn.Linear(64, 64).half()
    with torch.no_grad():
        student.weight.fill_(20.0)
        reference.weight.zero_()
    pull = weight_pull(student, {"weight": reference.weight}, 2.0)
    assert pull.item() == 64 * 64 * 400


net = nn.Linear(2, 2)
REFUSED = [
    (lambda: transfer_weights(net, nn.Linear(2, 2), {}), ValueError, "mapping is empty"),
    (lambda: transfer_weights(net, None, {"": ""}), TypeError, "teacher is a NoneType"),
    (lambda: transfer_weights(stack(1), stack(2), {"layers.1": "layers.0"}), ValueError, "student .* under 'layers.1'"),
    (
        lambda: transfer_weights(stack(1), stack(2), {"layers.0": "layer.0"}),
        ValueError,
        "teacher .* it has 'layers', 'h",
    ),
    (
        lambda: transfer_weights(stack(1), stack(1, 5), {"layers.0": "layers.0"}),
        ValueError,
        r"'layers.0.0.weight' has shape \(4, 4\) in the student, 'layers.0.0.weight' \(5, 5\) in the teacher",
    ),
    (
        lambda: transfer_weights(net, nn.Linear(2, 2, bias=False), {"": ""}),
        ValueError,
        "only the student's has 'bias'",
    ),
    (
        lambda: transfer_weights(stack(1), stack(1), {"layers": "layers", "layers.0": "layers.0"}),
        ValueError,
        "mapped twice, by 'layers' and by 'layers.0'",
    ),
    (lambda: weight_pull(net, net, 1.0), ValueError, "'weight' would be pulled toward itself"),
    (
        lambda: weight_pull(net, nn.Linear(2, 3), 1.0),
        ValueError,
        r"'weight' has shape \(2, 2\) in the student, \(3, 2\)",
    ),
    (lambda: weight_pull(net, {"w": torch.zeros(2)}, 1.0), ValueError, "reference has 'w', which is no parameter"),
    (lambda: weight_pull(net, {}, 1.0), ValueError, "reference holds no weights"),
    (lambda: weight_pull(net, nn.Linear(2, 2), -1.0), ValueError, "strength is -1.0"),
    (lambda: weight_pull(net, [1.0], 1.0), TypeError, "reference is a list"),
]


@pytest.mark.parametrize(("call", "error", "words"), REFUSED)
def test_bad_input_is_refused_in_words_that_name_the_argument(call, error, words):
    with pytest.raises(error, match=words):
        call()
