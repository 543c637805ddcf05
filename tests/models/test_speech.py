"""The speech networks: what they map, what padding may not do, and that a stream never looks ahead."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from kdtutor.models import speech_network, streaming_speech_network

MAKERS = {
    "speech_network": lambda seed: speech_network(4, 3, 5, mels=6, kernel=3, stride=2, seed=seed),
    "streaming_speech_network": lambda seed: streaming_speech_network(4, 3, 5, mels=6, kernel=3, seed=seed),
}


def utterances(*counts: int, frames: int = 12) -> Tensor:
    """Random features (N, frames, 6), zero behind each utterance's end."""
    x = torch.randn(len(counts), frames, 6, generator=torch.Generator().manual_seed(len(counts)))
    return x * (torch.arange(frames) < torch.tensor(counts)[:, None])[..., None]


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_maps_utterances_to_one_logit_a_class(make, device):
    assert make(0).to(device)(utterances(12, 5, 1).to(device)).shape == (3, 5)


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_a_seed_fixes_the_initial_weights_and_leaves_the_global_generator_alone(make):
    before = torch.get_rng_state()
    pairs = list(zip(make(3).parameters(), make(3).parameters(), make(4).parameters(), strict=True))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(a, b) for a, b, _ in pairs)
    assert all(not torch.equal(a, c) for a, _, c in pairs)


def test_the_network_reads_its_answer_off_the_frames_that_are_heard():
    model, x = speech_network(4, 3, 5, mels=6, kernel=3, stride=2, seed=1), utterances(7, 12)
    states, _ = model.gru(model.conv(x.mT).relu().mT)
    wanted = model.head(torch.stack([states[0, :4].mean(0), states[1].mean(0)]))
    torch.testing.assert_close(model(x), wanted)


def test_further_padding_changes_nothing_of_what_the_stream_says():
    model, x = streaming_speech_network(4, 3, 5, mels=6, kernel=4, seed=1), utterances(7, 12, 1)
    torch.testing.assert_close(model(F.pad(x, (0, 0, 0, 9))), model(x))


def test_the_stream_says_of_the_whole_what_it_says_after_its_last_frame():
    model, x = streaming_speech_network(4, 3, 5, mels=6, kernel=4, seed=1), utterances(7, 12, 1)
    every = model.frame_logits(x)
    assert every.shape == (3, 12, 5)
    torch.testing.assert_close(model(x), every[torch.arange(3), torch.tensor([6, 11, 0])])


@pytest.mark.parametrize("kernel", [1, 2, 5])
def test_the_stream_never_looks_ahead(kernel):
    model, x = streaming_speech_network(4, 3, 5, mels=6, kernel=kernel, seed=1), utterances(12, 12)
    changed = torch.cat([x[:, :8], torch.randn(2, 4, 6)], 1)
    torch.testing.assert_close(model.frame_logits(changed)[:, :8], model.frame_logits(x)[:, :8])
    assert not torch.allclose(model.frame_logits(changed)[:, 8], model.frame_logits(x)[:, 8])


def test_what_cannot_be_built_or_heard_is_refused_in_words():
    with pytest.raises(ValueError, match="hidden is 0: at least 1"):
        speech_network(hidden=0)
    with pytest.raises(ValueError, match="kernel is 4: an odd number"):
        speech_network(kernel=4)
    with pytest.raises(ValueError, match="mels is -1"):
        streaming_speech_network(mels=-1)
    with pytest.raises(ValueError, match=r"x has shape \(5, 24\): \(N, frames, mels\)"):
        speech_network()(torch.rand(5, 24))
