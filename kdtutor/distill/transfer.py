"""Knowledge handed over as weights: a student that starts from some of the teacher's layers, or is pulled to them."""

import copy
from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import Module

from kdtutor.distill.regime_arguments import require_module


def transfer_weights(student: Module, teacher: Module, mapping: Mapping[str, str]) -> Module:
    """A copy of the student in which the named parts hold the teacher's weights; nothing given is changed.

    mapping: student's name → teacher's name, of modules ("layers.1": "layers.2" copies all parameters and buffers
    below) or of single tensors ("head.bias": "head.bias"). Copying every second layer of a deep teacher starts a
    student of half its depth. Values take the student's dtype and device; they become no shared tensors.
    Raises TypeError for what is no module, ValueError for an empty mapping, a name that does not exist, parts whose
    tensors differ in name or shape, and a student's tensor that is mapped twice: always with both names.
    Source: Sanh et al., "DistilBERT, a distilled version of BERT", section 3, 2019 (one layer out of two).
    """
    require_module("student", student)
    require_module("teacher", teacher)
    if not mapping:
        raise ValueError("mapping is empty: name at least one part of the student and where it comes from")
    started = copy.deepcopy(student)
    into, source = started.state_dict(), teacher.state_dict()
    given: dict[str, str] = {}
    for student_name, teacher_name in mapping.items():
        theirs = _tensors_below(teacher_name, source, "teacher", teacher)
        ours = _tensors_below(student_name, into, "student", student)
        if odd := sorted(ours.keys() ^ theirs.keys()):
            owner = "student" if odd[0] in ours else "teacher"
            raise ValueError(
                f"{student_name!r} (student) and {teacher_name!r} (teacher) differ: only the {owner}'s has {odd[0]!r}"
            )
        for below, key in ours.items():
            if key in given:
                raise ValueError(f"{key!r} of the student is mapped twice, by {given[key]!r} and by {student_name!r}")
            given[key] = student_name
            value = source[theirs[below]]
            if into[key].shape != value.shape:
                raise ValueError(
                    f"{key!r} has shape {tuple(into[key].shape)} in the student, "
                    f"{theirs[below]!r} {tuple(value.shape)} in the teacher: both need one shape to be copied"
                )
            with torch.no_grad():
                into[key].copy_(value)
    return started


def weight_pull(student: Module, reference: Module | Mapping[str, Tensor], strength: float) -> Tensor:
    """Pull of the student's weights toward reference weights, (λ/2) Σ ‖θ_s - θ_ref‖², to be added to a loss.

    Its gradient is λ (θ_s - θ_ref): weight decay whose origin is the reference instead of zero (an article's "weight
    clipping toward the teacher").

    reference: a module, of which every parameter must exist in the student, or a mapping name → tensor; names the
    student has and the reference has not are left free. strength λ >= 0. Returns a scalar on the student's device, in
    float32 at least; the reference gets no gradient.
    Raises TypeError for what is no module or mapping, ValueError for an empty reference, unknown names, shapes that
    differ, a tensor pulled toward itself, a negative strength.
    Source: Li, Grandvalet, Davoine, "Explicit Inductive Bias for Transfer Learning with Convolutional Networks",
    section 3 (L2-SP), 2018.
    """
    require_module("student", student)
    if not 0 <= strength < float("inf"):
        raise ValueError(f"strength is {strength}: a finite number of zero or more is needed")
    if not isinstance(reference, (Module, Mapping)):
        raise TypeError(
            f"reference is a {type(reference).__name__}: a torch.nn.Module or a mapping of tensors is needed"
        )
    wanted = dict(reference.named_parameters() if isinstance(reference, Module) else reference)
    if not wanted:
        raise ValueError("reference holds no weights: there is nothing to pull toward")
    weights = dict(student.named_parameters())
    distances = []
    for name, theta_ref in wanted.items():
        if name not in weights:
            raise ValueError(f"reference has {name!r}, which is no parameter of the student: {_some(weights)}")
        theta_s = weights[name]
        if theta_s is theta_ref:
            raise ValueError(
                f"{name!r} would be pulled toward itself: the reference needs its own copy (copy.deepcopy)"
            )
        if theta_s.shape != theta_ref.shape:
            raise ValueError(
                f"{name!r} has shape {tuple(theta_s.shape)} in the student, {tuple(theta_ref.shape)} in the reference: "
                "only weights of the same shape can be pulled together"
            )
        at_least = torch.promote_types(theta_s.dtype, torch.float32)
        distances.append((theta_s.to(at_least) - theta_ref.detach().to(theta_s.device, at_least)).square().sum())
    return strength / 2 * torch.stack(distances).sum()


def _tensors_below(name: str, state: Mapping[str, Tensor], role: str, module: Module) -> dict[str, str]:
    """{name below `name`: full key} for a module's tensors, {"": key} for a single tensor."""
    if name in state:
        return {"": name}
    prefix = f"{name}." if name else ""
    found = {key.removeprefix(prefix): key for key in state if key.startswith(prefix)}
    if not found:
        raise ValueError(f"the {role} has no weights under {name!r}: {_some(dict(module.named_children()) or state)}")
    return found


def _some(names: Mapping[str, object]) -> str:
    shown = ", ".join(repr(name) for name in list(names)[:6])
    return f"it has {shown}{', ...' if len(names) > 6 else ''}"
