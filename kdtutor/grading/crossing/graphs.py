"""Gradients across the border: each side keeps its own graph and asks the other for vector-Jacobian products."""

import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Graph:
    """What this side keeps so that gradients can be asked for.

    outputs: what was sent, with its graph. inputs: the tensors in it that the other side knows, by their numbers.
    hidden: leaves that only this side knows.
    """

    outputs: Sequence[Tensor]
    inputs: Mapping[int, Tensor]
    hidden: Sequence[Tensor]

    def products(self, grads: Sequence[Tensor | None], create_graph: bool) -> list[Tensor | None]:
        """The gradients by the inputs, given those by the outputs; None where an input has no part in them."""
        outputs, given = self._used(grads)
        if not outputs or not self.inputs:
            return [None] * len(self.inputs)
        inputs = list(self.inputs.values())
        found = torch.autograd.grad(
            outputs, inputs, given, retain_graph=True, create_graph=create_graph, allow_unused=True
        )
        return list(found)

    def accumulate(self, grads: Sequence[Tensor | None]) -> None:
        """Add the gradients by the hidden leaves to their `.grad`, as backward() does."""
        outputs, given = self._used(grads)
        if outputs and self.hidden:
            torch.autograd.backward(outputs, given, retain_graph=True, inputs=list(self.hidden))

    def _used(self, grads: Sequence[Tensor | None]) -> tuple[list[Tensor], list[Tensor]]:
        pairs = [(output, grad) for output, grad in zip(self.outputs, grads, strict=True) if grad is not None]
        return [output for output, _ in pairs], [grad for _, grad in pairs]


def graph_of(outputs: Sequence[Tensor], shared: Iterable[tuple[int, Tensor]]) -> Graph:
    """The graph behind the outputs, cut at the tensors that both sides share, given with their numbers."""
    leaves: dict[int, tuple[int, Tensor]] = {}
    nodes: dict[Any, tuple[int, Tensor]] = {}
    for number, tensor in shared:
        if tensor.grad_fn is not None:
            nodes[tensor.grad_fn] = number, tensor
        elif tensor.requires_grad:
            leaves[id(tensor)] = number, tensor
    inputs: dict[int, Tensor] = {}
    hidden: dict[int, Tensor] = {}
    seen: set[Any] = set()
    waiting = [output.grad_fn for output in outputs]
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        found = nodes.get(node)
        leaf = getattr(node, "variable", None)
        if found is None and isinstance(leaf, Tensor):
            found = leaves.get(id(leaf))
            if found is None:
                hidden[id(leaf)] = leaf
        if found is not None:
            inputs[found[0]] = found[1]
            continue
        waiting += [following for following, _ in node.next_functions]
    return Graph(outputs, inputs, list(hidden.values()))


class Remote:
    """A graph that the other side keeps: asks it, and says when it is needed no longer."""

    def __init__(
        self,
        products: Callable[[Sequence[Tensor | None], Sequence[Tensor], bool], Sequence[Tensor | None]],
        accumulate: Callable[[Sequence[Tensor | None]], None],
        forget: Callable[[], object],
    ) -> None:
        self.products = products
        self._accumulate = accumulate
        self._pending: Sequence[Tensor | None] = ()
        weakref.finalize(self, forget)

    def attach(self, values: Sequence[Tensor], inputs: Sequence[Tensor], hidden: bool) -> tuple[Tensor, ...]:
        """The values with a graph that leads through the other side to the inputs.

        Where the other side has leaves of its own, their gradients are added up there when, and only when, backward()
        reaches all leaves here: a leaf of no use but to notice that is one more input.
        """
        witness = torch.zeros((), requires_grad=hidden)
        if hidden:
            witness.register_hook(lambda grad: self._accumulate(self._pending))
        with torch.enable_grad():
            return _Across.apply(self, list(values), witness, *inputs)

    def remember(self, grads: Sequence[Tensor | None]) -> None:
        """What accumulate is to be asked with, should backward() come that far."""
        self._pending = [None if grad is None else grad.detach() for grad in grads]


class _Across(torch.autograd.Function):
    """The identity on values that the other side computed; backward asks there. Twice differentiable."""

    @staticmethod
    def forward(ctx: Any, remote: Remote, values: list[Tensor], witness: Tensor, *inputs: Tensor) -> tuple[Tensor, ...]:
        ctx.remote = remote
        ctx.inputs = inputs  # not saved as autograd saves: a later change of theirs does not matter here
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(torch.empty(0))  # so that a second backward is refused as it is everywhere
        return tuple(values)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Any, ...]:
        if ctx.saved_tensors and all(grad is None for grad in grads):
            return (None,) * (3 + len(ctx.inputs))
        witness = None
        if ctx.needs_input_grad[2]:
            ctx.remote.remember(grads)
            witness = torch.zeros(())
        found = ctx.remote.products(grads, ctx.inputs, torch.is_grad_enabled())
        return None, None, witness, *found
