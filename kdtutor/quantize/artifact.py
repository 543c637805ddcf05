"""One file that holds a compressed network and nothing else: all its bytes count.

Layout: "KDQA", version, length of the entries, a checksum over everything but itself, the entries. An entry is a name,
a kind and its parts; codes are packed, Huffman coded or placed by gaps, whichever is shortest. No pickle: reading runs
no code.
"""

import hashlib
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from kdtutor.quantize.affine import code_range, dequantize_affine
from kdtutor.quantize.arguments import require_bits, require_codes, require_floating, require_scale, require_zero_point
from kdtutor.quantize.byte_streams import ArtifactError, Reader, read_text, write_number, write_text
from kdtutor.quantize.code_streams import read_codes, write_codes
from kdtutor.quantize.codebook import lookup
from kdtutor.quantize.granularity import dequantize_per_group
from kdtutor.quantize.tensor_streams import read_tensor, write_tensor

MAGIC = b"KDQA"
VERSION = 1
_DIGEST = 8
_RAW, _AFFINE, _CODEBOOK = 0, 1, 2  # an entry's kind in the file


@dataclass(frozen=True, eq=False)
class RawTensor:
    """A tensor stored as it is; long runs of zeros cost little."""

    values: Tensor

    def decode(self) -> Tensor:
        """The tensor."""
        return self.values


@dataclass(frozen=True, eq=False)
class AffineTensor:
    """Codes of b bits with their scales and zero-points; `group_size` says that those are one a group."""

    codes: Tensor
    scale: Tensor
    zero_point: Tensor
    bits: int
    group_size: int | None = None

    def __post_init__(self) -> None:
        require_bits(self.bits)
        require_codes("codes", self.codes)
        require_floating("scale", self.scale)
        require_scale(self.scale, self.scale)
        q_min, q_max = code_range(self.bits)
        require_zero_point(self.zero_point, self.zero_point, q_min, q_max)
        _require_range("codes", self.codes, q_min, q_max)
        # Without memory behind them: only the shapes have to fit together here.
        codes, scale, zero_point = (part.to("meta") for part in (self.codes, self.scale, self.zero_point))
        _dequantize(codes, scale, zero_point, self.group_size)

    def decode(self) -> Tensor:
        """s · (q - o), in the scale's dtype."""
        return _dequantize(self.codes, self.scale, self.zero_point, self.group_size)


@dataclass(frozen=True, eq=False)
class CodebookTensor:
    """Codes that point into a list of up to 256 values."""

    codebook: Tensor
    codes: Tensor

    def __post_init__(self) -> None:
        require_floating("codebook", self.codebook)
        require_codes("codes", self.codes)
        if self.codebook.ndim != 1 or not 1 <= len(self.codebook) <= 256:
            raise ValueError(f"codebook has shape {tuple(self.codebook.shape)}: 1 to 256 values are needed")
        _require_range("codes", self.codes, 0, len(self.codebook) - 1)

    def decode(self) -> Tensor:
        """c[q], in the codebook's dtype."""
        return lookup(self.codebook, self.codes)


Entry = RawTensor | AffineTensor | CodebookTensor


def encode_artifact(entries: Mapping[str, Entry | Tensor]) -> bytes:
    """The artifact's bytes. A plain tensor stands for `RawTensor`.

    entries: name of each tensor of a state dict to how it is stored. Returns the same bytes for the same entries.
    Raises TypeError for entries of another kind or tensors whose dtype the format does not have.
    """
    body = bytearray()
    write_number(body, len(entries))
    for name, given in entries.items():
        entry = RawTensor(given) if isinstance(given, Tensor) else given
        write_text(body, name)
        match entry:
            case RawTensor(values):
                body.append(_RAW)
                write_tensor(body, values)
            case AffineTensor(codes, scale, zero_point, bits, group_size):
                body += bytes([_AFFINE, bits])
                write_number(body, group_size or 0)
                write_codes(body, codes.int() - code_range(bits)[0], bits)
                write_tensor(body, scale)
                write_tensor(body, zero_point.to(torch.int8))
            case CodebookTensor(codebook, codes):
                body.append(_CODEBOOK)
                write_tensor(body, codebook)
                write_codes(body, codes, _index_bits(codebook))
            case _:
                raise TypeError(f"entry {name!r} is a {type(given).__name__}: a tensor or a stored tensor is needed")
    head = bytearray(MAGIC)
    head.append(VERSION)
    write_number(head, len(body))
    return bytes(head) + _checksum(head, body) + bytes(body)


def decode_artifact(data: bytes, *, most_values: int = 2**28, most_together: int | None = None) -> dict[str, Entry]:
    """The entries of `encode_artifact`, bit for bit.

    most_values: refuse a tensor with more values than this before memory is taken for it. most_together: the same for
    all tensors of the file, scales and codes counted, since a few bytes can announce many tensors.
    Raises ArtifactError (a ValueError) that says what is wrong: not an artifact, another version, truncated, too long,
    checksum does not match, or contents that do not fit together. Nothing is returned from a damaged file.
    """
    reader = Reader(data, most_values, most_together)
    if data[: len(MAGIC)] != MAGIC[: len(data)] or not data:
        raise ArtifactError(f"this is no artifact: it starts with {data[:4]!r}, not with {MAGIC!r}")
    if len(data) < len(MAGIC) + 2 + _DIGEST:
        raise ArtifactError(f"the artifact is truncated: {len(data)} bytes do not even hold its head")
    reader.take(len(MAGIC))
    (version,) = reader.take(1)
    if version != VERSION:
        raise ArtifactError(f"the artifact has version {version}, this program reads version {VERSION}")
    length = reader.number()
    head = data[: reader.place]
    whole = reader.place + _DIGEST + length
    if len(data) < whole:
        raise ArtifactError(f"the artifact is truncated: {len(data)} of {whole} bytes are there")
    if len(data) > whole:
        raise ArtifactError(f"the artifact has {len(data) - whole} bytes too many behind its {whole}")
    checksum = reader.take(_DIGEST)
    if checksum != _checksum(head, data[reader.place :]):
        raise ArtifactError("the artifact is damaged: its checksum does not match its contents")
    entries = _read_entries(reader)
    if reader.place != len(data):
        raise ArtifactError(f"{len(data) - reader.place} bytes behind the last entry belong to none")
    return entries


def save_artifact(path: str | os.PathLike[str], entries: Mapping[str, Entry | Tensor]) -> int:
    """Write the artifact whole or not at all, and return how many bytes it has.

    It is written beside its place and then moved there: a crash leaves the old file, or none. Errors as
    `encode_artifact`, and OSError where the folder cannot be written.
    """
    path = Path(path)
    data = encode_artifact(entries)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return len(data)


def read_artifact(path: str | os.PathLike[str], *, most_values: int = 2**28) -> dict[str, Entry]:
    """The entries of a file as they are stored: codes, scales, codebooks. Raises as `decode_artifact`."""
    return decode_artifact(Path(path).read_bytes(), most_values=most_values)


def load_artifact(path: str | os.PathLike[str], *, most_values: int = 2**28) -> dict[str, Tensor]:
    """The tensors of a file, decoded, for `model.load_state_dict`. Raises as `decode_artifact`."""
    return {name: entry.decode() for name, entry in read_artifact(path, most_values=most_values).items()}


def _read_entries(reader: Reader) -> dict[str, Entry]:
    entries: dict[str, Entry] = {}
    for _ in range(reader.number()):
        name = read_text(reader)
        if name in entries:
            raise ArtifactError(f"entry {name!r} is there twice")
        try:
            entries[name] = _read_entry(reader)
        except ArtifactError as error:
            raise ArtifactError(f"entry {name!r}: {error}") from error
        except (ValueError, TypeError) as error:
            raise ArtifactError(f"entry {name!r} does not fit together: {error}") from error
    return entries


def _read_entry(reader: Reader) -> Entry:
    (kind,) = reader.take(1)
    if kind == _RAW:
        return RawTensor(read_tensor(reader))
    if kind == _AFFINE:
        (bits,) = reader.take(1)
        require_bits(bits)
        group_size = reader.number() or None
        codes = (read_codes(reader, bits).int() + code_range(bits)[0]).to(torch.int8)
        return AffineTensor(codes, read_tensor(reader), read_tensor(reader).to(torch.int32), bits, group_size)
    if kind == _CODEBOOK:
        codebook = read_tensor(reader)
        if codebook.ndim != 1 or not 1 <= len(codebook) <= 256:
            raise ArtifactError(f"a codebook has shape {tuple(codebook.shape)}: 1 to 256 values are needed")
        return CodebookTensor(codebook, read_codes(reader, _index_bits(codebook)))
    raise ArtifactError(f"kind {kind} does not exist")


def _dequantize(codes: Tensor, scale: Tensor, zero_point: Tensor, group_size: int | None) -> Tensor:
    if group_size is None:
        return dequantize_affine(codes, scale, zero_point)
    return dequantize_per_group(codes, scale, zero_point, group_size)


def _index_bits(codebook: Tensor) -> int:
    return max(1, (len(codebook) - 1).bit_length())


def _checksum(head: bytes | bytearray, body: bytes | bytearray) -> bytes:
    return hashlib.blake2b(bytes(head) + bytes(body), digest_size=_DIGEST).digest()


def _require_range(name: str, codes: Tensor, low: int, high: int) -> None:
    if codes.numel() and (int(codes.min()) < low or int(codes.max()) > high):
        raise ValueError(f"{name} run from {int(codes.min())} to {int(codes.max())}: {low} to {high} are needed")
