"""Plain values written as bytes: a tag, then what it needs; numbers in network order."""

import ctypes
import struct
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from kdtutor.grading.crossing.plain import (
    INT_BYTES,
    MAGIC,
    MAX_DIMS,
    NAMES,
    Caps,
    CodecError,
    Failure,
    Ref,
    TooLarge,
    is_array,
    is_dense,
    is_key,
)

_U32, _F64 = struct.Struct(">I"), struct.Struct(">d")


class Writer:
    """Collects the bytes of one value in `pieces`; TooLarge as soon as they are more than the caps."""

    def __init__(self, caps: Caps) -> None:
        self.caps = caps
        self.pieces: list[bytes] = [MAGIC]
        self.bytes = len(MAGIC)
        self.elements = 0

    def put(self, *pieces: bytes) -> None:
        self.room(sum(map(len, pieces)))
        self.pieces += pieces

    def room(self, count: int) -> None:
        self.bytes += count
        if self.bytes > self.caps.bytes:
            raise TooLarge(f"more than the {self.caps.bytes / 2**20:.0f} MB that may cross")

    def value(self, value: Any, depth: int) -> None:
        self.elements += 1
        if self.elements > self.caps.elements:
            raise TooLarge(f"more than the {self.caps.elements} values that may cross")
        if depth > self.caps.depth:
            raise TooLarge(f"nested deeper than the {self.caps.depth} levels that may cross")
        write = _BY_TYPE.get(type(value)) or next((w for kind, w in _WRITERS if isinstance(value, kind)), None)
        if write is None:
            raise CodecError(f"a {type(value).__name__} is not a plain value")
        write(self, value, depth)

    def text(self, text: str, tag: bytes = b"") -> None:
        raw = text.encode("utf-8", "replace")
        self.put(tag, _count(len(raw)), raw)

    def many(self, tag: bytes, items: Iterable[Any], count: int, depth: int) -> None:
        self.put(tag, _count(count))
        for item in items:
            self.value(item, depth + 1)

    def integer(self, value: int) -> None:
        number = int.__pos__(value)
        size = number.bit_length() // 8 + 1
        if size > INT_BYTES:
            raise TooLarge(f"an integer of {size} bytes; at most {INT_BYTES} may cross")
        self.put(b"i", _count(size), number.to_bytes(size, "big", signed=True))

    def mapping(self, value: dict[Any, Any], depth: int) -> None:
        self.put(b"d", _count(dict.__len__(value)))
        for key, item in dict.items(value):
            self.key(key, depth)
            self.value(item, depth + 1)

    def members(self, tag: bytes, value: Any, depth: int) -> None:
        items = list(value)
        self.put(tag, _count(len(items)))
        for item in items:
            self.key(item, depth)

    def key(self, key: Any, depth: int) -> None:
        if not is_key(key):
            raise CodecError(f"a {type(key).__name__} as a key: text and 64-bit numbers may cross")
        self.value(key, depth + 1)

    def tensor(self, value: Tensor) -> None:
        with torch._C.DisableTorchFunctionSubclass(), torch.no_grad():  # a subclass has no say in this
            if not is_dense(value):
                raise CodecError(f"a tensor of {value.dtype} and {value.layout} on {value.device} cannot cross")
            size = value.numel() * value.itemsize  # checked before an expanded tensor is written out
            self.room(size)
            self.bytes -= size
            plain = value.detach().cpu().resolve_conj().resolve_neg().contiguous().reshape(-1)
            raw = ctypes.string_at(plain.data_ptr(), size) if size else b""  # .numpy() would forbid to resize it
            self.put(b"X")
            self.text(NAMES[value.dtype])
            self.shape(value.shape)
            self.put(_long(len(raw)), raw)

    def array(self, tag: bytes, value: Any) -> None:
        if not is_array(value):
            raise CodecError(f"a NumPy array of {value.dtype} cannot cross")
        self.room(value.nbytes)
        self.bytes -= value.nbytes
        plain = np.ascontiguousarray(np.asarray(value), dtype=value.dtype.newbyteorder("<"))
        raw = plain.tobytes()
        self.put(tag)
        self.text(plain.dtype.str)
        self.shape(np.shape(value))
        self.put(_long(len(raw)), raw)

    def shape(self, shape: Iterable[int]) -> None:
        sizes = list(shape)
        if len(sizes) > MAX_DIMS:
            raise TooLarge(f"{len(sizes)} dimensions; at most {MAX_DIMS} may cross")
        self.put(bytes([len(sizes)]), *map(_long, sizes))

    def failure(self, value: Failure) -> None:
        self.put(b"!")
        for text in (value.type_name, value.base, value.text, value.source):
            self.text(text)
        self.put(_long(0 if value.line is None else value.line))


def _count(count: int) -> bytes:
    try:
        return _U32.pack(count)
    except struct.error:
        raise TooLarge(f"{count} of something in one value") from None


def _long(number: int) -> bytes:
    return int(number).to_bytes(8, "big")


_WRITERS: tuple[tuple[Any, Callable[[Writer, Any, int], None]], ...] = (
    (type(None), lambda w, v, d: w.put(b"N")),
    (bool, lambda w, v, d: w.put(b"T" if v is True else b"F")),
    (np.generic, lambda w, v, d: w.array(b"a", v)),  # before float: numpy's float64 is one
    (int, lambda w, v, d: w.integer(v)),
    (float, lambda w, v, d: w.put(b"f", _F64.pack(float.__pos__(v)))),
    (complex, lambda w, v, d: w.put(b"j", _F64.pack(v.real), _F64.pack(v.imag))),
    (str, lambda w, v, d: w.text(str.__str__(v), b"s")),
    (bytes, lambda w, v, d: w.put(b"b", _count(bytes.__len__(v)), bytes.__add__(v, b""))),
    (Tensor, lambda w, v, d: w.tensor(v)),
    (np.ndarray, lambda w, v, d: w.array(b"A", v)),
    (torch.Size, lambda w, v, d: w.many(b"z", tuple.__iter__(v), tuple.__len__(v), d)),
    (tuple, lambda w, v, d: w.many(b"t", tuple.__iter__(v), tuple.__len__(v), d)),
    (list, lambda w, v, d: w.many(b"l", list.__iter__(v), list.__len__(v), d)),
    (dict, lambda w, v, d: w.mapping(v, d)),
    (set, lambda w, v, d: w.members(b"S", set.__iter__(v), d)),
    (frozenset, lambda w, v, d: w.members(b"Z", frozenset.__iter__(v), d)),
    (slice, lambda w, v, d: w.many(b":", (v.start, v.stop, v.step), 3, d)),
    (type(...), lambda w, v, d: w.put(b".")),
    (torch.dtype, lambda w, v, d: w.text(str(v), b"y")),
    (torch.device, lambda w, v, d: w.text(str(v), b"v")),
    (Ref, lambda w, v, d: w.put(b"@", _long(v.number))),
    (Failure, lambda w, v, d: w.failure(v)),
)  # fmt: skip
_BY_TYPE = dict(_WRITERS)
