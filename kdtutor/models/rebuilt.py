"""From a state dict back to the network: what it is, its names and shapes say."""

from collections.abc import Mapping

from torch import Tensor, nn

NAMES = "names are those of the state dict of models.mlp or models.cnn"
LARGEST_KERNEL = 7


def from_state(state: Mapping[str, Tensor]) -> nn.Sequential:
    """The perceptron (`mlp`) or small convolutional network (`cnn`) that this state dict belongs to, of any widths.

    The widths are read off the shapes, so channels and neurons may have been removed; BatchNorm may have been folded
    into its convolution (`torch.nn.utils.fusion.fuse_conv_bn_eval`), and then there is none. Weights are taken as
    float32. Returns the network in evaluation mode, without dropout.
    Raises ValueError, in a sentence, where names or shapes make neither network or a value is not finite.
    """
    tensors = {name: value.float() for name, value in state.items() if not name.endswith("num_batches_tracked")}
    infinite = next((name for name, value in tensors.items() if not bool(value.isfinite().all())), None)
    if infinite is not None:
        raise ValueError(f"{infinite!r} holds a value that is no finite number")
    network = nn.Sequential(*(_convolutional(tensors) if "0.weight" in tensors else _perceptron(tensors)))
    wanted = {n: v.shape for n, v in network.state_dict().items() if not n.endswith("num_batches_tracked")}
    for name, shape in wanted.items():
        if name not in tensors:
            raise ValueError(f"{name!r} is missing: {NAMES}")
        if tensors[name].shape != shape:
            raise ValueError(f"{name!r} has shape {tuple(tensors[name].shape)}: {tuple(shape)} is needed there")
    if unused := sorted(tensors.keys() - wanted.keys()):
        raise ValueError(f"{unused[0]!r} belongs to no layer: {NAMES}")
    network.load_state_dict(tensors, strict=False)
    return network.eval()


def _perceptron(state: Mapping[str, Tensor]) -> list[nn.Module]:
    layers: list[nn.Module] = [nn.Flatten()]
    for number in range(max(1, sum(name.endswith(".weight") for name in state))):
        out, into = _shape(state, f"{2 * number + 1}.weight", 2)
        layers += [nn.ReLU(), nn.Linear(into, out)] if number else [nn.Linear(into, out)]
    return layers


def _convolutional(state: Mapping[str, Tensor]) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for place in (0, 4):
        out, into, height, width = _shape(state, f"{place}.weight", 4)
        if height != width or height % 2 == 0 or height > LARGEST_KERNEL:
            raise ValueError(f"'{place}.weight' has {height} × {width} kernels: square ones, 1, 3, 5 or 7, are needed")
        norm = nn.BatchNorm2d(out) if f"{place + 1}.weight" in state else nn.Identity()
        layers += [nn.Conv2d(into, out, height, padding=height // 2), norm, nn.ReLU(), nn.MaxPool2d(2)]
    hidden, features = _shape(state, "9.weight", 2)
    classes, into = _shape(state, "12.weight", 2)
    # an Identity stands where the dropout was, so that the names stay
    return [*layers, nn.Flatten(), nn.Linear(features, hidden), nn.ReLU(), nn.Identity(), nn.Linear(into, classes)]


def _shape(state: Mapping[str, Tensor], name: str, axes: int) -> tuple[int, ...]:
    if name not in state:
        raise ValueError(f"{name!r} is missing: {NAMES}")
    shape = tuple(state[name].shape)
    if len(shape) != axes or 0 in shape:
        raise ValueError(f"{name!r} has shape {shape}: {axes} axes, none of them empty, are needed")
    return shape
