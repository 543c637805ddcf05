"""Regimes divide one budget, and each stage's loss looks at exactly what it says it uses."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from kdtutor.distill import distillation_loss, kd_loss
from kdtutor.distill.regimes import (
    Stage,
    distil_from_scratch,
    finetune_with_teacher,
    follow,
    pretrain_then_finetune,
    total_epochs,
)

student, teacher = torch.randn(2, 6, 4, generator=torch.Generator().manual_seed(0))
labels = torch.tensor([0, 1, 2, 3, 0, 1])


@given(st.integers(1, 200), st.floats(0, 1))
def test_every_regime_spends_the_same_epochs_and_leaves_out_empty_stages(epochs, fraction):
    for stages in (
        distil_from_scratch(epochs),
        pretrain_then_finetune(epochs, pretrain_fraction=fraction),
        finetune_with_teacher(epochs, label_fraction=fraction),
    ):
        assert total_epochs(stages) == epochs
        assert all(stage.epochs >= 1 for stage in stages)


def test_the_stages_of_each_regime_have_the_losses_their_names_promise():
    (distil,) = distil_from_scratch(10, temperature=2.0, alpha=0.7)
    pretrain, finetune = pretrain_then_finetune(10, temperature=3.0, pretrain_fraction=0.3)
    on_labels, with_teacher = finetune_with_teacher(10, 2.0, 0.7, label_fraction=0.6)
    assert (pretrain.epochs, finetune.epochs, on_labels.epochs, with_teacher.epochs) == (3, 7, 6, 4)
    mixed = distillation_loss(student, teacher, labels, 2.0, 0.7)
    torch.testing.assert_close(distil.loss(student, teacher, labels), mixed)
    torch.testing.assert_close(with_teacher.loss(student, teacher, labels), mixed)
    torch.testing.assert_close(pretrain.loss(student, teacher, None), kd_loss(student, teacher, 3.0))
    torch.testing.assert_close(finetune.loss(student, None, labels), F.cross_entropy(student, labels))
    torch.testing.assert_close(on_labels.loss(student, None, labels), F.cross_entropy(student, labels))


def test_a_stage_says_what_its_loss_looks_at():
    stages = [*distil_from_scratch(4), *pretrain_then_finetune(4), *finetune_with_teacher(4)]
    for stage in stages:
        given_teacher = teacher if stage.uses_teacher else None
        given_labels = labels if stage.uses_labels else None
        assert stage.loss(student, given_teacher, given_labels).isfinite()
    assert [(s.uses_teacher, s.uses_labels) for s in stages] == [
        (True, True),
        (True, False),
        (False, True),
        (False, True),
        (True, True),
    ]


def test_a_student_trained_already_meets_the_teacher_alone():
    (stage,) = finetune_with_teacher(5, label_fraction=0.0)
    assert stage.epochs == 5
    assert stage.uses_teacher


def test_follow_trains_one_student_through_the_stages_in_order():
    net = nn.Linear(2, 2)
    seen = []

    def train(model, stage):
        seen.append((model, stage.name))
        return stage.epochs

    assert follow(pretrain_then_finetune(7, pretrain_fraction=0.5), net, train) == [4, 3]
    assert seen == [(net, "pre-train on the teacher"), (net, "fine-tune on labels")]


REFUSED = [
    (lambda: Stage("none", kd_loss, 0), ValueError, "epochs is 0"),
    (lambda: Stage("half", kd_loss, 0.5), TypeError, "epochs is 0.5"),
    (lambda: distil_from_scratch(0), ValueError, "epochs is 0"),
    (lambda: distil_from_scratch(3, 0.0), ValueError, "temperature is 0.0"),
    (lambda: distil_from_scratch(3, alpha=1.1), ValueError, "alpha is 1.1"),
    (lambda: pretrain_then_finetune(3, pretrain_fraction=1.1), ValueError, "pretrain_fraction is 1.1"),
    (lambda: finetune_with_teacher(3, label_fraction=-0.1), ValueError, "label_fraction is -0.1"),
    (lambda: finetune_with_teacher(0), ValueError, "epochs is 0"),
    (lambda: follow([], nn.Linear(1, 1), lambda s, t: None), ValueError, "stages is empty"),
]


@pytest.mark.parametrize(("call", "error", "words"), REFUSED)
def test_bad_input_is_refused_in_words_that_name_the_argument(call, error, words):
    with pytest.raises(error, match=words):
        call()
