"""What the losses of this folder refuse, and in which words.

Shapes and types are checked on every device. Values (NaN, negative probabilities) are checked on the CPU alone:
on a GPU reading one value back would stall the stream at every step, so there a NaN passes through into the loss.
"""

import math

import torch
from torch import Tensor

CLASS_AXIS_WANTED = "both need (N, C)"


def values_are_readable(*tensors: Tensor) -> bool:
    """Whether looking at values is free: on the CPU, outside torch.compile and outside torch.func transforms."""
    if torch.compiler.is_compiling():
        return False
    return all(t.device.type == "cpu" and not torch._C._functorch.is_functorch_wrapped_tensor(t) for t in tensors)


def require_floating(name: str, tensor: Tensor) -> None:
    """Refuse anything that is not a floating-point tensor."""
    if not isinstance(tensor, Tensor):
        raise TypeError(f"{name} is a {type(tensor).__name__}: a floating-point torch.Tensor is needed")
    if not tensor.is_floating_point():
        raise TypeError(
            f"{name} has dtype {str(tensor.dtype).removeprefix('torch.')}: a floating-point tensor is needed"
        )


def require_classes(name: str, tensor: Tensor) -> None:
    """Refuse a tensor without a class axis, or with an empty one."""
    if tensor.ndim == 0 or tensor.shape[-1] == 0:
        raise ValueError(
            f"{name} has shape {tuple(tensor.shape)}: the last axis holds the classes and needs at least one"
        )


def require_pair(student_logits: Tensor, teacher_logits: Tensor) -> None:
    """Refuse two logit tensors that do not describe the same samples and classes."""
    require_floating("student_logits", student_logits)
    require_floating("teacher_logits", teacher_logits)
    if student_logits.ndim != 2 or student_logits.shape != teacher_logits.shape:
        raise ValueError(
            f"teacher_logits has shape {tuple(teacher_logits.shape)}, student_logits {tuple(student_logits.shape)}: "
            f"{CLASS_AXIS_WANTED}"
        )
    if student_logits.numel() == 0:
        raise ValueError(
            f"student_logits has shape {tuple(student_logits.shape)}: at least one sample and one class needed"
        )
    if student_logits.device != teacher_logits.device:
        raise ValueError(
            f"teacher_logits is on {teacher_logits.device}, student_logits on {student_logits.device}: "
            "both need the same device"
        )


def require_temperature(temperature: float) -> None:
    """Refuse a temperature that is not a positive, finite number."""
    if not isinstance(temperature, (int, float)) or isinstance(temperature, bool):
        raise TypeError(f"temperature is a {type(temperature).__name__}: a positive number is needed")
    if not (math.isfinite(temperature) and temperature > 0):
        raise ValueError(f"temperature is {temperature}: it divides the logits and must be positive and finite")


def require_weight(name: str, value: float, low: float, high: float) -> None:
    """Refuse a mixing weight outside [low, high]."""
    if not (math.isfinite(value) and low <= value <= high):
        raise ValueError(f"{name} is {value}: a number from {low:g} to {high:g} is needed")


def require_labels(labels: Tensor, logits: Tensor) -> None:
    """Refuse labels that are not one class index a row of `logits`."""
    if not isinstance(labels, Tensor) or labels.is_floating_point() or labels.dtype == torch.bool:
        came = str(labels.dtype).removeprefix("torch.") if isinstance(labels, Tensor) else type(labels).__name__
        raise TypeError(f"labels is {came}: an integer tensor of class indices is needed")
    if labels.shape != logits.shape[:1]:
        raise ValueError(
            f"labels has shape {tuple(labels.shape)}, student_logits {tuple(logits.shape)}: "
            "labels need (N,), one index a row"
        )
    if values_are_readable(labels) and labels.numel():
        lowest, highest = (int(bound) for bound in labels.aminmax())
        if not 0 <= lowest <= highest < logits.shape[1]:
            raise ValueError(
                f"labels range from {lowest} to {highest}: with {logits.shape[1]} classes they need 0 to "
                f"{logits.shape[1] - 1}"
            )


def require_class_weights(class_weights: Tensor, logits: Tensor) -> None:
    """Refuse class weights that are not one non-negative number a class."""
    require_floating("class_weights", class_weights)
    if class_weights.shape != logits.shape[-1:]:
        raise ValueError(
            f"class_weights has shape {tuple(class_weights.shape)}, the logits have {logits.shape[-1]} classes: "
            f"({logits.shape[-1]},) is needed"
        )
    if values_are_readable(class_weights) and bool((class_weights < 0).any()):
        raise ValueError("class_weights holds a negative weight: each must be zero or more")


def require_probabilities(name: str, probs: Tensor) -> None:
    """Refuse rows that are not distributions: entries below zero, or a sum that is not 1."""
    require_floating(name, probs)
    require_classes(name, probs)
    if not values_are_readable(probs):
        return
    refuse_nan(**{name: probs})
    if bool((probs < 0).any()):
        raise ValueError(f"{name} holds {float(probs.min()):.4g}: probabilities are never negative (are these logits?)")
    sums = probs.detach().sum(-1, dtype=torch.promote_types(probs.dtype, torch.float32))
    slack = 4 * torch.finfo(probs.dtype).eps * max(probs.shape[-1], 16)
    if probs.numel() and bool(((sums - 1).abs() > slack).any()):
        worst = float(sums.flatten()[(sums - 1).abs().flatten().argmax()])
        raise ValueError(f"a row of {name} sums to {worst:.6g}: probabilities sum to 1 over the last axis")


def refuse_nan(**tensors: Tensor) -> None:
    """Name the first tensor that holds a NaN, where values can be read without a stall."""
    for name, tensor in tensors.items():
        if values_are_readable(tensor) and bool(tensor.isnan().any()):
            raise ValueError(f"{name} holds NaN in {int(tensor.isnan().sum())} of {tensor.numel()} entries")


def refuse_nan_of_rows(per_row: Tensor, **tensors: Tensor) -> None:
    """Name the tensor whose NaN has come into a loss's rows, where values can be read without a stall."""
    if values_are_readable(per_row) and bool(per_row.isnan().any()):
        refuse_nan(**tensors)


def require_finite(**tensors: Tensor) -> None:
    """Name the first tensor that holds NaN or infinity, where values can be read without a stall."""
    refuse_nan(**tensors)
    for name, tensor in tensors.items():
        if values_are_readable(tensor) and bool(tensor.isinf().any()):
            raise ValueError(
                f"{name} holds infinity in {int(tensor.isinf().sum())} of {tensor.numel()} entries: all must be finite"
            )


def require_features(student: Tensor, teacher: Tensor, *, least: int = 1) -> None:
    """Refuse features that do not describe the same samples, or fewer samples than a relation needs."""
    require_floating("student", student)
    require_floating("teacher", teacher)
    if student.ndim < 2 or teacher.ndim < 2 or student.shape[0] != teacher.shape[0]:
        raise ValueError(
            f"teacher has shape {tuple(teacher.shape)}, student {tuple(student.shape)}: both need (N, ...), the same "
            "samples in the same order"
        )
    if student.shape[0] < least:
        samples = f"{student.shape[0]} sample" + ("" if student.shape[0] == 1 else "s")
        raise ValueError(f"student and teacher hold {samples}: this loss needs at least {least}")
    if student.numel() == 0 or teacher.numel() == 0:
        raise ValueError(
            f"teacher has shape {tuple(teacher.shape)}, student {tuple(student.shape)}: neither may be empty"
        )
    if student.device != teacher.device:
        raise ValueError(f"teacher is on {teacher.device}, student on {student.device}: both need the same device")
    require_finite(student=student, teacher=teacher)


def require_matching_features(student: Tensor, teacher: Tensor) -> None:
    """Refuse features that cannot be subtracted from each other."""
    require_features(student, teacher)
    if student.shape != teacher.shape:
        raise ValueError(
            f"teacher has shape {tuple(teacher.shape)}, student {tuple(student.shape)}: both need the same shape (a "
            "Regressor maps the student's channels to the teacher's)"
        )


def require_feature_maps(name: str, features: Tensor) -> None:
    """Refuse anything that is not a batch of feature maps."""
    require_floating(name, features)
    if features.ndim != 4 or features.numel() == 0:
        raise ValueError(f"{name} has shape {tuple(features.shape)}: feature maps (N, C, H, W), none empty, are needed")
    require_finite(**{name: features})


def require_positive(name: str, value: float) -> None:
    """Refuse a size or a scale that is not a positive, finite number."""
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise TypeError(f"{name} is a {type(value).__name__}: a positive number is needed")
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{name} is {value}: a positive, finite number is needed")


def require_count(name: str, value: int) -> None:
    """Refuse a count that is not a whole number of at least 1."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{name} is a {type(value).__name__}: a whole number of at least 1 is needed")
    if value < 1:
        raise ValueError(f"{name} is {value}: at least 1 is needed")


def require_mask(mask: Tensor, shape: tuple[int, ...], of: str) -> None:
    """Refuse a mask that is not one bool a token of `of`."""
    if not isinstance(mask, Tensor) or mask.dtype != torch.bool:
        came = str(mask.dtype).removeprefix("torch.") if isinstance(mask, Tensor) else type(mask).__name__
        raise TypeError(f"mask is {came}: a bool tensor is needed, True where a token counts")
    if tuple(mask.shape) != tuple(shape):
        raise ValueError(f"mask has shape {tuple(mask.shape)}: {of} needs {tuple(shape)}, one entry a token")
