"""Distillation as it is commonly written: what the cached step is measured against.

The teacher answers every batch anew and keeps its graph, so the backward pass runs through it as well; the samples
come one by one out of a DataLoader; the loss is put together from torch's functions.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from kdtutor.distill import Views


def batches_of(x: Tensor, y: Tensor, batch_size: int) -> DataLoader[tuple[Tensor, ...]]:
    """The samples, shuffled, picked one by one and put together on the CPU."""
    return DataLoader(TensorDataset(x.cpu(), y.cpu()), batch_size, shuffle=True)


def common_loss(z_s: Tensor, z_t: Tensor, y: Tensor, temperature: float, alpha: float) -> Tensor:
    """(1 - α) · CE(z_s, y) + α · T² · KL(p_t(T) ‖ p_s(T))."""
    return (1 - alpha) * F.cross_entropy(z_s, y) + alpha * common_kd_loss(z_s, z_t, temperature)


def common_kd_loss(z_s: Tensor, z_t: Tensor, temperature: float) -> Tensor:
    """T² · KL(p_t(T) ‖ p_s(T)) through `F.kl_div`."""
    log_p_s, p_t = F.log_softmax(z_s / temperature, dim=1), F.softmax(z_t / temperature, dim=1)
    return F.kl_div(log_p_s, p_t, reduction="batchmean") * temperature**2


def common_epoch(
    student: nn.Module,
    teacher: nn.Module,
    loader: DataLoader[tuple[Tensor, ...]],
    optimizer: torch.optim.Optimizer,
    temperature: float,
    alpha: float,
    views: Views | None = None,
) -> float:
    """One epoch in place, with a random view of every batch's samples where there are views; the mean loss."""
    student.train()
    teacher.eval()
    device = next(student.parameters()).device
    generator = torch.Generator(device).manual_seed(0)
    total = 0.0
    for x, y in loader:
        x, y = x.to(device), y.to(device)
        if views is not None:
            x = views.view(x, views.draw(len(x), generator))
        loss = common_loss(student(x), teacher(x), y, temperature, alpha)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    return total / len(loader)
