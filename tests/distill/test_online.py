"""The reservoir against its probability, the stream against a student that must keep up with a moving teacher."""

import pytest
import torch
from torch import nn

from kdtutor.distill.online import OnlineDistiller, ReplayMemory


def sgd_step(student: nn.Module, rate: float = 0.5):
    optimiser = torch.optim.SGD(student.parameters(), rate)

    def step(loss: torch.Tensor) -> None:
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()

    return step


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_every_sample_of_the_stream_is_held_with_the_same_probability():
    held = torch.zeros(60)
    runs = 3000
    for seed in range(runs):
        memory = ReplayMemory(12, seeded(seed))
        for batch in torch.arange(60).split(7):
            memory.add(batch)
        held[memory.samples] += 1
    # Each count is binomial(runs, 12/60): five standard deviations, over 60 of them, fail less than once in 20,000.
    expected, deviation = runs * 0.2, (runs * 0.2 * 0.8) ** 0.5
    assert ((held - expected).abs() < 5 * deviation).all()
    assert held.sum() == runs * 12


def test_a_short_stream_is_held_whole_and_drawn_without_repeats(device):
    memory = ReplayMemory(10, seeded())
    memory.add(torch.arange(4, device=device))
    memory.add(torch.arange(4, 7, device=device))
    assert len(memory) == 7
    assert sorted(memory.samples.tolist()) == list(range(7))
    assert sorted(memory.draw(7).tolist()) == list(range(7))
    assert sorted(memory.draw(99).tolist()) == list(range(7))
    assert len(set(memory.draw(5).tolist())) == 5
    assert memory.draw(3).device.type == device.type


def test_the_memory_keeps_copies_and_follows_its_seed():
    batch = torch.zeros(3, 2)
    memory = ReplayMemory(5, seeded())
    memory.add(batch)
    batch += 1
    assert memory.samples.sum() == 0
    one, two = (ReplayMemory(4, seeded(7)) for _ in range(2))
    for part in torch.arange(50).split(9):
        one.add(part)
        two.add(part)
    assert torch.equal(one.samples, two.samples)


def test_agreement_is_taken_before_the_lesson_and_the_student_keeps_its_mode():
    teacher, student = nn.Linear(2, 2), nn.Linear(2, 2)
    with torch.no_grad():
        teacher.weight.copy_(torch.tensor([[1.0, 0.0], [-1.0, 0.0]]))
        student.weight.copy_(-teacher.weight)
        teacher.bias.zero_()
        student.bias.zero_()
    x = torch.tensor([[1.0, 0.0], [-1.0, 0.0]])
    distiller = OnlineDistiller(teacher, student, sgd_step(student, 2.0))
    first = distiller.consume(x)
    assert first.agreement == 0
    assert not first.loss.requires_grad
    for _ in range(10):
        last = distiller.consume(x)
    assert last.agreement == 1
    assert last.loss < first.loss
    assert student.training
    assert teacher.training
    assert distiller.seen == 22


def test_the_exam_leaves_batch_norm_alone_and_dropout_out():
    student = nn.Sequential(nn.BatchNorm1d(2), nn.Dropout(0.5), nn.Linear(2, 2))
    distiller = OnlineDistiller(nn.Linear(2, 2), student, lambda loss: None)
    distiller.consume(torch.randn(8, 2))
    assert student[0].num_batches_tracked == 1  # the lesson's forward pass alone


def test_the_student_follows_a_stream_that_drifts_and_a_frozen_one_does_not():
    generator = seeded(3)
    teacher = nn.Linear(2, 2)

    def at(angle: float) -> None:
        direction = torch.tensor([angle, angle + torch.pi / 2])
        with torch.no_grad():
            teacher.weight[0] = 4 * direction.cos()
            teacher.weight[1] = -4 * direction.cos()
            teacher.bias.zero_()

    students = {"follows": nn.Linear(2, 2), "frozen": nn.Linear(2, 2)}
    late: dict[str, list[float]] = {name: [] for name in students}
    steps = {"follows": sgd_step(students["follows"]), "frozen": lambda loss: None}
    distillers = {name: OnlineDistiller(teacher, s, steps[name]) for name, s in students.items()}
    for tick in range(200):
        at(2 * torch.pi * tick / 200)
        batch = torch.randn(32, 2, generator=generator)
        for name, distiller in distillers.items():
            outcome = distiller.consume(batch)
            if tick >= 50:
                late[name].append(outcome.agreement.item())
    mean = {name: sum(values) / len(values) for name, values in late.items()}
    assert mean["follows"] > 0.9
    assert mean["frozen"] < 0.75


def test_replayed_samples_join_the_lesson_and_are_answered_by_today_s_teacher():
    asked = []

    class Recorder(nn.Linear):
        def forward(self, x):
            asked.append(x)
            return super().forward(x)

    student = nn.Linear(1, 2)
    memory = ReplayMemory(100, seeded())
    distiller = OnlineDistiller(Recorder(1, 2), student, sgd_step(student), memory=memory, replayed=5)
    distiller.consume(torch.full((8, 1), 1.0))
    distiller.consume(torch.full((8, 1), 2.0))
    assert [len(x) for x in asked] == [8, 13]
    assert asked[1][:8].eq(2.0).all()
    assert asked[1][8:].eq(1.0).all()
    assert len(memory) == 16


def test_replay_keeps_an_old_part_of_the_stream_alive():
    """First inputs (x, 0), then (0, x): the same weights serve both, so the second part overwrites without a memory."""
    torch.manual_seed(0)
    teacher = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 2))
    with torch.no_grad():
        for p in teacher.parameters():
            p.mul_(4)

    def loss_on_old(memory: ReplayMemory | None) -> float:
        torch.manual_seed(1)
        student = nn.Sequential(nn.Linear(2, 6), nn.Tanh(), nn.Linear(6, 2))
        distiller = OnlineDistiller(teacher, student, sgd_step(student, 0.05), memory=memory)
        generator = seeded(2)
        old = torch.randn(64, 2, generator=generator) * torch.tensor([1.0, 0.0])
        for _ in range(150):
            distiller.consume(torch.randn(16, 2, generator=generator) * torch.tensor([1.0, 0.0]))
        for _ in range(150):
            distiller.consume(torch.randn(16, 2, generator=generator) * torch.tensor([0.0, 1.0]) + 3.0)
        with torch.no_grad():
            return distiller.loss(student(old), teacher(old)).item()

    assert loss_on_old(ReplayMemory(200, seeded())) < 0.7 * loss_on_old(None)


net = nn.Linear(2, 2)
REFUSED = [
    (lambda: ReplayMemory(0, seeded()), ValueError, "capacity is 0"),
    (lambda: ReplayMemory(2, seeded()).samples, ValueError, "memory is empty"),
    (lambda: OnlineDistiller(net, net, print), ValueError, "one module"),
    (lambda: OnlineDistiller("net", net, print), TypeError, "teacher is a str"),
    (lambda: OnlineDistiller(nn.Linear(2, 2), net, print, replayed=0), ValueError, "replayed is 0"),
    (
        lambda: OnlineDistiller(nn.Linear(2, 2), net, print).consume(torch.zeros(0, 2)),
        ValueError,
        r"samples has shape \(0, 2\)",
    ),
]


@pytest.mark.parametrize(("call", "error", "words"), REFUSED)
def test_bad_input_is_refused_in_words_that_name_the_argument(call, error, words):
    with pytest.raises(error, match=words):
        call()


def test_samples_of_another_shape_are_refused_by_the_memory():
    memory = ReplayMemory(2, seeded())
    memory.add(torch.zeros(1, 3))
    with pytest.raises(ValueError, match=r"samples has shape \(1, 4\), the memory holds \(3,\)"):
        memory.add(torch.zeros(1, 4))
