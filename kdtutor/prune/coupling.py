r"""Which channels must go together: the groups of layers that share one stream of channels.

A skip connection adds two streams, so channel j of both is one channel; normalisation and depthwise convolutions pass
channels through one by one; flattening turns each into several inputs. The groups are read off the model's own
computation, traced by torch.fx on an example. What cannot be followed (concatenation, attention, normalisation across
channels, grouped convolutions) fixes the channels it touches, with the reason kept.

Source of the idea: Fang et al., "DepGraph: Towards Any Structural Pruning", section 3, 2023.
"""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn

from kdtutor.prune.streams import (
    MERGING,
    POINTWISE,
    POINTWISE_MODULES,
    POOLING,
    POOLING_MODULES,
    REDUCING,
    RESHAPING,
    Channels,
    Stream,
    flattened,
    operation,
    pooled,
    reduced,
    states_width,
)
from kdtutor.prune.structured import CONVOLUTIONS, NORMS, is_depthwise


@dataclass(frozen=True)
class ChannelGroup:
    """One stream of channels. Write one by hand where a model cannot be traced.

    channels: how many. writers: layers whose outputs they are; several where skip connections tie them. carriers: norms
    and depthwise convolutions they pass through, readers: layers that read them, each name → positions a channel has
    there (1 unless a map was flattened before). fixed: why no channel can go, or None.
    """

    channels: int
    writers: tuple[str, ...]
    carriers: Mapping[str, int]
    readers: Mapping[str, int]
    fixed: str | None = None


def channel_groups(model: nn.Module, example: Tensor | tuple[Tensor, ...]) -> dict[str, ChannelGroup]:
    """The groups of coupled channels of a model, each under the name of its first writer.

    example: a small batch of inputs on the model's device, or a tuple for several arguments; a copy of the model runs
    on it in evaluation mode. Followed are Linear, Conv1d–3d, BatchNorm, InstanceNorm, functions of single entries,
    pooling, flattening, and sums and products of streams (skip connections, gates). Inputs and outputs are fixed.
    Returns name → `ChannelGroup`, in the order of computation.
    Raises ValueError, with the reason, for a model that torch.fx cannot trace or that does not run on the example.
    """
    if not isinstance(model, nn.Module):
        raise TypeError(f"model is a {type(model).__name__}: a torch.nn.Module is needed")
    quiet = copy.deepcopy(model).eval()
    try:
        graph = fx.GraphModule(quiet, fx.Tracer().trace(quiet))
    except Exception as reason:
        raise ValueError(
            f"model ({type(model).__name__}) cannot be traced by torch.fx ({reason}): write its ChannelGroups by hand"
        ) from reason
    follower = _Follower(graph)
    inputs = example if isinstance(example, tuple) else (example,)
    try:
        with torch.no_grad():
            follower.run(*inputs)
    except RuntimeError as reason:
        shapes = ", ".join(str(tuple(x.shape)) for x in inputs)
        raise ValueError(f"model does not run on example of shape {shapes}: {reason}") from reason
    follower.fix_shared_parameters()
    return follower.groups()


class _Follower(fx.Interpreter):
    """Runs the graph once and, beside every tensor, follows its channels."""

    def __init__(self, graph: fx.GraphModule) -> None:
        super().__init__(graph)
        self.nodes = list(graph.graph.nodes)
        self.streams: dict[fx.Node, Stream] = {}
        self.all: list[Channels] = []
        self.seen: dict[str, tuple[Stream, Stream]] = {}

    def run_node(self, n: fx.Node) -> Any:
        result = super().run_node(n)
        came = [self.streams[node] for node in n.all_input_nodes if node in self.streams]
        if n.op == "output":
            self._fix(came, "they are the model's output")
        elif isinstance(result, Tensor):
            stream = self._follow(n, came, result)
            self.streams[n] = self._lost(n, came, result) if stream is None else stream
        elif not isinstance(result, (int, float, bool, str, torch.Size, torch.dtype, torch.device, type(None))):
            self._fix(came, self._through(n))
        return result

    def groups(self) -> dict[str, ChannelGroup]:
        computed = {str(n.target): position for position, n in enumerate(self.nodes)}
        roots = {id(group.root()): group.root() for group in self.all}
        found = [
            ChannelGroup(
                root.channels,
                tuple(sorted(root.writers, key=computed.__getitem__)),
                dict(root.carriers),
                dict(root.readers),
                root.fixed,
            )
            for root in roots.values()
            if root.writers
        ]
        found.sort(key=lambda group: computed[group.writers[0]])
        return {group.writers[0]: group for group in found}

    def fix_shared_parameters(self) -> None:
        """Slicing a layer's weight would break every other use of it: another layer's, or the model's own."""
        for n in self.nodes:
            if n.op == "get_attr":
                self._fix_layers({str(n.target).rpartition(".")[0]}, f"the model also uses {n.target} by itself")
        owners: dict[int, str] = {}
        for name, module in self.module.named_modules():
            for parameter in module.parameters(recurse=False):
                first = owners.setdefault(id(parameter), name)
                if first != name:
                    self._fix_layers({first, name}, f"{first} and {name} share one parameter")

    def _follow(self, n: fx.Node, came: list[Stream], result: Tensor) -> Stream | None:
        """The stream of the result, or None where it is lost."""
        if n.op == "placeholder":
            return self._new(result, 1, fixed="they are the model's input")
        if n.op == "get_attr":
            return self._new(result, 0, fixed=f"they are the constant {n.target}")
        if n.op == "call_module":
            assert isinstance(n.target, str)
            return self._through_module(n.target, self.module.get_submodule(n.target), came, result)
        name = operation(n)
        shape = result.shape
        if name in MERGING:
            return self._merge(came, shape)
        if len(came) != 1:
            return None
        stream = came[0]
        if name in POINTWISE and shape == stream.shape:
            return stream
        if name in POOLING:
            return pooled(stream, shape)
        if name in RESHAPING:
            if name != "flatten" and states_width(n, stream.axis):
                self._fix(came, f"{name}() states their number; with -1 in its place it would follow")
                return None
            return flattened(stream, shape)
        if name in REDUCING:
            return reduced(n, stream, shape)
        return None

    def _through_module(self, name: str, module: nn.Module, came: list[Stream], result: Tensor) -> Stream | None:
        if len(came) != 1:
            return None
        stream, shape = came[0], result.shape
        if isinstance(module, POINTWISE_MODULES) or (isinstance(module, nn.PReLU) and module.num_parameters == 1):
            return stream
        if isinstance(module, POOLING_MODULES):
            return pooled(stream, shape)
        if isinstance(module, nn.Flatten):
            return flattened(stream, shape)
        if isinstance(module, (*NORMS, nn.PReLU)) or is_depthwise(module):
            if stream.axis != 1 or (is_depthwise(module) and stream.positions != 1):
                return None
            stream.group.root().carriers[name] = stream.positions
            return self._once(name, stream, stream.like(shape))
        if isinstance(module, nn.Linear):
            readable = stream.axis == len(stream.shape) - 1
            return self._read_and_write(name, stream, result, result.ndim - 1, readable)
        if isinstance(module, CONVOLUTIONS) and module.groups == 1:
            return self._read_and_write(name, stream, result, 1, stream.axis == stream.positions == 1)
        return None

    def _read_and_write(self, name: str, stream: Stream, result: Tensor, axis: int, readable: bool) -> Stream:
        """Whatever a layer reads, what it writes is a new stream; what it reads along another axis is fixed."""
        if not readable:
            self._fix([stream], f"{name} reads them along another axis")
        stream.group.root().readers[name] = stream.positions
        written = self._new(result, axis)
        if name not in self.seen:
            written.group.writers.append(name)
        return self._once(name, stream, written)

    def _once(self, name: str, came: Stream, left: Stream) -> Stream:
        """A module used twice has one weight for both uses, so both inputs are one group and both outputs."""
        if name in self.seen:
            for before, now in zip(self.seen[name], (came, left), strict=True):
                if before.positions != now.positions:
                    self._fix([before, now], f"{name} reads them in two layouts")
                else:
                    self._join(before.group, now.group)
        else:
            self.seen[name] = (came, left)
        return left

    def _merge(self, came: list[Stream], shape: torch.Size) -> Stream | None:
        """Entry by entry: channel j meets channel j. Broadcasting along other axes is harmless."""
        came = [stream for stream in came if stream.shape.numel() > 1]
        if not came:
            return None
        first = came[0]
        for stream in came:
            if stream.axis != first.axis or stream.positions != first.positions:
                return None
            if len(stream.shape) != len(shape) or stream.shape[stream.axis] != shape[first.axis]:
                return None
        for stream in came[1:]:
            self._join(first.group, stream.group)
        return first.like(shape)

    def _join(self, one: Channels, other: Channels) -> None:
        one, other = one.root(), other.root()
        if one is other:
            return
        other.joined = one
        one.writers += other.writers
        one.carriers |= other.carriers
        one.readers |= other.readers
        one.fixed = one.fixed or other.fixed

    def _lost(self, n: fx.Node, came: list[Stream], result: Tensor) -> Stream:
        reason = self._through(n)
        self._fix(came, reason)
        lost = self._new(result, min(1, max(0, result.ndim - 1)), fixed=reason)
        if n.op == "call_module" and isinstance(self.module.get_submodule(str(n.target)), CONVOLUTIONS):
            lost.group.writers.append(str(n.target))
        return lost

    def _new(self, tensor: Tensor, axis: int, fixed: str | None = None) -> Stream:
        channels = tensor.shape[axis] if tensor.ndim > axis else 1
        group = Channels(channels, fixed=fixed)
        self.all.append(group)
        return Stream(group, axis, 1, tensor.shape)

    def _through(self, n: fx.Node) -> str:
        what = f"{operation(n)}()"
        if n.op == "call_module":
            module = self.module.get_submodule(str(n.target))
            groups = f" with groups={module.groups}" if isinstance(module, CONVOLUTIONS) and module.groups > 1 else ""
            what = f"{n.target} ({type(module).__name__}{groups})"
        return f"they pass through {what}, which channel_groups cannot follow"

    def _fix_layers(self, names: set[str], reason: str) -> None:
        for group in self.all:
            root = group.root()
            if names & {*root.writers, *root.carriers, *root.readers}:
                root.fixed = root.fixed or reason

    def _fix(self, streams: list[Stream], reason: str) -> None:
        for stream in streams:
            root = stream.group.root()
            root.fixed = root.fixed or reason
