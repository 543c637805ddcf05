"""Masked training against torch.nn.utils.prune's reparametrisation, and the ways in which pruned weights return."""

import copy
import io

import pytest
import torch
from torch import nn
from torch.nn.utils import prune as torch_prune

from kdtutor.prune import (
    apply_masks_,
    magnitude_mask,
    masked_copy,
    masked_step_,
    masks_held,
    prunable_weights,
    random_mask,
)

OPTIMIZERS = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.1),
    "momentum and decay": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, weight_decay=0.1),
    "nesterov": lambda p: torch.optim.SGD(p, lr=0.05, momentum=0.9, nesterov=True),
    "adam": lambda p: torch.optim.Adam(p, lr=0.01, weight_decay=0.1, amsgrad=True),
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.01),
    "rmsprop": lambda p: torch.optim.RMSprop(p, lr=0.01, momentum=0.9, centered=True),
}


def network(device="cpu") -> nn.Sequential:
    torch.manual_seed(3)
    return nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 3)).double().to(device)


def half_masks(model: nn.Module) -> dict:
    return {name: magnitude_mask(weight, 0.5) for name, weight in prunable_weights(model).items()}


def batch(device="cpu"):
    generator = torch.Generator().manual_seed(4)
    return (
        torch.randn(32, 5, generator=generator, dtype=torch.float64).to(device),
        torch.randint(3, (32,), generator=generator).to(device),
    )


def backward(model, device="cpu"):
    inputs, labels = batch(device)
    model.zero_grad()
    nn.functional.cross_entropy(model(inputs), labels).backward()


def moved(model, masks):
    return max(parameter[~masks[name]].abs().max().item() for name, parameter in prunable_weights(model).items())


def file_size(model: nn.Module) -> int:
    buffer = io.BytesIO()
    torch.save(model.state_dict(), buffer)
    return buffer.tell()


@pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_pruned_weights_stay_exactly_zero_and_nothing_is_stored_to_move_them(make, device):
    model = network(device)
    optimizer = make(model.parameters())
    for _ in range(3):
        backward(model, device)
        optimizer.step()
    masks = half_masks(model)
    start = copy.deepcopy(model)
    for _ in range(5):
        backward(model, device)
        masked_step_(model, optimizer, masks)
        assert moved(model, masks) == 0
    assert all((p != q).any() for p, q in zip(model.parameters(), start.parameters(), strict=True))
    for name, parameter in prunable_weights(model).items():
        for state in optimizer.state[parameter].values():
            if state.shape == parameter.shape:
                assert state[~masks[name]].abs().max() == 0
        assert parameter.grad[~masks[name]].abs().max() == 0


@pytest.mark.parametrize(
    ("make", "cause"),
    [
        (lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9), "momentum"),
        (lambda p: torch.optim.Adam(p, lr=0.1), "adaptive moments"),
    ],
)
def test_without_the_masked_step_a_zero_gradient_is_enough_to_revive_them(make, cause):
    model = network()
    optimizer = make(model.parameters())
    backward(model)
    optimizer.step()
    masks = half_masks(model)
    apply_masks_(model, masks)
    for parameter in model.parameters():
        parameter.grad.zero_()
    optimizer.step()
    assert moved(model, masks) > 1e-3, cause


@pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_masked_steps_train_as_the_reparametrised_model_of_torch_does(make):
    ours = network()
    masks = half_masks(ours)
    theirs = copy.deepcopy(ours)
    apply_masks_(ours, masks)
    for index in (0, 2):
        torch_prune.custom_from_mask(theirs[index], "weight", masks[f"{index}.weight"])
    one, other = make(ours.parameters()), make(theirs.parameters())
    for _ in range(6):
        backward(ours)
        masked_step_(ours, one, masks)
        backward(theirs)
        other.step()
    for index in (0, 2):
        torch.testing.assert_close(
            ours[index].weight.detach(), (theirs[index].weight_orig * theirs[index].weight_mask).detach()
        )
        torch.testing.assert_close(ours[index].bias, theirs[index].bias)


@pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_a_block_that_holds_the_masks_does_what_masked_steps_do(make):
    one, other = network(), network()
    masks = half_masks(one)
    apply_masks_(other, masks)
    first, second = make(one.parameters()), make(other.parameters())
    with masks_held(one, first, masks):
        assert moved(one, masks) == 0
        for _ in range(4):
            backward(one)
            first.step()
            backward(other)
            masked_step_(other, second, masks)
    for p, q in zip(one.parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(p, q, rtol=0, atol=0)


def test_inside_the_block_clipping_sees_the_kept_gradients_only():
    model = network()
    masks = half_masks(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with masks_held(model, optimizer, masks):
        backward(model)
        total = torch.nn.utils.clip_grad_norm_(model.parameters(), 1e9)
    kept = [p.grad[masks[n]] if n in masks else p.grad.flatten() for n, p in model.named_parameters()]
    torch.testing.assert_close(total, torch.cat(kept).norm())


def test_after_the_block_no_hook_is_left_even_after_an_exception():
    model = network()
    masks = half_masks(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, weight_decay=0.1)
    with pytest.raises(KeyError), masks_held(model, optimizer, masks):
        raise KeyError
    backward(model)
    optimizer.step()
    assert moved(model, masks) > 0
    assert not optimizer._optimizer_step_post_hooks
    assert not any(parameter._backward_hooks for parameter in model.parameters())


def test_masks_leave_no_trace_in_keys_file_or_deepcopy_where_torch_s_reparametrisation_does():
    model = network()
    keys, size = list(model.state_dict()), file_size(model)
    theirs = copy.deepcopy(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with masks_held(model, optimizer, half_masks(model)):
        backward(model)
        optimizer.step()
        twin = copy.deepcopy(model)
        assert list(model.state_dict()) == keys
    assert file_size(model) == file_size(twin) == size
    for index in (0, 2):
        torch_prune.l1_unstructured(theirs[index], "weight", amount=0.5)
    assert list(theirs.state_dict()) != keys
    backward(theirs)
    with pytest.raises(RuntimeError, match="deepcopy"):
        copy.deepcopy(theirs)


def test_a_masked_copy_shares_nothing_with_the_model():
    model = network()
    before = copy.deepcopy(model.state_dict())
    masks = half_masks(model)
    pruned = masked_copy(model, masks)
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name])
        assert torch.equal(pruned.state_dict()[name], value * masks[name] if name in masks else value)
    assert all(p.data_ptr() != q.data_ptr() for p, q in zip(model.parameters(), pruned.parameters(), strict=True))


def test_applying_a_mask_removes_infinite_and_undefined_weights_too():
    model = nn.Linear(3, 1, bias=False)
    with torch.no_grad():
        model.weight.copy_(torch.tensor([[torch.inf, torch.nan, 1.0]]))
    apply_masks_(model, {"weight": torch.tensor([[False, False, True]])})
    assert model.weight.tolist() == [[0.0, 0.0, 1.0]]


def test_prunable_weights_are_those_of_linear_and_conv_layers_never_biases_or_norms():
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(8, 2), nn.LayerNorm(2))
    weights = prunable_weights(model)
    assert list(weights) == ["0.weight", "3.weight"]
    assert weights["0.weight"] is model[0].weight
    assert list(prunable_weights(nn.Linear(2, 2))) == ["weight"]


def reparametrised():
    layer = nn.Linear(2, 2)
    torch_prune.l1_unstructured(layer, "weight", amount=0.5)
    return nn.Sequential(layer)


model = nn.Sequential(nn.Linear(2, 2))
mask = random_mask(torch.ones(2, 2), 0.5, torch.Generator())
REFUSED = [
    (lambda: prunable_weights(reparametrised()), ValueError, "0 .Linear. computes its weight .* remove that first"),
    (lambda: apply_masks_(model, {"0.waight": mask}), ValueError, "masks names '0.waight', .* it has 0.weight, 0.bias"),
    (lambda: apply_masks_(model, {"0.weight": mask[:1]}), ValueError, r"masks\['0.weight'\] has shape \(1, 2\)"),
    (lambda: apply_masks_(model, {"0.weight": mask.float()}), TypeError, r"masks\['0.weight'\] has dtype float32"),
    (lambda: apply_masks_(model, mask), TypeError, "masks is a Tensor: a dict"),
    (lambda: apply_masks_({}, {"0.weight": mask}), TypeError, "model is a dict"),
    (
        lambda: masked_step_(model, torch.optim.SGD(copy.deepcopy(model).parameters(), 0.1), {"0.weight": mask}),
        ValueError,
        "trains none of the masked parameters: was it made for another copy",
    ),
]


@pytest.mark.parametrize(("call", "error", "words"), REFUSED)
def test_bad_input_is_refused_in_words_that_name_the_argument(call, error, words):
    with pytest.raises(error, match=words):
        call()
