"""Plain values read from bytes that anyone may have written: no length is believed before it is checked."""

import math
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from kdtutor.grading.crossing.plain import (
    ARRAYS,
    DTYPES,
    INT_BYTES,
    MAX_DIMS,
    Caps,
    CodecError,
    Failure,
    Ref,
    TooLarge,
    is_key,
)

_U32, _F64 = struct.Struct(">I"), struct.Struct(">d")


class Reader:
    """Reads values one after another from `position` on; raises nothing but CodecError."""

    def __init__(self, data: memoryview, caps: Caps) -> None:
        self.data = data
        self.caps = caps
        self.position = 0
        self.elements = 0

    def take(self, count: int) -> memoryview:
        if count > len(self.data) - self.position:
            raise CodecError("the bytes end too early")
        piece = self.data[self.position : self.position + count]
        self.position += count
        return piece

    def count(self) -> int:
        return _U32.unpack(self.take(4))[0]

    def long(self) -> int:
        return int.from_bytes(self.take(8), "big")

    def text(self) -> str:
        try:
            return str(self.take(self.count()), "utf-8")
        except UnicodeDecodeError:
            raise CodecError("text that is not UTF-8") from None

    def value(self, depth: int) -> Any:
        self.elements += 1
        if self.elements > self.caps.elements:
            raise TooLarge(f"more than the {self.caps.elements} values that may cross")
        if depth > self.caps.depth:
            raise TooLarge(f"nested deeper than the {self.caps.depth} levels that may cross")
        tag = bytes(self.take(1))
        read = _READERS.get(tag)
        if read is None:
            raise CodecError(f"no value begins with {tag!r}")
        return read(self, depth)

    def many(self, depth: int) -> list[Any]:
        return [self.value(depth + 1) for _ in range(self.fitting(self.count(), 1))]

    def fitting(self, count: int, least: int) -> int:
        """A count of things, each of at least so many bytes: more than the bytes left is a lie."""
        if count * least > len(self.data) - self.position:
            raise CodecError("more values announced than there are bytes")
        return count

    def integer(self) -> int:
        size = self.count()
        if size > INT_BYTES:
            raise TooLarge(f"an integer of {size} bytes")
        return int.from_bytes(self.take(size), "big", signed=True)

    def mapping(self, depth: int) -> dict[Any, Any]:
        found = {}
        count = self.fitting(self.count(), 2)
        for _ in range(count):
            key = self.key(depth)
            found[key] = self.value(depth + 1)
        if len(found) != count:
            raise CodecError("a key twice in one dictionary")
        return found

    def members(self, depth: int) -> set[Any]:
        count = self.fitting(self.count(), 1)
        found = {self.key(depth) for _ in range(count)}
        if len(found) != count:
            raise CodecError("a member twice in one set")
        return found

    def key(self, depth: int) -> Any:
        key = self.value(depth + 1)
        if not is_key(key):
            raise CodecError(f"a {type(key).__name__} as a key")
        return key

    def shape(self) -> tuple[int, ...]:
        count = self.take(1)[0]
        if count > MAX_DIMS:
            raise CodecError(f"{count} dimensions")
        sizes = tuple(self.long() for _ in range(count))
        if math.prod(max(size, 1) for size in sizes) > self.caps.bytes:
            raise TooLarge(f"a shape of {sizes}")
        return sizes

    def raw(self, shape: tuple[int, ...], itemsize: int) -> bytearray:
        size = self.long()
        if size != math.prod(shape) * itemsize:
            raise CodecError(f"{size} bytes for a tensor of shape {shape}")
        return bytearray(self.take(size))

    def tensor(self) -> Tensor:
        dtype = DTYPES.get(self.text())
        if dtype is None:
            raise CodecError("an unknown dtype")
        shape = self.shape()
        raw = self.raw(shape, dtype.itemsize)
        if not raw:
            return torch.empty(shape, dtype=dtype)
        flat = torch.frombuffer(raw, dtype=torch.uint8)
        if dtype is torch.bool:
            return (flat != 0).reshape(shape)  # any byte but 0 and 1 would be a truth that equals nothing
        return flat.clone().view(dtype).reshape(shape)

    def array(self) -> Any:
        code = self.text()
        if code not in ARRAYS:
            raise CodecError("an unknown NumPy dtype")
        dtype = np.dtype(code)
        shape = self.shape()
        if len(shape) > 32:
            raise CodecError(f"an array of {len(shape)} dimensions")
        flat = np.frombuffer(self.raw(shape, dtype.itemsize), dtype=np.uint8 if dtype == np.bool_ else dtype)
        return (flat != 0 if dtype == np.bool_ else flat).reshape(shape)

    def scalar(self) -> Any:
        array = self.array()
        if array.shape != ():
            raise CodecError("a scalar with a shape")
        return array[()]

    def size(self, depth: int) -> torch.Size:
        sizes = self.many(depth)
        if not all(type(size) is int and abs(size) < 2**63 for size in sizes):
            raise CodecError("a size that is no number")
        return torch.Size(sizes)

    def slice(self, depth: int) -> slice:
        parts = self.many(depth)
        if len(parts) != 3:
            raise CodecError(f"a slice of {len(parts)} parts")
        return slice(*parts)

    def dtype(self) -> torch.dtype:
        found = _ALL_DTYPES.get(self.text())
        if found is None:
            raise CodecError("an unknown dtype")
        return found

    def device(self) -> torch.device:
        try:
            return torch.device(self.text())
        except RuntimeError:
            raise CodecError("an unknown device") from None

    def failure(self) -> Failure:
        type_name, base, text, source = (self.text() for _ in range(4))
        return Failure(type_name, base, text, self.long() or None, source)

    def float(self) -> float:
        return _F64.unpack(self.take(8))[0]


_ALL_DTYPES = {str(value): value for value in vars(torch).values() if isinstance(value, torch.dtype)}
_READERS: dict[bytes, Callable[[Reader, int], Any]] = {
    b"N": lambda r, d: None,
    b"T": lambda r, d: True,
    b"F": lambda r, d: False,
    b"i": lambda r, d: r.integer(),
    b"f": lambda r, d: r.float(),
    b"j": lambda r, d: complex(r.float(), r.float()),
    b"s": lambda r, d: r.text(),
    b"b": lambda r, d: bytes(r.take(r.count())),
    b"X": lambda r, d: r.tensor(),
    b"A": lambda r, d: r.array(),
    b"a": lambda r, d: r.scalar(),
    b"z": lambda r, d: r.size(d),
    b"t": lambda r, d: tuple(r.many(d)),
    b"l": lambda r, d: r.many(d),
    b"d": lambda r, d: r.mapping(d),
    b"S": lambda r, d: r.members(d),
    b"Z": lambda r, d: frozenset(r.members(d)),
    b":": lambda r, d: r.slice(d),
    b".": lambda r, d: ...,
    b"y": lambda r, d: r.dtype(),
    b"v": lambda r, d: r.device(),
    b"@": lambda r, d: Ref(r.long()),
    b"!": lambda r, d: r.failure(),
}
