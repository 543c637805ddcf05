"""Fingerprints: equal weights and samples share one, any changed bit, order, shape or type does not."""

import hashlib

import torch
from torch import nn

from kdtutor.distill.fingerprint import samples_fingerprint, weights_fingerprint
from tests.distill.small_teacher import images, network


def test_equal_weights_share_a_fingerprint_and_any_changed_bit_does_not():
    assert weights_fingerprint(network(0)) == weights_fingerprint(network(0))
    changed = [network(1), network(0).half(), nn.Sequential(*network(0), nn.ReLU())]
    bit = network(0)
    with torch.no_grad():
        bit[0].bias[0] = torch.nextafter(bit[0].bias[0], torch.tensor(9.0))
    trained = network(0)
    trained(images())  # moves the running statistics of its BatchNorm
    prints = {weights_fingerprint(m) for m in [network(0), bit, trained, *changed]}
    assert len(prints) == 6


def test_a_fingerprint_covers_buffers_outside_the_state_dict():
    def with_hidden(value: float) -> nn.Module:
        torch.manual_seed(0)
        model = nn.Linear(2, 2)
        model.register_buffer("hidden", torch.tensor(value), persistent=False)
        return model

    assert weights_fingerprint(with_hidden(1.0)) != weights_fingerprint(with_hidden(2.0))


def test_samples_differ_by_order_shape_type_and_value():
    x = images()
    versions = [x, x.flip(0), x.flatten(1), x.double(), x + 1, x[:-1]]
    assert len({samples_fingerprint(v) for v in versions}) == len(versions)
    assert samples_fingerprint(x) == samples_fingerprint(x.clone())
    assert samples_fingerprint(x.transpose(2, 3)) == samples_fingerprint(x.transpose(2, 3).contiguous())


def test_a_fingerprint_read_in_pieces_is_the_one_of_all_bytes(monkeypatch):
    x = torch.arange(1000).reshape(50, 20)
    whole = hashlib.sha256(b"torch.int64(50, 20)" + x.numpy().tobytes()).hexdigest()
    monkeypatch.setattr("kdtutor.distill.fingerprint.CHUNK", 512)
    assert samples_fingerprint(x) == whole
