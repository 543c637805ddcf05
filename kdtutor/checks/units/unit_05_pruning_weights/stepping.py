"""A training step after which what is removed is zero, and nothing is left to bring it back."""

import copy
from typing import Any

import torch
from torch import Generator, Tensor, nn

from kdtutor import prune
from kdtutor.checks.exercise import Exercise, Law, Mistake, Solution
from kdtutor.checks.units.unit_05_pruning_weights.networks import Masks, mask_weights, perceptron, prunable

_STEPS = 3


def _masked_step(model: nn.Module, optimizer: torch.optim.Optimizer, masks: Masks) -> None:
    prune.masked_step_(model, optimizer, masks)


def _with_gradients(model: nn.Module, seed: int, scale: float = 1.0) -> None:
    g = Generator().manual_seed(seed)
    for parameter in model.parameters():
        parameter.grad = scale * torch.randn(parameter.shape, generator=g)


def _in_training(g: Generator, kind: str) -> tuple[nn.Module, torch.optim.Optimizer, Masks]:
    """A model in the middle of its training: the optimiser has gathered momentum. Then masks are drawn up."""
    model = perceptron(g, 5, 4, 3)
    optimizer: torch.optim.Optimizer
    if kind == "sgd":
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=0.1)
    else:
        optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    for seed in (1, 2):
        _with_gradients(model, seed)
        optimizer.step()
    masks = {name: prune.magnitude_mask(model.get_parameter(name).detach(), 0.5) for name in prunable(model)}
    _with_gradients(model, 3)
    return model, optimizer, masks


def _after_each_step(f: Solution, model: nn.Module, optimizer: torch.optim.Optimizer, masks: Masks) -> dict[str, Any]:
    model, optimizer = copy.deepcopy((model, optimizer))
    seen = {}
    for step in range(1, _STEPS + 1):
        _with_gradients(model, 10 + step)
        f(model, optimizer, masks)
        seen[f"weights after step {step}"] = {name: p.detach().clone() for name, p in model.named_parameters()}
    return seen


def _remembers_nothing(f: Solution, g: Generator) -> bool:
    """A plain step without any gradient follows: only what the optimiser remembers could move a removed weight."""
    for kind in ("sgd", "adam"):
        model, optimizer, masks = _in_training(g, kind)
        f(model, optimizer, masks)
        _with_gradients(model, 0, scale=0.0)
        optimizer.step()
        if any(bool(model.get_parameter(name).detach()[~mask].any()) for name, mask in masks.items()):
            return False
    return True


def _mask_gradients(model: nn.Module, masks: Masks) -> None:
    for name, mask in masks.items():
        gradient = model.get_parameter(name).grad
        if gradient is not None:
            gradient.mul_(mask)


def _mask_memory(model: nn.Module, optimizer: torch.optim.Optimizer, masks: Masks) -> None:
    for name, mask in masks.items():
        for value in optimizer.state[model.get_parameter(name)].values():
            if isinstance(value, Tensor) and value.shape == mask.shape:
                value.mul_(mask)


def _gradients_only(model: nn.Module, optimizer: torch.optim.Optimizer, masks: Masks) -> None:
    _mask_gradients(model, masks)
    optimizer.step()


def _weights_before(model: nn.Module, optimizer: torch.optim.Optimizer, masks: Masks) -> None:
    mask_weights(model, masks)
    optimizer.step()


def _weights_after(model: nn.Module, optimizer: torch.optim.Optimizer, masks: Masks) -> None:
    optimizer.step()
    mask_weights(model, masks)


def _without_a_step(model: nn.Module, optimizer: torch.optim.Optimizer, masks: Masks) -> None:
    mask_weights(model, masks)


def _on_a_product(model: nn.Module, optimizer: torch.optim.Optimizer, masks: Masks) -> None:
    optimizer.step()


def _inverted(model: nn.Module, optimizer: torch.optim.Optimizer, masks: Masks) -> None:
    _masked_step(model, optimizer, {name: ~mask for name, mask in masks.items()})


def _new_parameters(model: nn.Module, optimizer: torch.optim.Optimizer, masks: Masks) -> None:
    optimizer.step()
    for name, mask in masks.items():
        layer, _, own = name.rpartition(".")
        setattr(model.get_submodule(layer), own, nn.Parameter(model.get_parameter(name).detach() * mask))


def _all_memory_lost(model: nn.Module, optimizer: torch.optim.Optimizer, masks: Masks) -> None:
    optimizer.step()
    mask_weights(model, masks)
    optimizer.state.clear()


def _gradients_dropped(model: nn.Module, optimizer: torch.optim.Optimizer, masks: Masks) -> None:
    optimizer.zero_grad()
    _masked_step(model, optimizer, masks)


def _all_three(model: nn.Module, optimizer: torch.optim.Optimizer, masks: Masks) -> None:
    _mask_gradients(model, masks)
    optimizer.step()
    mask_weights(model, masks)
    _mask_memory(model, optimizer, masks)


def _memory_and_weights(model: nn.Module, optimizer: torch.optim.Optimizer, masks: Masks) -> None:
    optimizer.step()
    for name, parameter in model.named_parameters():
        if name in masks:
            parameter.data[~masks[name]] = 0
            for key in ("momentum_buffer", "exp_avg", "exp_avg_sq"):
                if optimizer.state[parameter].get(key) is not None:
                    optimizer.state[parameter][key][~masks[name]] = 0


def _masked_throughout(model: nn.Module, optimizer: torch.optim.Optimizer, masks: Masks) -> None:
    mask_weights(model, masks)
    _mask_gradients(model, masks)
    _mask_memory(model, optimizer, masks)
    optimizer.step()
    mask_weights(model, masks)
    _mask_memory(model, optimizer, masks)


masked_step = Exercise(
    reference=_masked_step,
    inputs=lambda g: [_in_training(g, "sgd"), _in_training(g, "adam")],
    observe=_after_each_step,
    laws=[
        Law("leaves nothing in the optimiser that moves a removed weight later", _remembers_nothing,
            "optimizer.state[parameter] holds tensors of the parameter's shape; mask those too."),
    ],
    mistakes=[
        Mistake("only the gradient masked", _gradients_only,
                "Removed weights come back: their gradient is zero, but the momentum gathered before still moves them, and "
                "so would weight decay. Look at the weights after the step."),
        Mistake("weights masked before the step", _weights_before,
                "The step comes after your mask and moves the removed weights again. What is wanted holds after the step."),
        Mistake("memory left behind", _weights_after,
                "The weights are right after your step, but the optimiser still remembers a momentum for the removed ones: at "
                "the next plain step they come back. Mask the tensors in optimizer.state[parameter] as well."),
        Mistake("no step", _without_a_step,
                "The weights are masked and never trained: optimizer.step() is missing."),
        Mistake("product thrown away", _on_a_product,
                "The removed weights are not zero. weight * mask makes a new tensor; the model keeps the old one. Change it in "
                "place, or its .data."),
        Mistake("mask inverted", _inverted,
                "You zero what should stay. True means kept."),
        Mistake("parameters replaced", _new_parameters,
                "Right after one step; from the second on nothing moves. You gave the layer a new Parameter, and the optimiser "
                "still trains the old one. Change the values in place."),
        Mistake("all memory lost", _all_memory_lost,
                "You empty the optimiser's whole state, so the weights that stay lose their momentum too. Mask it instead."),
        Mistake("gradients dropped", _gradients_dropped,
                "You clear the gradients before the step, so it has nothing to follow. The loop outside does zero_grad."),
    ],
    styles={
        "gradients, step, weights, memory": _all_three,
        "boolean indexing": _memory_and_weights,
        "masked before and after": _masked_throughout,
    },
    hints=(
        "Let the optimiser make its step first. Then see what has to be zero: the weights, and whatever would move them.",
        "model.get_parameter(name) is the weight of that name. Change it in place, under torch.no_grad() or through .data.",
        "optimizer.state[weight] is a dictionary. Multiply by the mask every tensor in it that has the weight's shape; its "
        "step counter has another.",
    ),
)  # fmt: skip
