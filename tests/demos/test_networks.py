"""The explorers' networks: as good as they should be, and trained once only."""

import pytest
import torch

from kdtutor import prune
from kdtutor.demos import networks
from kdtutor.measure import accuracy

MAKERS = (networks.from_labels, networks.distilled, networks.pruned, networks.lenet)


def test_every_student_is_worth_showing_and_none_is_the_teacher() -> None:
    reached = {name: accuracy(model, networks.pictures().validation) for name, model in networks.students().items()}
    assert min(reached.values()) > 0.8
    assert max(reached.values()) < accuracy(networks.teacher(), networks.pictures().validation)


def test_the_pruned_student_has_lost_what_it_says_and_the_int8_one_hardly_differs() -> None:
    weights = prune.prunable_weights(networks.pruned())
    for weight in weights.values():
        assert int((weight == 0).sum()) == round(networks.SPARSITY * weight.numel())
    x = networks.pictures().validation.x
    agree = (networks.int8()(x).argmax(1) == networks.distilled()(x).argmax(1)).float().mean()
    assert float(agree) > 0.97


def test_a_second_opening_reads_what_the_first_one_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    first = {make.__name__: make() for make in MAKERS}
    monkeypatch.setattr(networks.training, "fit", lambda *_, **__: pytest.fail("it was trained again"))
    for make in MAKERS:
        again = make.__wrapped__()
        assert not again.training
        for name, value in first[make.__name__].state_dict().items():
            assert torch.equal(value, again.state_dict()[name])
