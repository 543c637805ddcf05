"""Values and back; bytes from anyone."""

import math
import pickle
import tracemalloc

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kdtutor.grading.crossing import plain
from kdtutor.grading.crossing.codec import Caps, CodecError, Failure, Ref, TooLarge, decode, encode

SCALARS = (
    st.none() | st.booleans() | st.integers(-(2**2000), 2**2000) | st.floats() | st.complex_numbers()
    | st.text() | st.binary() | st.just(...) | st.builds(Ref, st.integers(0, 2**60))
    | st.sampled_from([torch.float16, torch.device("cpu"), torch.Size([2, 3])])
)  # fmt: skip
KEYS = st.text(max_size=5) | st.integers(-(2**62), 2**62) | st.binary(max_size=3) | st.booleans()
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(KEYS, inner, max_size=4)
        | st.sets(KEYS, max_size=4)
        | st.frozensets(KEYS, max_size=4)
        | st.builds(slice, inner, inner, inner)
    ),
    max_leaves=12,
)


def alike(left, right):
    if type(left) is not type(right):
        return False
    if isinstance(left, (list, tuple)):
        return len(left) == len(right) and all(map(alike, left, right))
    if isinstance(left, dict):
        return list(left) == list(right) and all(alike(left[key], right[key]) for key in left)
    if isinstance(left, slice):
        return alike((left.start, left.stop, left.step), (right.start, right.stop, right.step))
    if isinstance(left, (float, complex)):
        return repr(left) == repr(right)  # nan, and the sign of zero
    if isinstance(left, str):
        return left.encode("utf-8", "replace") == right.encode()
    return left == right


@given(VALUES)
def test_a_plain_value_comes_back_as_it_was(value):
    assert alike(value, decode(encode(value)))


@pytest.mark.filterwarnings("ignore:ComplexHalf")
@pytest.mark.parametrize("dtype", plain.DTYPES.values(), ids=str)
@pytest.mark.parametrize("shape", [(), (0,), (3, 0, 2), (5,), (2, 3, 4)])
def test_a_tensor_of_any_dtype_and_shape_comes_back_bit_for_bit_in_fresh_memory(dtype, shape):
    raw = torch.randint(0, 2 if dtype == torch.bool else 256, (*shape, dtype.itemsize), dtype=torch.uint8)
    tensor = raw.view(dtype).reshape(shape) if raw.numel() else torch.empty(shape, dtype=dtype)
    back = decode(encode(tensor))
    assert type(back) is torch.Tensor
    assert (back.dtype, back.shape, back.requires_grad) == (dtype, torch.Size(shape), False)
    assert bytes(back.reshape(-1).view(torch.uint8).tolist()) == bytes(raw.reshape(-1).tolist())
    if raw.numel():
        assert back.data_ptr() != tensor.data_ptr()
        assert back.untyped_storage().nbytes() == raw.numel()


@pytest.mark.parametrize(
    "tensor",
    [
        torch.arange(12.0).reshape(3, 4).t(),
        torch.arange(12.0)[::3],
        torch.tensor([[1.0], [2.0]]).expand(2, 5),
        torch.arange(24).reshape(2, 3, 4).permute(2, 0, 1),
        torch.tensor([1 + 2j, 3 - 1j]).conj(),
        torch.tensor([1 + 2j, 3 - 1j]).conj().imag,
        torch.nn.Parameter(torch.ones(3)) * 2,
    ],
)
def test_strides_views_and_history_stay_behind(tensor):
    back = decode(encode(tensor))
    assert torch.equal(back, tensor.detach())
    assert back.is_contiguous()
    assert not back.requires_grad


@pytest.mark.parametrize("code", ["?", "i1", "u8", ">i4", "f2", ">f8", "c16"])
def test_numpy_arrays_and_scalars_come_back(code):
    array = np.array([[0, 1, 2], [3, 4, 5]]).astype(code)
    for value in (array, array.T, array[:, ::2], array[0, 1]):
        back = decode(encode(value))
        assert type(back) is type(value)
        assert back.dtype == value.dtype.newbyteorder("=")
        assert np.array_equal(back, value)
    assert decode(encode(array)).flags.writeable


class Always:
    def __eq__(self, other):
        return True

    __hash__ = None


class Number(int):
    def __pos__(self):
        return 42

    def __eq__(self, other):
        return True

    __hash__ = int.__hash__


class Text(str):
    __slots__ = ()

    def __str__(self):
        return "another"


class Entries(dict):
    def items(self):
        return [("x", 1)]


class Sly(torch.Tensor):
    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        return torch.zeros(3)


def test_a_subclass_is_written_as_what_it_is_a_subclass_of():
    assert type(decode(encode(Number(3)))) is int
    assert decode(encode(Number(3))) == 3
    assert decode(encode(Text("text"))) == "text"
    assert decode(encode(Entries(a=2))) == {"a": 2}
    back = decode(encode(torch.ones(2).as_subclass(Sly)))
    assert type(back) is torch.Tensor
    assert torch.equal(back, torch.ones(2))


@pytest.mark.parametrize(
    "value",
    [
        Always(), object(), len, {(1, 2): 3}, {2**64: 1}, np.array(["a"], object), np.array(["text"]),
        np.datetime64("now"),        torch.eye(3).to_sparse(), torch.empty(3, device="meta"), [1, {2: Always()}],
    ],
)  # fmt: skip
def test_what_is_not_plain_is_refused(value):
    with pytest.raises(CodecError):
        encode(value)


def test_more_than_may_cross_is_refused_before_it_is_written_out():
    deep = []
    for _ in range(100):
        deep = [deep]
    tracemalloc.start()
    for value in (torch.zeros(1).expand(10**10), np.broadcast_to(np.zeros(1), 10**10), deep, 1 << 10_000):
        with pytest.raises(TooLarge):
            encode(value)
    assert tracemalloc.get_traced_memory()[1] < 2**20
    tracemalloc.stop()
    with pytest.raises(TooLarge, match="values that may cross"):
        encode([0] * 20, Caps(elements=10))
    with pytest.raises(TooLarge, match="MB that may cross"):
        encode(b"x" * 2000, Caps(bytes=1000))


def frame(*pieces):
    return plain.MAGIC + b"".join(pieces)


U32 = 4294967295
LIES = {
    "nothing": b"",
    "another format": pickle.dumps([1, 2]),
    "a pickle in the text": frame(b"s", (50).to_bytes(4, "big"), pickle.dumps(print)),
    "a list of four thousand million": frame(b"l", U32.to_bytes(4, "big"), b"N" * 10),
    "a dictionary of as many": frame(b"d", U32.to_bytes(4, "big")),
    "bytes that are not there": frame(b"b", U32.to_bytes(4, "big")),
    "a huge tensor": frame(b"X", (7).to_bytes(4, "big"), b"float32", b"\x02", *[(2**40).to_bytes(8, "big")] * 2),
    "a huge empty tensor": frame(
        b"X", (7).to_bytes(4, "big"), b"float32", b"\x02", (2**62).to_bytes(8, "big"), bytes(16)
    ),
    "more bytes than the shape": frame(
        b"X", (4).to_bytes(4, "big"), b"int8", b"\x00", (9).to_bytes(8, "big"), bytes(9)
    ),
    "an unknown dtype": frame(b"X", (6).to_bytes(4, "big"), b"object", b"\x00", bytes(8)),
    "an array of objects": frame(b"A", (2).to_bytes(4, "big"), b"|O", b"\x00", (8).to_bytes(8, "big"), bytes(8)),
    "lists in lists without end": frame((b"l" + (1).to_bytes(4, "big")) * 5000),
    "a list as a key": frame(b"d", (1).to_bytes(4, "big"), b"l", bytes(4), b"N"),
    "a key twice": frame(b"d", (2).to_bytes(4, "big"), b"TNTN"),
    "text that is not UTF-8": frame(b"s", (1).to_bytes(4, "big"), b"\xff"),
    "something after the end": frame(b"NN"),
    "a device that is none": frame(b"v", (4).to_bytes(4, "big"), b"warp"),
    "a negative size": frame(b"z", (1).to_bytes(4, "big"), b"s", bytes(4)),
}


@pytest.mark.parametrize("data", LIES.values(), ids=LIES)
def test_bytes_that_lie_are_refused_without_taking_memory(data):
    tracemalloc.start()
    with pytest.raises(CodecError):
        decode(data)
    assert tracemalloc.get_traced_memory()[1] < 2**20
    tracemalloc.stop()


def test_a_truth_that_is_neither_0_nor_1_becomes_one():
    data = bytearray(encode(torch.tensor([True, False])))
    data[-2:] = b"\x07\x00"
    assert decode(bytes(data)).to(torch.uint8).tolist() == [1, 0]
    array = bytearray(encode(np.array([True, False])))
    array[-2:] = b"\x07\x00"
    assert decode(bytes(array)).astype(int).tolist() == [1, 0]


@settings(max_examples=300)
@given(st.binary(max_size=200))
def test_random_bytes_give_a_value_or_a_codec_error(data):
    for candidate in (data, plain.MAGIC + data):
        try:
            decode(candidate)
        except CodecError:
            continue


SAMPLE = encode(
    {
        "a": [1, -5, 2.5, math.inf, 3j, None, True, "text", b"raw", ...],
        "b": (torch.arange(6.0).reshape(2, 3), torch.tensor([True]), np.arange(3), np.float32(2), torch.Size([4])),
        7: {1, 2}, "s": slice(1, None, 2), "f": Failure("A", "B", "c", 4, "d"), "r": Ref(9), "t": torch.float16,
        "d": torch.device("cpu"), "z": frozenset("ab"),
    }
)  # fmt: skip


@settings(max_examples=400)
@given(st.lists(st.tuples(st.integers(0, len(SAMPLE) - 1), st.integers(0, 255)), min_size=1, max_size=6), st.data())
def test_a_damaged_frame_gives_a_value_or_a_codec_error(changes, data):
    damaged = bytearray(SAMPLE)
    for position, byte in changes:
        damaged[position] = byte
    cut = data.draw(st.integers(0, len(damaged)))
    for candidate in (bytes(damaged), bytes(damaged[:cut]), bytes(damaged[:cut] + damaged[cut + 1 :])):
        try:
            decode(candidate)
        except CodecError:
            continue
