"""The pruning explorer removes what it says, counts what is left, and times what it shows."""

import numpy as np
import pytest
import torch
from torch import nn

from kdtutor.demos import networks, pruning
from kdtutor.quantize import decode_artifact, encode_artifact


@pytest.mark.parametrize("sparsity", [0.3, 0.9])
def test_the_smallest_weights_of_the_whole_network_go_and_no_others(sparsity: float) -> None:
    here = pruning.smaller(sparsity, "weights").model
    before = np.concatenate([p.detach().numpy().ravel() for p in networks.lenet().parameters() if p.ndim == 2])
    after = np.concatenate([p.numpy().ravel() for p in here.parameters() if p.ndim == 2])
    gone = (after == 0) & (before != 0)
    assert gone.sum() == round(sparsity * before.size)
    assert np.abs(before[gone]).max() <= np.abs(before[~gone]).min()
    assert (after[~gone] == before[~gone]).all()


def test_the_weakest_neurons_of_each_hidden_layer_go_for_good() -> None:
    here = pruning.smaller(0.5, "neurons").model
    widths = [layer.out_features for layer in here if isinstance(layer, nn.Linear)]
    assert widths == [150, 50, 36]
    scores = networks.lenet()[1].weight.detach().abs().sum(1)
    kept = {tuple(row) for row in here[1].weight.tolist()}
    strongest = scores.argsort(descending=True)[:150]
    assert kept == {tuple(row) for row in networks.lenet()[1].weight.detach()[strongest].tolist()}


@pytest.mark.parametrize("structure", pruning.STRUCTURES)
def test_accuracy_is_counted_on_validation_pictures(structure: pruning.Structure) -> None:
    here, split = pruning.smaller(0.7, structure), networks.pictures().validation
    with torch.no_grad():
        right = [int(here.model(x[None]).argmax()) == int(y) for x, y in zip(split.x[:300], split.y[:300], strict=True)]
        whole = (here.model(split.x).argmax(1) == split.y).float()
    assert float(whole[:300].mean()) == pytest.approx(sum(right) / 300)
    assert here.accuracy == pytest.approx(float(whole.mean()))


def test_nothing_removed_is_the_whole_network_and_more_removed_is_a_smaller_file() -> None:
    for structure in pruning.STRUCTURES:
        whole = pruning.smaller(0.0, structure)
        batch = networks.pictures().validation.x[:50]
        assert torch.equal(whole.model(batch), networks.lenet()(batch))
        files = [pruning.smaller(s, structure).file_bytes for s in pruning.SPARSITIES]
        assert files == sorted(files, reverse=True)
        assert files[-1] < files[0] / 8


def test_the_file_that_is_weighed_holds_the_pruned_network() -> None:
    here = pruning.smaller(0.8, "weights")
    file = encode_artifact(here.model.state_dict())
    assert len(file) == here.file_bytes
    for name, entry in decode_artifact(file).items():
        assert torch.equal(entry.decode(), here.model.state_dict()[name])


def test_times_are_medians_of_several_runs_measured_anew_at_every_move() -> None:
    first, second = pruning.prune_to(0.98, "neurons"), pruning.prune_to(0.98, "neurons")
    assert min(first.takes.n, first.whole_takes.n) >= 7
    assert first.takes.median != second.takes.median, "a time was remembered"
    assert first.takes.median < first.whole_takes.median, "2 % of the neurons take as long as all"


def test_the_answer_to_the_question_is_the_last_sparsity_before_five_points_are_lost() -> None:
    accuracies = dict(zip(pruning.SPARSITIES, pruning.prune_to(0.5, "weights").accuracies["weights"], strict=True))
    answer = pruning.most_removable() / 100
    later = [s for s in pruning.SPARSITIES if s > answer]
    assert accuracies[answer] >= accuracies[0.0] - 0.05
    assert all(accuracies[s] < accuracies[0.0] - 0.05 for s in later)
