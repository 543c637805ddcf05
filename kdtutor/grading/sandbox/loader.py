"""The system's loader of dynamic programs, which an executable names in its own header."""

import struct
from pathlib import Path

INTERPRETER = 3  # a program header's type
SIXTY_FOUR_BITS, LITTLE_ENDIAN = 2, 1


def loader(executable: str) -> tuple[str, ...]:
    """Path of the loader as the head of a command line; empty for a program that is linked statically."""
    with open(executable, "rb") as file:
        head = file.read(64)
        if head[:4] != b"\x7fELF" or head[4] != SIXTY_FOUR_BITS or head[5] != LITTLE_ENDIAN:
            return ()
        (offset,) = struct.unpack_from("<Q", head, 32)
        size, count = struct.unpack_from("<HH", head, 54)
        for index in range(count):
            file.seek(offset + index * size)
            kind, _, place, _, _, length = struct.unpack("<IIQQQQ", file.read(40))
            if kind == INTERPRETER:
                file.seek(place)
                path = file.read(length).rstrip(b"\0").decode()
                return (path,) if Path(path).exists() else ()
    return ()
