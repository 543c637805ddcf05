"""Balanced samples: counts that can be checked by hand."""

import pytest
import torch

from kdtutor.training.sampling import balanced_indices

LABELS = torch.tensor([2, 0, 0, 2, 0, 0, 0, 2, 5])  # five of class 0, three of class 2, one of class 5


def drawn(per_class, seed=0, labels=LABELS):
    return balanced_indices(labels, per_class, torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("per_class", [1, 2, 3, 5, 7, 20])
def test_every_class_stands_as_often_and_no_sample_more_than_once_more_than_another_of_its_class(per_class):
    index = drawn(per_class)
    assert LABELS[index].tolist() == [0] * per_class + [2] * per_class + [5] * per_class
    times = torch.bincount(index, minlength=len(LABELS))
    for label in (0, 2, 5):
        own = times[label == LABELS]
        assert own.max() - own.min() <= 1


def test_what_is_left_out_and_what_is_repeated_once_more_depends_on_the_seed_alone():
    assert torch.equal(drawn(3), drawn(3))
    assert len({tuple(sorted(drawn(3, seed)[:3].tolist())) for seed in range(20)}) > 3


def test_indices_lie_where_the_labels_lie(device):
    assert drawn(4, labels=LABELS.to(device)).device.type == device.type


def test_what_cannot_be_balanced_is_refused():
    with pytest.raises(ValueError, match="per_class is 0"):
        drawn(0)
    with pytest.raises(ValueError, match="at least one sample"):
        drawn(1, labels=LABELS[:0])
