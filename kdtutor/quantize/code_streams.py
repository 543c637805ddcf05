"""Codes and positions in an artifact, each in whichever coding takes the fewest bytes."""

import torch
from torch import Tensor

from kdtutor.quantize.byte_streams import ArtifactError, Reader, bytes_as_tensor, write_number, write_shape
from kdtutor.quantize.gaps import decode_gaps, encode_gaps
from kdtutor.quantize.huffman import huffman_code_lengths, huffman_decode, huffman_encode
from kdtutor.quantize.packing import pack_bits, unpack_bits

_FIXED, _HUFFMAN = 0, 1
DENSE, BY_ROWS, BY_COLUMNS = 0, 1, 2
_GAPS = (15, 31, 63, 127, 255)
_LONGEST = 15  # bits of a code, so that a length fits into four


def write_codes(out: bytearray, codes: Tensor, bits: int) -> None:
    """Shape and unsigned codes of `bits` bits: all of them, or the most frequent one left out and the rest placed.

    The rest is placed row by row or column by column (dead inputs are empty columns), whichever takes fewer bytes.
    """
    codes = codes.detach().cpu()
    write_shape(out, codes.shape)
    choices = [bytearray([DENSE])]
    _write_symbols(choices[0], codes.flatten(), bits)
    background = int(torch.bincount(codes.flatten().long(), minlength=1).argmax())
    for order in (BY_ROWS, BY_COLUMNS):
        flat = _reordered(codes, order).flatten()
        others = flat != background
        choice = bytearray([order, background])
        write_positions(choice, others.nonzero().squeeze(1))
        _write_symbols(choice, flat[others], bits)
        choices.append(choice)
    out += min(choices, key=len)


def read_codes(reader: Reader, bits: int) -> Tensor:
    """Codes that `write_codes` wrote: uint8."""
    shape = torch.Size(reader.shape())
    count = shape.numel()
    (order,) = reader.take(1)
    if order == DENSE:
        return _read_symbols(reader, count, bits).reshape(shape)
    if order not in (BY_ROWS, BY_COLUMNS):
        raise ArtifactError(f"byte {reader.place} names order {order}, which does not exist")
    (background,) = reader.take(1)
    if background >= 2**bits:
        raise ArtifactError(f"byte {reader.place} names code {background}, which {bits} bits do not hold")
    flat = torch.full((count,), background, dtype=torch.uint8)
    positions = read_positions(reader, count)
    flat[positions] = _read_symbols(reader, len(positions), bits)
    if order == BY_COLUMNS:
        columns_first = (*shape[1:], *shape[:1])
        return flat.reshape(columns_first).movedim(-1, 0).contiguous()
    return flat.reshape(shape)


def _reordered(codes: Tensor, order: int) -> Tensor:
    return codes.movedim(0, -1) if order == BY_COLUMNS and codes.ndim else codes


def write_positions(out: bytearray, positions: Tensor) -> None:
    """The gaps between positions, in the alphabet that takes the fewest bytes."""
    choices = []
    for number, widest in enumerate(_GAPS):
        symbols = encode_gaps(positions, widest)
        choice = bytearray([number])
        write_number(choice, len(symbols))
        _write_symbols(choice, symbols, (widest + 1).bit_length() - 1)
        choices.append(choice)
    out += min(choices, key=len)


def read_positions(reader: Reader, count: int) -> Tensor:
    """Ascending positions below `count` that `write_positions` wrote."""
    (number,) = reader.take(1)
    if number >= len(_GAPS):
        raise ArtifactError(f"byte {reader.place} names gaps {number}, which do not exist")
    widest = _GAPS[number]
    symbol_count = reader.number()
    if symbol_count > count:
        raise ArtifactError(f"{symbol_count} gaps are announced before byte {reader.place}, for {count} places")
    positions = decode_gaps(_read_symbols(reader, symbol_count, (widest + 1).bit_length() - 1), widest)
    if len(positions) and int(positions[-1]) >= count:
        raise ArtifactError(f"a value before byte {reader.place} is placed at {int(positions[-1])} of {count}")
    return positions


def _write_symbols(out: bytearray, symbols: Tensor, bits: int) -> None:
    """Symbols below 2^bits, in fixed length or Huffman coded; the reader knows how many there are."""
    fixed = pack_bits(symbols, bits).numpy().tobytes()
    lengths = huffman_code_lengths(torch.bincount(symbols.long(), minlength=2**bits), longest=_LONGEST)
    coded = huffman_encode(symbols, lengths)
    table = bytearray()
    used = int(lengths.nonzero().max()) + 1 if len(symbols) else 0
    write_number(table, used)
    table += pack_bits(lengths[:used], 4).numpy().tobytes()
    write_number(table, len(coded))
    if len(table) + len(coded) < len(fixed):
        out.append(_HUFFMAN)
        out += table + coded
    else:
        out.append(_FIXED)
        out += fixed


def _read_symbols(reader: Reader, count: int, bits: int) -> Tensor:
    (coding,) = reader.take(1)
    try:
        if coding == _FIXED:
            return unpack_bits(bytes_as_tensor(reader.take(-(-count * bits // 8))), bits, count)
        if coding == _HUFFMAN:
            used = reader.number()
            if used > 2**bits:
                raise ArtifactError(f"{used} code lengths are announced before byte {reader.place}, for {bits} bits")
            lengths = unpack_bits(bytes_as_tensor(reader.take(-(-used // 2))), 4, used)
            return huffman_decode(reader.take(reader.number()), lengths, count).to(torch.uint8)
    except ArtifactError:
        raise
    except ValueError as error:
        raise ArtifactError(str(error)) from error
    raise ArtifactError(f"byte {reader.place} names coding {coding}, which does not exist")
