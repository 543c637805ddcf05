"""The exact shift against a search over every margin; a student distilled without a class recognises it afterwards."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from kdtutor.distill import kd_loss
from kdtutor.distill.missing_class import (
    correct_missing_class,
    missing_class_shift,
    missing_class_shift_for_frequency,
)


def accuracy(logits: torch.Tensor, labels: torch.Tensor) -> float:
    return (logits.argmax(-1) == labels).double().mean().item()


@given(st.integers(1, 30), st.integers(2, 5), st.integers(0, 2**16), st.data())
def test_no_shift_reaches_a_higher_accuracy_than_the_one_found(batch, classes, seed, data):
    generator = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(batch, classes, generator=generator, dtype=torch.float64)
    labels = torch.randint(classes, (batch,), generator=generator)
    missing = data.draw(st.integers(0, classes - 1))
    labels[0] = missing
    shift = missing_class_shift(logits, labels, missing)
    found = accuracy(correct_missing_class(logits, missing, shift), labels)
    tried = torch.arange(-15, 15, 0.02).tolist()
    assert found >= max(accuracy(correct_missing_class(logits, missing, s), labels) for s in tried[::5]) - 1e-12
    others = logits.clone()
    others[:, missing] = -torch.inf
    at_margins = (others.amax(-1) - logits[:, missing]).tolist()
    for s in [m + step for m in at_margins for step in (-1e-6, 1e-6)]:
        assert found >= accuracy(correct_missing_class(logits, missing, s), labels) - 1e-12


def test_of_equally_good_shifts_the_middle_of_the_widest_interval_is_taken():
    logits = torch.tensor([[0.0, -1.0], [0.0, -2.0], [0.0, -6.0]])
    labels = torch.tensor([1, 1, 0])
    assert missing_class_shift(logits, labels, 1) == pytest.approx(4.0)


@given(st.integers(1, 40), st.integers(0, 2**16), st.floats(0, 1))
def test_the_class_wins_as_many_samples_as_its_frequency_asks_for(batch, seed, frequency):
    logits = torch.randn(batch, 4, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    shift = missing_class_shift_for_frequency(logits, 2, frequency)
    won = int((correct_missing_class(logits, 2, shift).argmax(-1) == 2).sum())
    assert abs(won - frequency * batch) <= 0.5 + 1e-9


def test_samples_of_equal_margins_are_won_together():
    logits = torch.zeros(4, 2)
    logits[3, 0] = 5.0
    assert missing_class_shift_for_frequency(logits, 1, 0.5) == pytest.approx(2.5)
    assert missing_class_shift_for_frequency(logits, 1, 0.0) < 0


def test_the_correction_moves_one_column_and_passes_the_gradient_through(device):
    logits = torch.randn(3, 4, device=device, requires_grad=True)
    before = logits.detach().clone()
    corrected = correct_missing_class(logits, 2, 3.5)
    torch.testing.assert_close(corrected[:, 2], logits[:, 2] + 3.5)
    assert torch.equal(corrected[:, [0, 1, 3]], logits[:, [0, 1, 3]])
    assert torch.equal(logits.detach(), before)
    corrected.sum().backward()
    assert torch.equal(logits.grad, torch.ones_like(logits))
    assert correct_missing_class(before.half(), 0, 1.0).dtype == torch.float16


def test_a_bias_lowered_by_hand_is_found_again():
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(4).repeat(50)
    logits = 6.0 * nn.functional.one_hot(labels, 4) + torch.rand(200, 4, generator=generator)
    lowered = correct_missing_class(logits, 1, -20.0)
    assert accuracy(lowered, labels) == 0.75
    for shift in (missing_class_shift(lowered, labels, 1), missing_class_shift_for_frequency(lowered, 1, 0.25)):
        assert shift == pytest.approx(20, abs=6)
        assert accuracy(correct_missing_class(lowered, 1, shift), labels) == 1


def test_a_student_that_never_saw_a_class_recognises_more_of_it_after_one_correction():
    torch.manual_seed(0)
    generator = torch.Generator().manual_seed(0)
    centres = 1.5 * torch.randn(10, 8, generator=generator)
    labels = torch.arange(10).repeat(200)
    x = centres[labels] + torch.randn(2000, 8, generator=generator)

    def trained(hidden: int, loss) -> nn.Module:
        net = nn.Sequential(nn.Linear(8, hidden), nn.ReLU(), nn.Linear(hidden, 10))
        optimiser = torch.optim.Adam(net.parameters(), 0.01)
        for _ in range(200):
            optimiser.zero_grad()
            loss(net).backward()
            optimiser.step()
        return net

    seen, unseen = labels != 3, labels == 3
    taught = trained(64, lambda net: nn.functional.cross_entropy(net(x), labels))(x).detach()
    student = trained(32, lambda net: kd_loss(net(x[seen]), taught[seen], 8.0))
    z = student(x).detach()
    shift = missing_class_shift(z, labels, 3)
    corrected = correct_missing_class(z, 3, shift)
    assert shift > 0
    assert accuracy(corrected, labels) > accuracy(z, labels)
    assert accuracy(corrected[unseen], labels[unseen]) > accuracy(z[unseen], labels[unseen]) + 0.05


z = torch.zeros(2, 3)
REFUSED = [
    (lambda: correct_missing_class(z, 3, 1.0), ValueError, "class_index is 3: with 3 classes it needs 0 to 2"),
    (lambda: correct_missing_class(z, -1, 1.0), ValueError, "class_index is -1"),
    (lambda: correct_missing_class(z, 1.0, 1.0), TypeError, "class_index is 1.0"),
    (lambda: correct_missing_class(z, 1, float("nan")), ValueError, "shift is nan"),
    (lambda: correct_missing_class(z[0], 1, 1.0), ValueError, r"logits has shape \(3,\)"),
    (lambda: correct_missing_class(z.long(), 1, 1.0), TypeError, "logits has dtype int64"),
    (lambda: missing_class_shift(z, torch.tensor([0, 0]), 1), ValueError, "no sample of class 1"),
    (lambda: missing_class_shift(z, torch.tensor([0]), 1), ValueError, r"labels has shape \(1,\), logits \(2, 3\)"),
    (lambda: missing_class_shift(z / 0 + torch.inf, torch.tensor([0, 1]), 1), ValueError, "logits holds"),
    (lambda: missing_class_shift(z[:, :1], torch.tensor([0, 0]), 0), ValueError, "two classes are needed"),
    (lambda: missing_class_shift_for_frequency(z, 0, 1.5), ValueError, "frequency is 1.5"),
]


@pytest.mark.parametrize(("call", "error", "words"), REFUSED)
def test_bad_input_is_refused_in_words_that_name_the_argument(call, error, words):
    with pytest.raises(error, match=words):
        call()
