"""Several networks asked about one picture: what each says, how large its file is, how long it took."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor, nn

from kdtutor.measure import latency
from kdtutor.quantize import encode_artifact

TOP = 3
TIMING = 0.008  # seconds a network is timed for, so that all answers come while one is still drawing


@dataclass(frozen=True)
class Answer:
    """What one network says: its likeliest classes with their probabilities, the bytes of its file, its median time.

    seconds: for one picture, on this machine, with the threads that torch uses.
    """

    network: str
    top: tuple[tuple[str, float], ...]
    file_bytes: int
    seconds: float


def ask(networks: Mapping[str, nn.Module], picture: Tensor, classes: Sequence[str]) -> tuple[Answer, ...]:
    """Each network's answer to one picture (1, 1, H, W), on the CPU and in evaluation mode.

    Raises ValueError for another number of pictures than one.
    """
    if len(picture) != 1:
        raise ValueError(f"picture has shape {tuple(picture.shape)}: one picture, (1, 1, H, W), is needed")
    return tuple(_answer(name, network, picture, classes) for name, network in networks.items())


@torch.inference_mode()
def _answer(name: str, network: nn.Module, picture: Tensor, classes: Sequence[str]) -> Answer:
    probabilities, order = network(picture)[0].softmax(-1).topk(TOP)
    taken = latency(lambda: network(picture), warmup=1, budget=TIMING)
    top = tuple((classes[c], p) for c, p in zip(order.tolist(), probabilities.tolist(), strict=True))
    return Answer(name, top, file_bytes(network), taken.median)


@cache
def file_bytes(network: nn.Module) -> int:
    """The bytes of one file with everything that the network needs; where most weights are 0 only the others are kept.

    The same format for all, `quantize.encode_artifact`, so that the numbers can be set side by side. It is written
    once for each network: change its weights, and the number is that of before.
    """
    return len(encode_artifact({name: value.contiguous() for name, value in network.state_dict().items()}))
