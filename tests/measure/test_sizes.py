"""Bytes against files that were really written."""

import zlib

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from kdtutor.measure import artifact_bytes, state_dict_bytes
from kdtutor.models import mlp


def test_artifact_bytes_is_the_length_of_bytes_and_the_size_of_files(tmp_path):
    assert artifact_bytes(b"12345") == artifact_bytes(bytearray(5)) == artifact_bytes(memoryview(b"12345")) == 5
    (tmp_path / "codes.bin").write_bytes(bytes(100))
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "codebook.bin").write_bytes(bytes(23))
    assert artifact_bytes(tmp_path / "codes.bin") == artifact_bytes(str(tmp_path / "codes.bin")) == 100
    assert artifact_bytes(tmp_path) == 123


def test_a_memoryview_of_wider_items_counts_bytes_and_not_items():
    assert artifact_bytes(memoryview(torch.zeros(3, dtype=torch.float64).numpy())) == 24


def test_artifact_bytes_refuses_what_is_not_there_and_what_has_no_size(tmp_path):
    with pytest.raises(FileNotFoundError, match="there is no such file"):
        artifact_bytes(tmp_path / "nothing")
    with pytest.raises(TypeError, match="artifact is a int"):
        artifact_bytes(3)


def test_state_dict_bytes_is_the_size_of_the_safetensors_file(tmp_path, device):
    model = nn.Sequential(nn.Linear(30, 20), nn.BatchNorm1d(20)).to(device)
    save_file(model.state_dict(), tmp_path / "model.safetensors")
    assert state_dict_bytes(model) == state_dict_bytes(model.state_dict()) == artifact_bytes(tmp_path)
    packed = zlib.compress((tmp_path / "model.safetensors").read_bytes(), 9)
    assert state_dict_bytes(model, compressed=True) == len(packed)


def test_zeros_save_nothing_until_they_are_compressed():
    model = mlp(256, 64, 36, seed=0)
    dense, dense_packed = state_dict_bytes(model), state_dict_bytes(model, compressed=True)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(parameter.abs() > parameter.abs().quantile(0.9))
    assert state_dict_bytes(model) == dense
    assert state_dict_bytes(model, compressed=True) < 0.3 * dense_packed


def test_a_shared_weight_is_stored_once_and_a_view_without_the_rest_of_its_memory():
    tied = nn.Sequential(nn.Linear(50, 50), nn.Linear(50, 50))
    separate = state_dict_bytes(tied)
    tied[1].weight = tied[0].weight
    assert separate - state_dict_bytes(tied) >= 4 * 2500
    large = torch.zeros(1000, 50)
    assert state_dict_bytes({"row": large[0]}) < 50 * 4 + 200


def test_a_state_that_is_no_tensor_is_refused():
    with pytest.raises(TypeError, match="'step' is a int"):
        state_dict_bytes({"step": 3})
