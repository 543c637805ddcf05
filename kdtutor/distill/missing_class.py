"""A class the student never saw in training, recognised after one correction of its bias.

A student distilled on a transfer set without class c learns what c looks like from the teacher's small probabilities,
but its bias for c is far too low. One number repairs it: z_c + shift. The class wins a sample as soon as the shift
exceeds m_n = max_{j≠c} z_nj - z_nc, so everything about a shift can be read from these margins, without a search.
"""

import math

import torch
from torch import Tensor

from kdtutor.distill.arguments import refuse_nan, require_floating, require_labels
from kdtutor.distill.regime_arguments import require_whole


def correct_missing_class(logits: Tensor, class_index: int, shift: float) -> Tensor:
    """Logits with `shift` added to class_index's column: what raising that class's bias does to a linear last layer.

    logits: (N, C). Returns new logits of the same shape, dtype and device; gradients pass through unchanged.
    Raises TypeError for integer logits, ValueError for another shape, a class outside 0..C-1, a shift not finite.
    Source: Hinton, Vinyals, Dean, "Distilling the Knowledge in a Neural Network", section 3, 2015.
    """
    _require_logits_and_class(logits, class_index)
    if not math.isfinite(shift):
        raise ValueError(f"shift is {shift}: a finite number is needed")
    correction = torch.zeros(logits.shape[1], dtype=logits.dtype, device=logits.device)
    correction[class_index] = shift
    return logits + correction


def missing_class_shift(logits: Tensor, labels: Tensor, class_index: int) -> float:
    """The shift with the highest accuracy on labelled samples: exact, as every margin is tried.

    Raising the shift past m_n changes sample n alone: right if its label is class_index, wrong if it was right before.
    Sorting the margins and summing these changes gives the accuracy for every shift. Of the best shifts, the middle of
    the widest interval is returned, that is the one with most room on both sides; an interval without end is cut at one
    unit past the outermost margin.

    logits: (N, C), finite, C >= 2. labels: (N,). Returns a Python float (reads values back from a GPU).
    Raises as `correct_missing_class`, and for labels that are not indices or without a sample of that class.
    Source: Hinton, Vinyals, Dean, section 3, 2015, choose the bias for the best test accuracy; use validation samples.
    """
    margins, best_other = _margins(logits, class_index)
    if isinstance(labels, Tensor) and labels.shape != logits.shape[:1]:
        raise ValueError(f"labels has shape {tuple(labels.shape)}, logits {tuple(logits.shape)}: labels need (N,)")
    require_labels(labels, logits)
    is_class = labels == class_index
    if not bool(is_class.any()):
        raise ValueError(f"labels holds no sample of class {class_index}: its shift cannot be chosen by accuracy")
    m, order = margins.sort()
    change = is_class.long() - (best_other == labels).long()
    gained = torch.cat([m.new_zeros(1, dtype=torch.long), change[order].cumsum(0)])
    edges = torch.cat([m[:1] - 1, m, m[-1:] + 1])
    widths = edges[1:] - edges[:-1]  # interval i: the i smallest margins are passed
    # An interval of no width (equal margins) is no shift at all.
    gained = gained.masked_fill(widths <= 0, torch.iinfo(torch.long).min)
    best = int(torch.where(gained == gained.max(), widths, -1.0).argmax())
    return float((edges[best] + edges[best + 1]) / 2)


def missing_class_shift_for_frequency(logits: Tensor, class_index: int, frequency: float) -> float:
    """The shift at which class_index wins frequency · N of the samples: no labels, only how common it is.

    logits: (N, C), finite, C >= 2. frequency in [0, 1]. Lies midway between two margins; samples of
    equal margins are won or lost together, so the nearest count that can be had is taken. Returns a Python float (reads
    values back from a GPU).
    Raises as `correct_missing_class`, and ValueError for a frequency outside [0, 1].
    Source: the prior correction of Saerens, Latinne, Decaestecker, "Adjusting the Outputs of a Classifier to New a
    Priori Probabilities", section 2, 2002, with the decision counted in place of the probability.
    """
    margins, _ = _margins(logits, class_index)
    if not 0 <= frequency <= 1:
        raise ValueError(f"frequency is {frequency}: a share from 0 to 1 is needed")
    m = margins.sort().values
    edges = torch.cat([m[:1] - 1, m, m[-1:] + 1])
    widths = edges[1:] - edges[:-1]
    count = torch.arange(len(m) + 1, device=m.device, dtype=m.dtype)
    away = (count - frequency * len(m)).abs()
    won = int(away.masked_fill(widths <= 0, torch.inf).argmin())
    return float((edges[won] + edges[won + 1]) / 2)


def _margins(logits: Tensor, class_index: int) -> tuple[Tensor, Tensor]:
    """m_n = max_{j≠c} z_nj - z_nc in float64, and which other class is the best one."""
    _require_logits_and_class(logits, class_index)
    if logits.shape[1] < 2 or logits.shape[0] == 0:
        raise ValueError(f"logits has shape {tuple(logits.shape)}: at least one sample and two classes are needed")
    z = logits.detach().double()
    if not bool(z.isfinite().all()):
        raise ValueError("logits holds values that are not finite: a margin cannot be formed from them")
    others = z.clone()
    others[:, class_index] = -torch.inf
    best, which = others.max(-1)
    return best - z[:, class_index], which


def _require_logits_and_class(logits: Tensor, class_index: int) -> None:
    require_floating("logits", logits)
    if logits.ndim != 2:
        raise ValueError(f"logits has shape {tuple(logits.shape)}: (N, C) is needed")
    require_whole("class_index", class_index, 0)
    if class_index >= logits.shape[1]:
        raise ValueError(
            f"class_index is {class_index}: with {logits.shape[1]} classes it needs 0 to {logits.shape[1] - 1}"
        )
    refuse_nan(logits=logits)
