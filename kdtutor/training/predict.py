"""What a model answers."""

import torch
from torch import Tensor, nn

from kdtutor.measure.evaluation import device_of, evaluation_mode


@torch.no_grad()
def predict(model: nn.Module, inputs: Tensor, batch_size: int = 1000) -> Tensor:
    """The model's outputs for `inputs`, in evaluation mode and without a graph; the model's mode is restored.

    inputs: (N, ...), on any device. Returns (N, ...) on the model's device.
    """
    device = device_of(model, inputs)
    with evaluation_mode(model):
        return torch.cat([model(part.to(device)) for part in inputs.split(batch_size)])
