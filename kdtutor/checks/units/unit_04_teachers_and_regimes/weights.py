"""Knowledge handed over as weights: transfer_weights, weight_pull."""

import copy
from collections.abc import Callable
from typing import Any

import torch
from torch import Generator, Tensor, nn

from kdtutor import distill
from kdtutor.checks.exercise import Exercise, Law, Mistake, Solution
from kdtutor.checks.near import near
from kdtutor.checks.units.unit_04_teachers_and_regimes.shared import filled, tensors_of, with_gradients

# --- transfer_weights -----------------------------------------------------------------------------------------------


def _stack(depth: int) -> Callable[[], nn.Module]:
    return lambda: nn.Sequential(*[nn.Linear(3, 3) for _ in range(depth)])


def _normed(depth: int) -> Callable[[], nn.Module]:
    return lambda: nn.Sequential(*[layer for _ in range(depth) for layer in (nn.Linear(2, 2), nn.BatchNorm1d(2))])


def _students_teachers_mappings(g: Generator) -> list[tuple[Any, ...]]:
    cases: list[tuple[Any, Any, dict[str, str]]] = [
        (_stack(3), _stack(4), {"1": "2"}),
        (_stack(3), _stack(6), {"0": "1", "1": "2"}),
        (_normed(2), _normed(3), {"1": "3", "2": "0"}),
    ]
    return [(filled(student, g), filled(teacher, g), mapping) for student, teacher, mapping in cases]


def _result_and_givens(f: Solution, student: nn.Module, teacher: nn.Module, mapping: dict[str, str]) -> dict[str, Any]:
    student, teacher = copy.deepcopy(student), copy.deepcopy(teacher)
    started = f(student, teacher, mapping)
    if not isinstance(started, nn.Module):
        return {"value": started}
    return {
        "result": tensors_of(started),
        "student afterwards": tensors_of(student),
        "teacher afterwards": tensors_of(teacher),
    }


def _starts_on_its_own(f: Solution, g: Generator) -> bool:
    """What is trained later must change neither the teacher nor the student that was given."""
    student, teacher = filled(_stack(2), g), filled(_stack(3), g)
    given = tensors_of(student), tensors_of(teacher)
    started = f(student, teacher, {"0": "2"})
    with torch.no_grad():
        for parameter in started.parameters():
            parameter.add_(1.0)
    found = tensors_of(student), tensors_of(teacher)
    return all(near(f_[name], g_[name]) for f_, g_ in zip(found, given, strict=True) for name in g_)


def _takes_what_is_named(f: Solution, g: Generator) -> bool:
    student, teacher = filled(_stack(2), g), filled(_stack(3), g)
    return near(dict(f(student, teacher, {"0": "2"}).named_parameters())["0.weight"], tensors_of(teacher)["2.weight"])


def _copied(
    student: nn.Module, teacher: nn.Module, mapping: dict[str, str], *, only: str = "", reverse: bool = False
) -> nn.Module:
    started = copy.deepcopy(student)
    into, source = started.state_dict(), teacher.state_dict()
    for ours, theirs in mapping.items():
        ours, theirs = (theirs, ours) if reverse else (ours, theirs)
        for name in [key.removeprefix(f"{ours}.") for key in into if key.startswith(f"{ours}.")]:
            if only in name:
                into[f"{ours}.{name}"].copy_(source[f"{theirs}.{name}"])
    return started


def _in_place(student: nn.Module, teacher: nn.Module, mapping: dict[str, str]) -> nn.Module:
    for ours, theirs in mapping.items():
        student.get_submodule(ours).load_state_dict(teacher.get_submodule(theirs).state_dict())
    return student


def _without_buffers(student: nn.Module, teacher: nn.Module, mapping: dict[str, str]) -> nn.Module:
    started = copy.deepcopy(student)
    with torch.no_grad():
        for ours, theirs in mapping.items():
            pairs = zip(
                started.get_submodule(ours).parameters(), teacher.get_submodule(theirs).parameters(), strict=True
            )
            for a, b in pairs:
                a.copy_(b)
    return started


def _shared(student: nn.Module, teacher: nn.Module, mapping: dict[str, str]) -> nn.Module:
    started = copy.deepcopy(student)
    for ours, theirs in mapping.items():
        started.set_submodule(ours, teacher.get_submodule(theirs))
    return started


def _others_zeroed(student: nn.Module, teacher: nn.Module, mapping: dict[str, str]) -> nn.Module:
    started = copy.deepcopy(student)
    with torch.no_grad():
        for parameter in started.parameters():
            parameter.zero_()
    return _copied(started, teacher, mapping)


def _same_names(student: nn.Module, teacher: nn.Module, mapping: dict[str, str]) -> nn.Module:
    return _copied(student, teacher, {name: name for name in mapping})


def _every_layer(student: nn.Module, teacher: nn.Module, mapping: dict[str, str]) -> nn.Module:
    return _copied(student, teacher, {**{name: name for name, _ in student.named_children()}, **mapping})


def _by_submodules(student: nn.Module, teacher: nn.Module, mapping: dict[str, str]) -> nn.Module:
    return _in_place(copy.deepcopy(student), teacher, mapping)


def _by_deep_copies(student: nn.Module, teacher: nn.Module, mapping: dict[str, str]) -> nn.Module:
    started = copy.deepcopy(student)
    for ours, theirs in mapping.items():
        started.set_submodule(ours, copy.deepcopy(teacher.get_submodule(theirs)))
    return started


def _by_one_state_dict(student: nn.Module, teacher: nn.Module, mapping: dict[str, str]) -> nn.Module:
    state, source = dict(student.state_dict()), teacher.state_dict()
    for ours, theirs in mapping.items():
        state.update({f"{ours}{k[len(theirs) :]}": v for k, v in source.items() if k.startswith(theirs + ".")})
    started = copy.deepcopy(student)
    started.load_state_dict(state)
    return started


transfer_weights = Exercise(
    reference=distill.transfer_weights,
    inputs=_students_teachers_mappings,
    observe=_result_and_givens,
    laws=[
        Law("holds the teacher's weights in the parts that the mapping names", _takes_what_is_named,
            "The mapping goes from the student's name to the teacher's."),
        Law("can be trained without moving teacher or student", _starts_on_its_own,
            "A tensor that two networks share is trained by both. Copy values, not tensors."),
    ],
    mistakes=[
        Mistake("student changed in place", _in_place,
                "You write into the student that was given. Its caller may still need it untouched, as a control: work on a "
                "deep copy."),
        Mistake("biases forgotten", lambda s, t, m: _copied(s, t, m, only="weight"),
                "The weights came over, the biases did not. A layer's tensors belong together."),
        Mistake("buffers forgotten", _without_buffers,
                "The parameters came over, the buffers did not: BatchNorm would normalise the teacher's layer by the student's "
                "statistics."),
        Mistake("mapping read backwards", lambda s, t, m: _copied(s, t, m, reverse=True),
                "You read the mapping from teacher to student. It goes from the student's name to the teacher's."),
        Mistake("same layer taken", _same_names,
                "You take the teacher's layer of the same name. Which one is meant is the mapping's other half."),
        Mistake("tensors shared", _shared,
                "The values are right, but the student now holds the teacher's own layer: training one trains both.", only_at_home=True),
        Mistake("others set to zero", _others_zeroed,
                "Parts that the mapping does not name are to stay as they were in the student; yours are zero."),
        Mistake("unnamed layers copied too", _every_layer,
                "You copy layers that the mapping does not name. Those keep the student's own start."),
        Mistake("a copy of the teacher", lambda s, t, m: copy.deepcopy(t),
                "You return a copy of the teacher: it has the teacher's size."),
    ],
    styles={
        "load_state_dict of submodules": _by_submodules,
        "deep copies put in place": _by_deep_copies,
        "one state dict": _by_one_state_dict,
    },
    hints=(
        "Start from copy.deepcopy(student). Everything else happens in the copy.",
        "get_submodule(name) finds a part by its name, in a student as in a teacher.",
        "A part's state_dict() holds parameters and buffers; load_state_dict copies their values into another part.",
    ),
)  # fmt: skip


# --- weight_pull ----------------------------------------------------------------------------------------------------


def _weight_pull(student: nn.Module, reference: nn.Module, strength: float) -> Tensor:
    return distill.weight_pull(student, reference, strength)


def _two_of_a_shape(g: Generator) -> list[tuple[Any, ...]]:
    makes: list[Any] = [lambda: nn.Linear(3, 2), lambda: nn.Linear(2, 2, bias=False), _stack(2)]
    return [(filled(make, g), filled(make, g), strength) for make in makes for strength in (0.5, 2.0)]


def _pull_with_gradients(f: Solution, student: nn.Module, reference: nn.Module, strength: float) -> dict[str, Any]:
    student, reference = copy.deepcopy(student), copy.deepcopy(reference)
    return with_gradients(f(student, reference, strength), list(student.parameters()))


def _nothing_at_the_reference(f: Solution, g: Generator) -> bool:
    reference = filled(_stack(2), g)
    return near(f(copy.deepcopy(reference), reference, 3.0), 0.0)


def _reference_is_free(f: Solution, g: Generator) -> bool:
    student, reference = filled(_stack(1), g), filled(_stack(1), g)
    f(student, reference, 1.0).backward()
    return all(theta.grad is None or not bool(theta.grad.any()) for theta in reference.parameters())


def _gaps(student: nn.Module, reference: nn.Module) -> list[Tensor]:
    pairs = zip(student.parameters(), reference.parameters(), strict=True)
    return [theta - ref.detach() for theta, ref in pairs]


def _pulled_in_the_graph(student: nn.Module, reference: nn.Module, strength: float) -> Tensor:
    pairs = zip(student.parameters(), reference.parameters(), strict=True)
    return strength / 2 * torch.stack([(theta - ref).square().sum() for theta, ref in pairs]).sum()


def _by_vector(student: nn.Module, reference: nn.Module, strength: float) -> Tensor:
    flat = nn.utils.parameters_to_vector
    return strength / 2 * (flat(student.parameters()) - flat(reference.parameters()).detach()).pow(2).sum()


def _by_norms(student: nn.Module, reference: nn.Module, strength: float) -> Tensor:
    wanted = {name: theta.detach() for name, theta in reference.named_parameters()}
    total = torch.zeros(())
    for name, theta in student.named_parameters():
        total = total + torch.linalg.vector_norm(theta - wanted[name]) ** 2
    return strength * total / 2


weight_pull = Exercise(
    reference=_weight_pull,
    inputs=_two_of_a_shape,
    observe=_pull_with_gradients,
    laws=[
        Law("can be trained through", lambda f, g: f(filled(_stack(1), g), filled(_stack(1), g), 1.0).requires_grad,
            "The pull has lost its graph: .item(), .detach() or no_grad cut the student off."),
        Law("is zero when the student has the reference's weights", _nothing_at_the_reference,
            "There is no distance to pull over."),
        Law("gives the reference no gradient", _reference_is_free,
            "The reference stays where it is: detach its parameters, or they are pulled to the student."),
    ],
    mistakes=[
        Mistake("no half", lambda s, r, k: k * sum(gap.square().sum() for gap in _gaps(s, r)),
                "Your value is twice too large. With the half, the gradient is strength times the gap itself."),
        Mistake("pulled to zero", lambda s, r, k: k / 2 * sum(theta.square().sum() for theta in s.parameters()),
                "This is ordinary weight decay: it pulls toward zero. The origin should be the reference."),
        Mistake("distance not squared", lambda s, r, k: k / 2 * torch.cat([gap.flatten() for gap in _gaps(s, r)]).norm(),
                "You take the distance, not its square: the pull would be as strong close by as far away."),
        Mistake("absolute values", lambda s, r, k: k / 2 * sum(gap.abs().sum() for gap in _gaps(s, r)),
                "You sum absolute values. Wanted are squares."),
        Mistake("mean over the weights", lambda s, r, k: k / 2 * torch.cat([gap.flatten() for gap in _gaps(s, r)]).square().mean(),
                "You average over the weights, so the pull on each becomes weaker the more there are. Sum them."),
        Mistake("biases forgotten", lambda s, r, k: k / 2 * sum(gap.square().sum() for gap in _gaps(s, r) if gap.ndim > 1),
                "Only the weight matrices are pulled. The biases are parameters, too."),
        Mistake("strength unused", lambda s, r, k: sum(gap.square().sum() for gap in _gaps(s, r)) / 2,
                "Your value is the same at every strength."),
        Mistake("detached", lambda s, r, k: k / 2 * sum(gap.detach().square().sum() for gap in _gaps(s, r)),
                "The value is right, but the student's graph is cut: it is a number that pulls nothing."),
        Mistake("reference in the graph", _pulled_in_the_graph,
                "The value is right, but the reference gets a gradient as well and would be pulled to the student."),
    ],
    styles={
        "a sum of squares": lambda s, r, k: 0.5 * k * sum(((a - b.detach()) ** 2).sum() for a, b in zip(s.parameters(), r.parameters(), strict=True)),
        "one long vector": _by_vector,
        "norms by name": _by_norms,
    },
    hints=(
        "Go through both networks' parameters in pairs.",
        "Square each difference, sum over everything, multiply by half the strength.",
        "Detach the reference's parameters. Nothing else is taken out of the graph.",
    ),
)  # fmt: skip
