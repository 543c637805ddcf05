"""Many models of one architecture as one: their weights stacked, their forward passes batched."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from kdtutor.training.precision import at_precision
from kdtutor.training.recipe import Precision

# These work on each number alone, so a further leading axis changes nothing.
_ELEMENTWISE = (nn.ReLU, nn.LeakyReLU, nn.ELU, nn.GELU, nn.SiLU, nn.Tanh, nn.Sigmoid, nn.Identity, nn.Dropout)


class Stacked:
    """S models whose parameters and buffers are the rows of stacked tensors (S, ...): change one, and you change both.

    `parameters` are what an optimiser updates: AdamW and SGD work on each number alone, so S stacked students are
    updated as S separate ones would be. Until `release` the models share the stacked memory.
    """

    def __init__(self, models: Sequence[nn.Module]) -> None:
        require_alike(models)
        self.models = list(models)
        self._template = models[0]
        self.parameters = {name: self._stack(name) for name, _ in self._template.named_parameters()}
        self.buffers = {name: self._stack(name, "buffer") for name, _ in self._template.named_buffers()}

    def forward(self, precision: Precision, device: torch.device) -> Callable[[Tensor], Any]:
        """The function (S, B, ...) -> (S, B, ...) that sends row s through model s, as its weights then are."""
        if is_perceptron(self._template):
            batched: Callable[[Tensor], Any] = self._perceptron()
        else:
            batched = self._by_vmap
        return at_precision(batched, precision, device)

    def settle(self) -> None:
        """Take over what a callback assigned to `parameter.data`: the new values, in the stacked memory."""
        for name, stacked in self.parameters.items():
            for row, model in zip(stacked.detach(), self.models, strict=True):
                parameter = model.get_parameter(name)
                if parameter.data_ptr() != row.data_ptr():
                    row.copy_(parameter.detach())
                    parameter.data = row

    def release(self) -> None:
        """Give every model memory of its own again."""
        for model in self.models:
            for tensor in (*model.parameters(), *model.buffers()):
                tensor.data = tensor.data.clone()

    def _stack(self, name: str, kind: str = "parameter") -> Tensor:
        own = [model.get_parameter(name) if kind == "parameter" else model.get_buffer(name) for model in self.models]
        stacked = torch.stack([tensor.detach() for tensor in own])
        for tensor, row in zip(own, stacked, strict=True):
            tensor.data = row
        return stacked.requires_grad_(own[0].requires_grad)

    def _by_vmap(self, inputs: Tensor) -> Any:
        def one(parameters: dict[str, Tensor], buffers: dict[str, Tensor], x: Tensor) -> Any:
            return functional_call(self._template, (parameters, buffers), (x,))

        return vmap(one, randomness="different")(self.parameters, self.buffers, inputs)

    def _perceptron(self) -> Callable[[Tensor], Tensor]:
        """Linear layers as one batched product with the bias added in the same kernel, without vmap's dispatch.

        Samples are the columns, h = W x + b: the weights' gradients, g xᵀ, then come out in the weights' own layout,
        where h = x Wᵀ + b would have them transposed and copied.
        """
        layers = [
            self._batched(name, layer) if isinstance(layer, nn.Linear) else layer
            for name, layer in list(self._template.named_children())[1:]
        ]

        def forward(inputs: Tensor) -> Tensor:
            x = inputs.flatten(2).mT
            for layer in layers:
                x = layer(x)
            return x.mT.contiguous()

        return forward

    def _batched(self, name: str, layer: nn.Linear) -> Callable[[Tensor], Tensor]:
        weight = self.parameters[f"{name}.weight"]
        if layer.bias is None:
            return partial(torch.bmm, weight)
        bias = self.parameters[f"{name}.bias"]
        return lambda x: torch.baddbmm(bias.unsqueeze(2), weight, x)


def is_perceptron(model: nn.Module) -> bool:
    """Whether the model is Flatten, then Linear and elementwise layers, in an nn.Sequential and without hooks."""
    if type(model) is not nn.Sequential:
        return False
    first, *others = model
    return (
        type(first) is nn.Flatten
        and (first.start_dim, first.end_dim) == (1, -1)
        and all(type(layer) in (nn.Linear, *_ELEMENTWISE) for layer in others)
        and not any(layer._forward_hooks or layer._forward_pre_hooks for layer in (model, *model))
    )


def require_alike(models: Sequence[nn.Module]) -> None:
    """Refuse no models, one model twice, or models that differ in more than their numbers."""
    if not models:
        raise ValueError("models is empty: at least one is needed")
    if len({id(model) for model in models}) < len(models):
        raise ValueError("models holds one model twice: each student needs weights of its own")
    first = _describe(models[0])
    for number, model in enumerate(models[1:], 1):
        ours = _describe(model)
        if ours != first:
            name = next(name for name in (*first, *ours) if ours.get(name) != first.get(name))
            raise ValueError(
                f"models[{number}] differs from models[0] at {name!r}: {ours.get(name, 'nothing')} instead of "
                f"{first.get(name, 'nothing')}; only models that differ in their numbers alone can be stacked"
            )


def _describe(model: nn.Module) -> dict[str, object]:
    structure: dict[str, object] = {name or "itself": repr(module) for name, module in model.named_modules()}
    tensors = (*model.named_parameters(), *model.named_buffers())
    return {
        **{name: (tuple(t.shape), str(t.dtype), t.requires_grad) for name, t in tensors},
        **dict(reversed(structure.items())),
    }
