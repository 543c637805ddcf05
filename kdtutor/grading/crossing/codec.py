"""Plain values as bytes and back. Reading bytes executes nothing, whoever wrote them.

Plain are None, numbers, text, bytes, lists, tuples, dictionaries, sets, slices, tensors, NumPy arrays and scalars,
torch's sizes, dtypes and devices, a `Ref` to an object that stays where it is, and a `Failure`. A subclass is written
as what it is a subclass of: what comes back has exactly the types named here, and memory of its own.
"""

from typing import Any

from kdtutor.grading.crossing.plain import (
    CAPS,
    MAGIC,
    Caps,
    CodecError,
    Failure,
    Ref,
    TooLarge,
    is_array,
    is_dense,
    is_key,
)
from kdtutor.grading.crossing.reader import Reader
from kdtutor.grading.crossing.writer import Writer

__all__ = [
    "CAPS", "Caps", "CodecError", "Failure", "Ref", "TooLarge", "decode", "encode", "is_array", "is_dense", "is_key",
]  # fmt: skip


def encode(value: Any, caps: Caps = CAPS) -> bytes:
    """The bytes of a plain value. TooLarge above the caps, CodecError for what is not plain."""
    writer = Writer(caps)
    try:
        writer.value(value, 0)
    except (RuntimeError, NotImplementedError) as error:  # a tensor without data of its own, a faked one
        raise CodecError(f"a {type(value).__name__} that cannot be read: {error}") from None
    return b"".join(writer.pieces)


def decode(data: bytes, caps: Caps = CAPS) -> Any:
    """The value that the bytes say. CodecError, and nothing else, for bytes that say none within the caps."""
    if len(data) > caps.bytes:
        raise TooLarge(f"{len(data)} bytes; at most {caps.bytes} may cross")
    reader = Reader(memoryview(data), caps)
    if bytes(reader.take(len(MAGIC))) != MAGIC:
        raise CodecError("these bytes are not of this format")
    value = reader.value(0)
    if reader.position != len(data):
        raise CodecError(f"{len(data) - reader.position} bytes after the end")
    return value
