"""A whole network to int8: which ranges its layers see, and the layers replaced."""

import copy
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from kdtutor.quantize.calibration import Method
from kdtutor.quantize.conv import Int8Conv2d
from kdtutor.quantize.int8_layer import Int8Layer, Range
from kdtutor.quantize.linear import Int8Linear
from kdtutor.quantize.observer import RangeObserver


def observe_inputs(
    model: nn.Module, batches: Iterable[Tensor], method: Method = "minmax", bits: int = 8
) -> dict[str, tuple[Tensor, Tensor]]:
    """The range [low, high] of what every Linear and Conv2d of a network receives: static calibration.

    Runs the batches through the model in evaluation mode without gradients; the modes are restored. method, bits: as
    `calibrate`. Returns module name to range, for `to_int8`. A layer that was never reached is left out.
    Raises ValueError for no batches, and as `calibrate` does.
    """
    observers: dict[str, RangeObserver] = {}
    training = [module for module in model.modules() if module.training]
    handles = []
    for name, module in model.named_modules():
        if isinstance(module, (nn.Linear, nn.Conv2d)):
            observer = RangeObserver(method, bits)
            observers[name] = observer
            handles.append(module.register_forward_pre_hook(lambda _, inputs, o=observer: o.observe(inputs[0])))
    count = 0
    try:
        model.eval()
        with torch.no_grad():
            for batch in batches:
                model(batch)
                count += 1
    finally:
        for handle in handles:
            handle.remove()
        for module in training:
            module.training = True
    if count == 0:
        raise ValueError("batches is empty: at least one batch is needed to calibrate from")
    return {name: observer.range() for name, observer in observers.items() if observer.calibrated}


def to_int8(model: nn.Module, input_ranges: Mapping[str, Range] | None = None) -> nn.Module:
    """A copy of the network with every Linear and Conv2d in int8; the network itself stays as it is.

    input_ranges: module name to (low, high), from `observe_inputs`; layers without one measure each input.
    Raises ValueError for a name that is no such layer.
    """
    ranges = dict(input_ranges or {})
    layers = {name: module for name, module in model.named_modules() if isinstance(module, (nn.Linear, nn.Conv2d))}
    unknown = sorted(ranges.keys() - layers.keys())
    if unknown:
        raise ValueError(f"input_ranges names {unknown[0]!r}: the Linear and Conv2d layers are {sorted(layers)}")
    # deepcopy takes what its memo holds instead of copying: shared layers stay shared.
    replaced: dict[int, Int8Layer] = {}
    for name, layer in layers.items():
        if isinstance(layer, nn.Linear):
            replaced[id(layer)] = Int8Linear.from_float(layer, ranges.get(name))
        else:
            replaced[id(layer)] = Int8Conv2d.from_float(layer, ranges.get(name))
        replaced[id(layer)].train(layer.training)
    return copy.deepcopy(model, dict(replaced))
