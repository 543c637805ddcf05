"""Modes restored part by part; EMA against the explicit weighted mean; mutual losses against each peer's own graph."""

import copy

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from kdtutor.distill import kd_loss
from kdtutor.distill.teachers import born_again, ema_update, evaluating, mutual_losses, teacher_logits


def network(seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Dropout(0.5), nn.Linear(6, 3))


def test_evaluating_restores_the_mode_of_every_part_also_after_an_error():
    model = network()
    model[1].eval()
    before = [part.training for part in model.modules()]
    inside = []

    def fails() -> None:
        with evaluating(model):
            inside.extend(part.training for part in model.modules())
            raise RuntimeError("inside")

    with pytest.raises(RuntimeError, match="inside"):
        fails()
    assert not any(inside)
    assert [part.training for part in model.modules()] == before


def test_teacher_logits_repeat_exactly_leave_the_statistics_alone_and_carry_no_gradient(device):
    teacher = network().to(device)
    x = torch.randn(8, 4, device=device)
    state = copy.deepcopy(teacher.state_dict())
    first, second = teacher_logits(teacher, x), teacher_logits(teacher, x)
    assert torch.equal(first, second)
    assert not first.requires_grad
    assert teacher.training
    for name, tensor in teacher.state_dict().items():
        assert torch.equal(tensor, state[name])


@given(st.floats(0, 1), st.integers(1, 12))
def test_a_corrected_mean_is_exactly_the_weighted_mean_of_the_students_seen(decay, count):
    students = [nn.Linear(2, 2).double() for _ in range(count)]
    teacher = nn.Linear(2, 2).double()
    for step, student in enumerate(students, start=1):
        ema_update(teacher, student, decay, step=step)
    weights = [decay ** (count - i) for i in range(1, count + 1)]
    expected = sum(w * s.weight for w, s in zip(weights, students, strict=True)) / sum(weights)
    torch.testing.assert_close(teacher.weight, expected)


def test_an_uncorrected_mean_keeps_its_start_and_moves_in_place(device):
    teacher, student = nn.Linear(2, 2).to(device), nn.Linear(2, 2).to(device)
    start, pointer = teacher.weight.detach().clone(), teacher.weight.data_ptr()
    ema_update(teacher, student, 0.9)
    torch.testing.assert_close(teacher.weight, 0.9 * start + 0.1 * student.weight)
    assert teacher.weight.data_ptr() == pointer
    assert teacher.weight.requires_grad
    assert teacher.weight.grad_fn is None


def test_decay_zero_copies_and_decay_one_leaves_alone():
    teacher, student = network(0), network(1)
    before = copy.deepcopy(teacher.state_dict())
    ema_update(teacher, student, 1.0)
    assert torch.equal(teacher[0].weight, before["0.weight"])
    ema_update(teacher, student, 0.0)
    assert torch.equal(teacher[0].weight, student[0].weight)


def test_batch_norm_statistics_and_counters_are_copied_and_the_student_stays_as_it_was():
    teacher, student = network(0), network(1)
    student(torch.randn(16, 4))
    before = copy.deepcopy(student.state_dict())
    ema_update(teacher, student, 0.999)
    assert teacher[1].num_batches_tracked.item() == 1
    assert teacher[1].num_batches_tracked.dtype == torch.int64
    assert torch.equal(teacher[1].running_mean, student[1].running_mean)
    assert torch.equal(teacher[1].running_var, student[1].running_var)
    assert all(torch.equal(student.state_dict()[name], before[name]) for name in before)


def test_a_float32_teacher_follows_a_half_precision_student():
    teacher, student = nn.Linear(3, 3), nn.Linear(3, 3).to(torch.bfloat16)
    start = teacher.weight.detach().clone()
    ema_update(teacher, student, 0.999)
    assert teacher.weight.dtype == torch.float32
    torch.testing.assert_close(teacher.weight, 0.999 * start + 0.001 * student.weight.float())


@given(st.integers(2, 4), st.integers(0, 999), st.floats(0, 1))
def test_a_peer_s_loss_is_its_cross_entropy_and_its_mean_divergence_from_the_others(count, seed, alpha):
    generator = torch.Generator().manual_seed(seed)
    peers = [torch.randn(5, 4, generator=generator, dtype=torch.float64) for _ in range(count)]
    labels = torch.randint(4, (5,), generator=generator)
    for k, loss in enumerate(mutual_losses(peers, labels, 2.0, alpha)):
        kl = [
            F.kl_div(F.log_softmax(peers[k] / 2, -1), F.softmax(z / 2, -1), reduction="batchmean")
            for j, z in enumerate(peers)
            if j != k
        ]
        expected = (1 - alpha) * F.cross_entropy(peers[k], labels) + alpha * 4 * sum(kl) / len(kl)
        torch.testing.assert_close(loss, expected)


def test_each_mutual_loss_moves_its_own_peer_alone():
    peers = [torch.randn(5, 4, dtype=torch.float64, requires_grad=True) for _ in range(3)]
    labels = torch.tensor([0, 1, 2, 3, 0])
    losses = mutual_losses(peers, labels)
    for k, loss in enumerate(losses):
        gradients = torch.autograd.grad(loss, peers, allow_unused=True, retain_graph=True)
        assert [g is not None for g in gradients] == [j == k for j in range(3)]
    constants = [z.detach() for z in peers[1:]]
    assert torch.autograd.gradcheck(lambda z: mutual_losses([z, *constants], labels)[0], peers[0])


def test_agreeing_peers_are_left_with_their_labels():
    z = torch.randn(5, 4)
    labels = torch.tensor([0, 1, 2, 3, 0])
    for loss in mutual_losses([z, z.clone()], labels, alpha=0.5):
        torch.testing.assert_close(loss, F.cross_entropy(z, labels) / 2)


def test_every_generation_learns_from_the_one_before_it():
    first_teacher = network(9)
    lessons = []

    def train(student, teacher):
        assert teacher is None or not teacher.training
        lessons.append((student, teacher))

    students = born_again(network, train, 3, first_teacher)
    assert [s for s, _ in lessons] == students
    assert [t for _, t in lessons] == [first_teacher, *students[:2]]
    assert first_teacher.training
    lessons.clear()
    students = born_again(network, train, 2)
    assert [t for _, t in lessons] == [None, students[0]]


def test_born_again_students_come_closer_to_their_teacher_when_trained_with_the_distillation_loss():
    teacher, x = nn.Linear(4, 3), torch.randn(64, 4)
    gaps = []

    def train(student, taught_by):
        optimiser = torch.optim.SGD(student.parameters(), 0.5)
        gaps.append(kd_loss(student(x), teacher_logits(taught_by, x)).item())
        for _ in range(60):
            optimiser.zero_grad()
            kd_loss(student(x), teacher_logits(taught_by, x)).backward()
            optimiser.step()
        gaps.append(kd_loss(student(x), teacher_logits(taught_by, x)).item())

    last = born_again(lambda generation: nn.Linear(4, 3), train, 2, teacher)[-1]
    assert gaps[1] < gaps[0] / 100
    assert gaps[3] < gaps[2] / 100
    assert kd_loss(last(x), teacher(x)).item() < 0.01


model = nn.Linear(2, 2)
tied = nn.Linear(2, 2)
tied.weight = model.weight
labels_of_two = torch.tensor([0, 1])
z = torch.zeros(2, 3)
REFUSED = [
    (lambda: teacher_logits("net", z), TypeError, "teacher is a str"),
    (lambda: ema_update(model, model), ValueError, "one module"),
    (lambda: ema_update(tied, model), ValueError, "weight is one tensor in teacher and student"),
    (lambda: ema_update(model, nn.Linear(2, 3)), ValueError, r"weight has shape \(2, 2\) in the teacher, \(3, 2\)"),
    (lambda: ema_update(model, nn.Linear(2, 2, bias=False)), ValueError, "only the teacher has 'bias'"),
    (
        lambda: ema_update(nn.BatchNorm1d(2, track_running_stats=False), nn.BatchNorm1d(2)),
        ValueError,
        "only the student",
    ),
    (lambda: ema_update(model, None), TypeError, "student is a NoneType"),
    (lambda: ema_update(model, nn.Linear(2, 2), 1.1), ValueError, "decay is 1.1"),
    (lambda: ema_update(model, nn.Linear(2, 2), step=0), ValueError, "step is 0"),
    (lambda: ema_update(model, nn.Linear(2, 2), step=1.0), TypeError, "step is 1.0"),
    (lambda: mutual_losses([z], labels_of_two), ValueError, "holds 1 peers"),
    (lambda: mutual_losses([z, z], labels_of_two), ValueError, "one tensor twice"),
    (lambda: mutual_losses([z, torch.zeros(2, 4)], labels_of_two), ValueError, r"both need \(N, C\)"),
    (lambda: mutual_losses([z, z + 1], torch.tensor([0, 3])), ValueError, "0 to 2"),
    (lambda: mutual_losses([z, z + 1], labels_of_two, alpha=2.0), ValueError, "alpha is 2.0"),
    (lambda: mutual_losses([z, z + 1], labels_of_two, 0.0), ValueError, "temperature is 0.0"),
    (lambda: born_again(network, lambda s, t: None, 0), ValueError, "generations is 0"),
    (lambda: born_again(lambda g: model, lambda s, t: None, 2), ValueError, r"make_student\(1\) returned a network"),
    (lambda: born_again(lambda g: model, lambda s, t: None, 1, model), ValueError, "already used"),
    (lambda: born_again(lambda g: None, lambda s, t: None, 1), TypeError, "make_student returned is a NoneType"),
]


@pytest.mark.parametrize(("call", "error", "words"), REFUSED)
def test_bad_input_is_refused_in_words_that_name_the_argument(call, error, words):
    with pytest.raises(error, match=words):
        call()
