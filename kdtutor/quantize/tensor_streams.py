"""Tensors in an artifact as they are, bit for bit."""

import math
import sys

import torch
from torch import Tensor

from kdtutor.quantize.byte_streams import ArtifactError, Reader, bytes_as_tensor, write_shape
from kdtutor.quantize.code_streams import BY_ROWS, DENSE, read_positions, write_positions

# A dtype's place in this list is its number in a file: append only.
DTYPES = (
    torch.float32,
    torch.float64,
    torch.float16,
    torch.bfloat16,
    torch.int8,
    torch.uint8,
    torch.int16,
    torch.int32,
    torch.int64,
    torch.bool,
)


def write_tensor(out: bytearray, tensor: Tensor) -> None:
    """dtype, shape and the bytes as they lie in memory; of a mostly empty tensor those that are not 0."""
    tensor = tensor.detach().cpu().contiguous()
    if tensor.dtype not in DTYPES:
        raise TypeError(f"a tensor of dtype {tensor.dtype} has no number in this format")
    if sys.byteorder != "little":
        raise RuntimeError("artifacts are little-endian, and this machine is not")
    out.append(DTYPES.index(tensor.dtype))
    write_shape(out, tensor.shape)
    rows = tensor.flatten().view(torch.uint8).reshape(tensor.numel(), tensor.element_size())
    filled = (rows != 0).any(1)
    dense, sparse = rows.numpy().tobytes(), bytearray()
    if tensor.numel() >= 64 and int(filled.sum()) * 2 < tensor.numel():
        write_positions(sparse, filled.nonzero().squeeze(1))
        sparse += rows[filled].numpy().tobytes()
    if 0 < len(sparse) < len(dense):
        out.append(BY_ROWS)
        out += sparse
    else:
        out.append(DENSE)
        out += dense


def read_tensor(reader: Reader) -> Tensor:
    """A tensor that `write_tensor` wrote."""
    (number,) = reader.take(1)
    if number >= len(DTYPES):
        raise ArtifactError(f"byte {reader.place} names dtype {number}, which does not exist")
    dtype, shape = DTYPES[number], reader.shape()
    count = math.prod(shape)
    (order,) = reader.take(1)
    if order == BY_ROWS:
        positions = read_positions(reader, count)
        rows = torch.zeros(count, dtype.itemsize, dtype=torch.uint8)
        rows[positions] = bytes_as_tensor(reader.take(len(positions) * dtype.itemsize)).view(-1, dtype.itemsize)
    elif order == DENSE:
        rows = bytes_as_tensor(reader.take(count * dtype.itemsize)).view(count, dtype.itemsize)
    else:
        raise ArtifactError(f"byte {reader.place} names order {order}, which does not exist")
    if dtype == torch.bool and bool((rows > 1).any()):
        raise ArtifactError(f"a truth value before byte {reader.place} is neither 0 nor 1")
    return rows.flatten().view(dtype).reshape(shape)
