"""Each head's loss against torch's own; learned weights against their closed-form resting point."""

import math

import pytest
import torch
import torch.nn.functional as F

from kdtutor.distill import distillation_loss, kd_loss
from kdtutor.distill.multi_task import UncertaintyWeights, multi_task_loss, task_losses

SIZES = {"letter": (6, 5), "font": (6, 3), "writer": (4, 2)}


def heads(seed: int, device: torch.device | str = "cpu") -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {t: torch.randn(size, generator=generator, dtype=torch.float64).to(device) for t, size in SIZES.items()}


def labels_of(logits: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {task: z.argmax(-1) for task, z in logits.items()}


def test_each_task_has_the_loss_of_what_it_was_given(device):
    student, teacher = heads(0, device), heads(1, device)
    labels = labels_of(heads(2, device))
    del teacher["writer"], labels["font"]
    losses = task_losses(student, teacher, labels, 2.0, 0.7)
    assert list(losses) == list(SIZES)
    both = distillation_loss(student["letter"], teacher["letter"], labels["letter"], 2.0, 0.7)
    torch.testing.assert_close(losses["letter"], both)
    torch.testing.assert_close(losses["font"], kd_loss(student["font"], teacher["font"], 2.0))
    torch.testing.assert_close(losses["writer"], F.cross_entropy(student["writer"], labels["writer"]))


def test_the_total_is_the_weighted_sum_and_every_head_gets_its_own_gradient():
    student = {task: z.requires_grad_() for task, z in heads(0).items()}
    teacher = {task: z.requires_grad_() for task, z in heads(1).items()}
    weights = {"letter": 1.0, "font": 0.5, "writer": 0.0}
    losses = task_losses(student, teacher)
    total = multi_task_loss(student, teacher, weights=weights)
    torch.testing.assert_close(total, losses["letter"] + losses["font"] / 2)
    torch.testing.assert_close(multi_task_loss(student, teacher), sum(losses.values()))
    total.backward()
    expected = torch.autograd.grad(losses["font"] / 2, student["font"])[0]
    torch.testing.assert_close(student["font"].grad, expected)
    assert student["writer"].grad.abs().sum() == 0
    assert all(z.grad is None for z in teacher.values())


def test_a_half_precision_head_is_summed_in_float32():
    student = {task: z.half() for task, z in heads(0).items()}
    total = multi_task_loss(student, {task: z.half() for task, z in heads(1).items()})
    assert total.dtype == torch.float32


def test_learned_weights_start_at_one_and_come_to_rest_where_every_task_counts_one_half():
    balance = UncertaintyWeights(SIZES)
    losses = {"letter": torch.tensor(4.0), "font": torch.tensor(0.25), "writer": torch.tensor(1.0)}
    assert balance.weights() == dict.fromkeys(SIZES, 1.0)
    torch.testing.assert_close(balance(losses), torch.tensor(5.25))
    optimiser = torch.optim.SGD(balance.parameters(), 0.5)
    for _ in range(400):
        optimiser.zero_grad()
        balance(losses).backward()
        optimiser.step()
    rest = {task: math.log(2 * L.item()) for task, L in losses.items()}
    torch.testing.assert_close(balance.log_variances.tolist(), list(rest.values()), rtol=0, atol=1e-4)
    for task, weight in balance.weights().items():
        assert weight * losses[task].item() == pytest.approx(0.5, abs=1e-4)


def test_learned_weights_pass_the_gradient_on_to_each_loss_in_whatever_order_they_come():
    balance = UncertaintyWeights(["a", "b"]).double()
    with torch.no_grad():
        balance.log_variances.copy_(torch.tensor([0.3, -0.7]))
    a, b = (torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (2.0, 3.0))
    assert torch.autograd.gradcheck(lambda a, b: balance({"b": b, "a": a}), (a, b))
    balance({"b": b, "a": a}).backward()
    assert a.grad.item() == pytest.approx(math.exp(-0.3))
    assert b.grad.item() == pytest.approx(math.exp(0.7))


z = {"a": torch.zeros(2, 3)}
REFUSED = [
    (lambda: task_losses({}, {}), ValueError, "names no task"),
    (lambda: task_losses(z, {}), ValueError, "task 'a': it has neither a teacher nor labels"),
    (
        lambda: task_losses(z, {"b": z["a"]}),
        ValueError,
        r"teacher_logits has task 'b', the student's heads are \['a'\]",
    ),
    (lambda: task_losses(z, z, {"c": z["a"]}), ValueError, "labels has task 'c'"),
    (lambda: task_losses(z, {"a": torch.zeros(2, 4)}), ValueError, r"task 'a': teacher_logits has shape \(2, 4\)"),
    (lambda: task_losses(z, {}, {"a": torch.tensor([0, 3])}), ValueError, "task 'a': labels range from 0 to 3"),
    (lambda: task_losses({"a": torch.zeros(2, 3).long()}, z), TypeError, "task 'a': student_logits has dtype int64"),
    (lambda: task_losses(z, z, alpha=1.5), ValueError, "alpha is 1.5"),
    (lambda: multi_task_loss(z, z, weights={"b": 1.0}), ValueError, r"weights names \['b'\]"),
    (lambda: multi_task_loss(z, z, weights={"a": -1.0}), ValueError, r"weights\['a'\] is -1.0"),
    (lambda: UncertaintyWeights([]), ValueError, "at least one name"),
    (lambda: UncertaintyWeights(["a", "a"]), ValueError, "each once"),
    (lambda: UncertaintyWeights(["a"])({"b": torch.tensor(1.0)}), ValueError, "both need the same tasks"),
]


@pytest.mark.parametrize(("call", "error", "words"), REFUSED)
def test_bad_input_is_refused_in_words_that_name_the_argument(call, error, words):
    with pytest.raises(error, match=words):
        call()
