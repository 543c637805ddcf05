"""The oracle forms each critic value h(i, j) from explicit exponentials."""

import math

import pytest
import torch
import torch.nn.functional as F

from kdtutor.distill import ContrastiveDistillation


def features(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def module(student=3, teacher=5, embedding=4, temperature=0.5, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return ContrastiveDistillation(student, teacher, embedding, temperature, generator=generator).double()


def crd_by_hand(crd, student, teacher, labels=None):
    e_s = F.normalize(crd.embed_student(student)).tolist()
    e_t = F.normalize(crd.embed_teacher(teacher)).tolist()
    N, total = len(e_s), 0.0
    for i in range(N):
        negatives = [j for j in range(N) if (j != i if labels is None else labels[j] != labels[i])]
        for j in [i, *negatives]:
            score = math.exp(sum(a * b for a, b in zip(e_s[i], e_t[j], strict=True)) / crd.temperature)
            h = score / (score + max(1, len(negatives)) / N)
            total -= math.log(h) if j == i else math.log(1 - h)
    return total / N


@pytest.mark.parametrize("labels", [None, [0, 1, 0, 2, 1, 0], [0, 0, 0, 0, 0, 0], [0, 1, 2, 3, 4, 5]])
def test_the_loss_is_the_papers_binary_contrast_over_the_batch(labels, device):
    crd = module()
    student, teacher = features(6, 3), features(6, 5, seed=1)
    wanted = crd_by_hand(crd, student, teacher, labels)
    y = None if labels is None else torch.tensor(labels, device=device)
    ours = crd.to(device)(student.to(device), teacher.to(device), y)
    assert ours.item() == pytest.approx(wanted, rel=1e-9)


def test_pairs_of_one_class_are_no_negatives_and_distinct_labels_are_as_good_as_none():
    crd = module()
    student, teacher = features(6, 3), features(6, 5, seed=1)
    torch.testing.assert_close(crd(student, teacher, torch.arange(6)), crd(student, teacher))
    assert crd(student, teacher, torch.tensor([0, 0, 0, 1, 1, 1])) < crd(student, teacher)


def test_a_student_trained_by_it_learns_to_recognise_its_teachers_samples():
    crd = module(16, 40, 32, 0.1)
    inputs = features(64, 32)
    teacher = torch.tanh(inputs @ features(32, 40, seed=2))
    student = torch.nn.Linear(32, 16).double()
    optimizer = torch.optim.Adam([*crd.parameters(), *student.parameters()], lr=0.01)
    losses = []
    for _ in range(150):
        optimizer.zero_grad()
        losses.append(crd(student(inputs), teacher))
        losses[-1].backward()
        optimizer.step()
    e_s = F.normalize(crd.embed_student(student(inputs)))
    e_t = F.normalize(crd.embed_teacher(teacher))
    found = (e_s @ e_t.T).argmax(1) == torch.arange(64)
    assert losses[-1] < 0.5 * losses[0]
    assert found.double().mean() > 0.95


def test_gradients_reach_student_and_both_embeddings_but_not_the_teachers_features():
    crd = module()
    student, teacher = features(4, 3).requires_grad_(), features(4, 5, seed=1).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: crd(x, teacher.detach()), student)
    crd(student, teacher).backward()
    assert teacher.grad is None
    assert all(p.grad.isfinite().all() for p in crd.parameters())
    assert crd.embed_teacher.weight.grad.abs().sum() > 0


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_it_stays_finite_at_a_small_temperature_for_large_and_silent_features(dtype, device):
    crd = ContrastiveDistillation(3, 5, 4, 0.01).to(device, dtype)
    with torch.no_grad():
        crd.embed_student.bias.zero_()
    student = torch.tensor([[1e4, -1e4, 0], [0, 0, 0], [1, 1, 1]], dtype=dtype, device=device, requires_grad=True)
    loss = crd(student, 1e4 * features(3, 5).to(device, dtype))
    loss.backward()
    assert loss.isfinite()
    assert loss.dtype == dtype
    assert student.grad.isfinite().all()


crd = module()
REFUSED = [
    (lambda: crd(features(1, 3), features(1, 5)), ValueError, "hold 1 sample: this loss needs at least 2"),
    (lambda: crd(features(4, 3), features(5, 5)), ValueError, "the same samples"),
    (lambda: crd(features(4, 4), features(4, 5)), ValueError, r"features has shape \(4, 4\): \(N, 3, ...\)"),
    (lambda: crd(features(4, 3), features(4, 5), torch.zeros(4)), TypeError, "labels is float32"),
    (
        lambda: crd(features(4, 3), features(4, 5), torch.zeros(3).long()),
        ValueError,
        r"labels has shape \(3,\): \(4,\)",
    ),
    (lambda: ContrastiveDistillation(3, 5, 4, 0.0), ValueError, "temperature is 0.0"),
    (lambda: ContrastiveDistillation(3, 5, 0), ValueError, "embedding_channels is 0"),
]


@pytest.mark.parametrize(("call", "error", "words"), REFUSED)
def test_bad_input_is_refused_in_words_that_name_the_argument(call, error, words):
    with pytest.raises(error, match=words):
        call()
