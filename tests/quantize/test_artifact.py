"""Artifacts decode bit for bit or are refused; every byte of them matters."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from kdtutor.quantize import (
    AffineTensor,
    ArtifactError,
    CodebookTensor,
    RawTensor,
    decode_artifact,
    encode_artifact,
    kmeans_codebook,
    load_artifact,
    quantize_per_channel,
    quantize_per_group,
    quantize_per_tensor,
    read_artifact,
    save_artifact,
)
from kdtutor.quantize import artifact as module
from kdtutor.quantize.tensor_streams import DTYPES


def normal(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def pruned(*shape: int, keep: float, seed: int = 0) -> torch.Tensor:
    weight = normal(*shape, seed=seed)
    threshold = weight.abs().flatten().sort().values[int((1 - keep) * weight.numel())]
    return torch.where(weight.abs() >= threshold, weight, 0.0)


def bits_of(tensor: torch.Tensor) -> bytes:
    return tensor.contiguous().flatten().view(torch.uint8).numpy().tobytes()


def mixed() -> dict:
    """One entry of each kind, small."""
    return {
        "raw.bias": normal(5),
        "empty": torch.zeros(0, 3),
        "count": torch.tensor(7),
        "flags": torch.tensor([True, False]),
        "channel": AffineTensor(*quantize_per_channel(normal(4, 9), 0, 3), 3),
        "group": AffineTensor(*quantize_per_group(normal(4, 9), 4, 4), 4, group_size=4),
        "shared": CodebookTensor(*kmeans_codebook(normal(6, 7), 2)),
        "pruned": CodebookTensor(*kmeans_codebook(pruned(12, 20, keep=0.1), 3, keep_zero=True)),
        "名前": RawTensor(pruned(20, 20, keep=0.05)),
    }


def decoded(entries: dict) -> dict:
    return {name: e if isinstance(e, torch.Tensor) else e.decode() for name, e in entries.items()}


def assert_same(ours: dict, theirs: dict) -> None:
    assert list(ours) == list(theirs)
    for name in ours:
        assert ours[name].dtype == theirs[name].dtype, name
        assert ours[name].shape == theirs[name].shape, name
        assert bits_of(ours[name]) == bits_of(theirs[name]), name


def test_every_kind_decodes_bit_for_bit_and_the_file_is_as_long_as_it_says(tmp_path):
    entries = mixed()
    path = tmp_path / "net.kdqa"
    size = save_artifact(path, entries)
    assert size == path.stat().st_size == len(encode_artifact(entries))
    assert_same(decoded(entries), load_artifact(path))
    again = read_artifact(path)
    assert encode_artifact(again) == path.read_bytes()
    assert torch.equal(again["channel"].codes, entries["channel"].codes)
    assert torch.equal(again["channel"].zero_point, entries["channel"].zero_point)
    assert again["group"].bits == 4


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("keep", [0.0, 0.1, 1.0])
def test_raw_tensors_of_every_dtype_keep_every_bit(dtype, keep):
    values = pruned(10, 30, keep=max(keep, 0.01)) * 50 if keep else torch.zeros(10, 30)
    tensor = values.to(dtype)
    if dtype.is_floating_point:
        tensor[0, :4] = torch.tensor([torch.nan, torch.inf, -0.0, torch.finfo(dtype).tiny]).to(dtype)
    back = decode_artifact(encode_artifact({"x": tensor}))["x"].decode()
    assert back.dtype == dtype
    assert bits_of(back) == bits_of(tensor)


@given(
    st.integers(0, 10**6),
    st.lists(st.integers(0, 9), max_size=4),
    st.integers(1, 8),
    st.floats(0, 1),
    st.sampled_from(["codebook", "tensor", "channel", "group"]),
)
def test_codes_of_any_shape_width_and_sparsity_round_trip(seed, shape, bits, keep, kind):
    generator = torch.Generator().manual_seed(seed)
    if kind == "codebook" or math.prod(shape) == 0 or not shape:
        codes = torch.randint(0, 2**bits, shape, generator=generator)
        codes[torch.rand(shape, generator=generator) > keep] = 0
        entry = CodebookTensor(torch.randn(2**bits, generator=generator), codes)
    else:
        weight = torch.randn(shape, generator=generator)
        weight[torch.rand(shape, generator=generator) > keep] = 0
        if kind == "tensor":
            entry = AffineTensor(*quantize_per_tensor(weight, bits), bits)
        elif kind == "channel":
            entry = AffineTensor(*quantize_per_channel(weight, 0, bits, symmetric=False), bits)
        else:
            entry = AffineTensor(*quantize_per_group(weight, 3, bits), bits, group_size=3)
    assert_same({"w": entry.decode()}, decoded(decode_artifact(encode_artifact({"w": entry}))))


DATA = encode_artifact(mixed())


def test_every_single_byte_that_is_changed_is_noticed():
    for place in range(len(DATA)):
        for change in (1, 128, 255):
            damaged = bytearray(DATA)
            damaged[place] ^= change
            with pytest.raises(ArtifactError):
                decode_artifact(bytes(damaged))


def test_every_truncation_and_every_extension_is_refused_with_its_reason():
    for length in range(1, len(DATA)):
        with pytest.raises(ArtifactError, match=r"truncated|no artifact"):
            decode_artifact(DATA[:length])
    with pytest.raises(ArtifactError, match="no artifact"):
        decode_artifact(b"")
    with pytest.raises(ArtifactError, match="3 bytes too many"):
        decode_artifact(DATA + b"abc")


@given(st.integers(0, len(DATA) - 1), st.binary(min_size=1, max_size=40))
def test_any_stretch_that_is_overwritten_is_noticed(place, stretch):
    damaged = DATA[:place] + stretch[: len(DATA) - place] + DATA[place + len(stretch) :]
    if damaged != DATA:
        with pytest.raises(ArtifactError):
            decode_artifact(damaged)


def signed_again(body: bytes) -> bytes:
    """Contents with a checksum that matches: what someone who knows the format could write."""
    head = bytearray(module.MAGIC)
    head.append(module.VERSION)
    module.write_number(head, len(body))
    return bytes(head) + module._checksum(head, body) + body


BODY = DATA[DATA.index(b"raw.bias") - 2 :]


def test_the_test_s_own_signature_is_the_format_s():
    assert signed_again(BODY) == DATA


@pytest.mark.parametrize("change", [1, 3, 16, 64, 128, 255])
def test_altered_contents_with_a_matching_checksum_decode_or_are_refused_and_never_crash(change):
    refused = 0
    for place in range(len(BODY)):
        altered = bytearray(BODY)
        altered[place] ^= change
        try:
            entries = decode_artifact(signed_again(bytes(altered)), most_values=10_000)
        except ArtifactError:
            refused += 1
        else:
            assert all(isinstance(e.decode(), torch.Tensor) for e in entries.values())
    assert refused > 20


def test_a_few_bytes_cannot_ask_for_all_memory():
    body = bytearray([1, 1, ord("w"), 0, 0, 2])
    module.write_number(body, 2**40)
    module.write_number(body, 2**40)
    with pytest.raises(ArtifactError, match="more than the 268435456 values"):
        decode_artifact(signed_again(bytes(body)))
    big = CodebookTensor(torch.zeros(2), torch.zeros(100, 100, dtype=torch.uint8))
    with pytest.raises(ArtifactError, match="more than the 9999 values"):
        decode_artifact(encode_artifact({"w": big}), most_values=9999)
    assert len(encode_artifact({"w": big})) < 60


def test_another_version_and_another_file_are_named():
    newer = bytearray(DATA)
    newer[4] = 2
    with pytest.raises(ArtifactError, match="has version 2, this program reads version 1"):
        decode_artifact(bytes(newer))
    with pytest.raises(ArtifactError, match=r"starts with b'PK"):
        decode_artifact(b"PK\x03\x04" + DATA)
    with pytest.raises(ArtifactError, match="entry 'w': kind 9 does not exist"):
        decode_artifact(signed_again(bytes([1, 1, ord("w"), 9])))


def test_a_failing_write_leaves_the_old_file_and_no_other(tmp_path, monkeypatch):
    path = tmp_path / "net.kdqa"
    save_artifact(path, {"x": torch.ones(3)})
    before = path.read_bytes()

    def full(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(module.os, "fsync", full)
    with pytest.raises(OSError, match="disk full"):
        save_artifact(path, {"x": torch.zeros(3)})
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(TypeError, match="entry 'x' is a list"):
        save_artifact(path, {"x": [1]})
    assert path.read_bytes() == before


def test_a_file_is_readable_by_others_as_far_as_the_umask_says(tmp_path):
    plain = tmp_path / "plain"
    plain.write_bytes(b"")
    save_artifact(tmp_path / "net.kdqa", {"x": torch.ones(3)})
    assert (tmp_path / "net.kdqa").stat().st_mode == plain.stat().st_mode


def test_sparse_codes_are_placed_by_gaps_and_columns_when_that_is_shorter():
    def size(codes):
        return len(encode_artifact({"w": CodebookTensor(torch.zeros(16), codes)}))

    dense = torch.randint(0, 16, (300, 100), generator=torch.Generator().manual_seed(0))
    assert 15_000 < size(dense) < 15_000 + 150
    kept = torch.rand(300, 100, generator=torch.Generator().manual_seed(1)) < 0.05
    sparse = torch.where(kept, dense, 0)
    # Σ over weights of the entropy of "kept or not", and of the code where kept.
    ideal = 30_000 * -(0.05 * math.log2(0.05) + 0.95 * math.log2(0.95)) / 8 + 1500 * 4 / 8
    assert size(sparse) < 1.08 * ideal + 150
    dead = dense.clone()
    dead[:, 20:] = 0
    assert size(dead) < 0.25 * size(dense)


def test_lenet_300_100_pruned_and_shared_takes_less_than_a_fortieth():
    entries = {}
    for name, (shape, keep) in {"a": ((300, 784), 0.08), "b": ((100, 300), 0.09), "c": ((10, 100), 0.26)}.items():
        entries[f"{name}.weight"] = CodebookTensor(*kmeans_codebook(pruned(*shape, keep=keep), 4, keep_zero=True))
        entries[f"{name}.bias"] = normal(shape[0])
    data = encode_artifact(entries)
    assert len(data) < 4 * 266_610 / 40
    assert_same(decoded(entries), decoded(decode_artifact(data)))


def test_a_network_comes_back_through_load_state_dict(tmp_path):
    layer, other = torch.nn.Linear(30, 20), torch.nn.Linear(30, 20)
    state = layer.state_dict()
    save_artifact(tmp_path / "a", {**state, "weight": AffineTensor(*quantize_per_channel(state["weight"]), 8)})
    other.load_state_dict(load_artifact(tmp_path / "a"))
    assert torch.equal(other.bias, layer.bias)
    assert (other.weight - layer.weight).abs().max() < 0.01


codes8 = torch.zeros(2, 2, dtype=torch.int8)
zero = torch.tensor(0)
REFUSED = [
    (lambda: AffineTensor(codes8 + 8, torch.tensor(1.0), zero, 4), ValueError, "codes run from 8 to 8: -8 to 7"),
    (lambda: AffineTensor(codes8, torch.ones(3), zero, 4), ValueError, r"scale has shape \(3,\)"),
    (lambda: AffineTensor(codes8, torch.tensor(0.0), zero, 4), ValueError, "scale holds 0.0"),
    (lambda: AffineTensor(codes8, torch.tensor(1.0), torch.tensor(9), 4), ValueError, "zero_point holds 9"),
    (lambda: AffineTensor(codes8, torch.ones(2, 1), torch.zeros(2, 1).int(), 4, 1), ValueError, "groups of 1 need"),
    (lambda: CodebookTensor(torch.ones(2), codes8 + 2), ValueError, "codes run from 2 to 2: 0 to 1"),
    (lambda: CodebookTensor(torch.ones(257), codes8), ValueError, "1 to 256 values"),
    (lambda: CodebookTensor(torch.ones(2).int(), codes8), TypeError, "codebook has dtype int32"),
    (lambda: encode_artifact({"x": torch.zeros(2, dtype=torch.complex64)}), TypeError, "complex64 has no number"),
]


@pytest.mark.parametrize(("call", "error", "words"), REFUSED)
def test_bad_input_is_refused_in_words_that_name_the_argument(call, error, words):
    with pytest.raises(error, match=words):
        call()
