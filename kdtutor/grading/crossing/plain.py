"""Which values are plain, and how much of them may cross."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

MAGIC = b"kd1"
INT_BYTES = 1024  # decimal text of such a number is within Python's own limit
KEY_BITS = 64  # longer keys could be chosen to collide in a dictionary
MAX_DIMS = 64
DTYPES = {
    str(dtype).removeprefix("torch."): dtype
    for dtype in (
        torch.bool, torch.uint8, torch.int8, torch.uint16, torch.int16, torch.uint32, torch.int32, torch.uint64,
        torch.int64, torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.complex32, torch.complex64,
        torch.complex128, torch.float8_e4m3fn, torch.float8_e5m2, torch.float8_e4m3fnuz, torch.float8_e5m2fnuz,
    )
}  # fmt: skip
NAMES = {dtype: name for name, dtype in DTYPES.items()}
ARRAYS = {np.dtype(code).str for code in ("?", "i1", "u1", "<i2", "<u2", "<i4", "<u4", "<i8", "<u8")}
ARRAYS |= {np.dtype(code).str for code in ("<f2", "<f4", "<f8", "<c8", "<c16")}


class CodecError(Exception):
    """Bytes that are no plain value, or a value that is not plain."""


class TooLarge(CodecError):  # noqa: N818 - said of the value
    """A plain value, but more of it than may cross."""


@dataclass(frozen=True)
class Caps:
    """How much may cross at once: bytes in all, values counted singly, containers within containers."""

    bytes: int = 256 * 2**20
    elements: int = 1_000_000
    depth: int = 64


CAPS = Caps()


@dataclass(frozen=True)
class Ref:
    """An object that both sides know by this number."""

    number: int


@dataclass(frozen=True)
class Failure:
    """An exception in words: its type's name, the nearest built-in type's, its text, the learner's line and text."""

    type_name: str
    base: str
    text: str
    line: int | None = None
    source: str = ""


def is_key(value: Any) -> bool:
    """Whether a value can be a dictionary's key or a set's member here."""
    if isinstance(value, int):
        return value.bit_length() < KEY_BITS
    return value is None or isinstance(value, (float, str, bytes))


def is_array(value: Any) -> bool:
    """Whether a NumPy array or scalar holds plain numbers."""
    return value.dtype.newbyteorder("<").str in ARRAYS


def is_dense(tensor: Tensor) -> bool:
    """Whether a tensor is numbers in memory: not sparse, quantised, or without data."""
    return tensor.layout is torch.strided and tensor.dtype in NAMES and tensor.device.type != "meta"
