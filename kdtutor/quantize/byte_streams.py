"""Byte strings of an artifact: numbers, text and shapes.

Writing appends to a bytearray; reading takes from a `Reader`, which refuses to go past its end.
"""

import math

import torch
from torch import Tensor


class ArtifactError(ValueError):
    """The bytes are no intact artifact."""


class Reader:
    """A place in a byte string."""

    def __init__(self, data: bytes, most_values: int, most_together: int | None = None) -> None:
        self.data, self.place, self.most_values, self.room = data, 0, most_values, most_together

    def take(self, count: int) -> bytes:
        """The next `count` bytes."""
        if count > len(self.data) - self.place:
            raise ArtifactError(f"{count} bytes are announced at byte {self.place}, {len(self.data)} are there in all")
        self.place += count
        return self.data[self.place - count : self.place]

    def number(self) -> int:
        """A number that `write_number` wrote."""
        value = shift = 0
        while True:
            (byte,) = self.take(1)
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value
            if shift > 63:
                raise ArtifactError(f"the number at byte {self.place} does not end")

    def shape(self) -> tuple[int, ...]:
        """A shape with no more values than this reader admits, so that a few bytes cannot ask for all memory."""
        axes = self.number()
        if axes > 32:
            raise ArtifactError(f"a tensor with {axes} axes is announced before byte {self.place}")
        shape = tuple(self.number() for _ in range(axes))
        if math.prod(max(1, length) for length in shape) > self.most_values:
            raise ArtifactError(f"a tensor of shape {shape} has more than the {self.most_values} values admitted")
        if self.room is not None:
            self.room -= math.prod(shape)
            if self.room < 0:
                raise ArtifactError("all tensors together have more values than are admitted")
        return shape


def write_number(out: bytearray, value: int) -> None:
    """A number >= 0 in seven bits a byte, the lowest first; the eighth bit says that more follow."""
    while value >= 128:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)


def write_text(out: bytearray, text: str) -> None:
    """Length and UTF-8 bytes."""
    encoded = text.encode()
    write_number(out, len(encoded))
    out += encoded


def read_text(reader: Reader) -> str:
    """Text that `write_text` wrote."""
    try:
        return reader.take(reader.number()).decode()
    except UnicodeDecodeError:
        raise ArtifactError(f"the name before byte {reader.place} is no UTF-8") from None


def write_shape(out: bytearray, shape: torch.Size) -> None:
    """Number of axes and their lengths."""
    write_number(out, len(shape))
    for length in shape:
        write_number(out, length)


def bytes_as_tensor(data: bytes) -> Tensor:
    """uint8 (bytes,), a copy."""
    return torch.frombuffer(bytearray(data), dtype=torch.uint8) if data else torch.zeros(0, dtype=torch.uint8)
