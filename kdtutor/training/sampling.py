"""Which samples an epoch shows: every class equally often, whatever the data hold."""

import torch
from torch import Generator, Tensor


def balanced_indices(labels: Tensor, per_class: int, generator: Generator) -> Tensor:
    """Numbers of samples in which every class that occurs in `labels` stands `per_class` times, class after class.

    A class with fewer samples repeats all of them as often as they fit and draws the rest (over-sampling); one with
    more gives a random choice without repetition (under-sampling). labels: (N,) integers, on any device. generator:
    on the CPU. Returns (classes · per_class,) int64 on the labels' device.
    Example: labels [0, 0, 0, 1], per_class 2 -> two different ones of 0, 1, 2, and 3 twice.
    Raises ValueError for labels that are not (N,) with at least one sample, or per_class below 1.
    """
    if labels.ndim != 1 or not len(labels):
        raise ValueError(f"labels has shape {tuple(labels.shape)}: (N,) with at least one sample is needed")
    if per_class < 1:
        raise ValueError(f"per_class is {per_class}: at least 1 is needed")
    chosen = []
    for label in labels.unique():
        own = (labels == label).nonzero()[:, 0]
        whole, rest = divmod(per_class, len(own))
        drawn = torch.randperm(len(own), generator=generator)[:rest]
        chosen += [own.repeat(whole), own[drawn.to(own.device)]]
    return torch.cat(chosen)
