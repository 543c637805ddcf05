"""Frames of bytes between two processes: each has a length in front, a size limit and a deadline."""

import socket
import time
from typing import Protocol

FRAME_LIMIT = 256 * 2**20  # bytes
_LENGTH = 8
_PIECE = 2**20


class ChannelClosed(Exception):  # noqa: N818 - said of the channel
    """The other side is gone."""


class ChannelTimeout(Exception):  # noqa: N818
    """The other side did not answer in time; the channel is of no further use."""


class FrameTooLong(Exception):  # noqa: N818
    """A frame above the limit was announced or asked for."""


class Channel(Protocol):
    """What carries frames. `timeout` is in seconds; None waits for ever."""

    def send(self, frame: bytes, timeout: float | None = None) -> None: ...

    def receive(self, timeout: float | None = None) -> bytes: ...

    def close(self) -> None: ...


class SocketChannel:
    """Frames over a connected stream socket, which it owns from then on.

    `limit` is the longest frame in bytes, either way. The length that a frame announces is held against it before
    anything is read, and memory is taken as bytes arrive, never in advance.
    """

    def __init__(self, connection: socket.socket, *, limit: int = FRAME_LIMIT) -> None:
        self._connection = connection
        self._limit = limit

    def send(self, frame: bytes, timeout: float | None = None) -> None:
        """Raises FrameTooLong, ChannelTimeout where the other side does not read in time, ChannelClosed."""
        if len(frame) > self._limit:
            raise FrameTooLong(f"a frame of {len(frame)} bytes; the limit is {self._limit}")
        try:
            self._connection.settimeout(timeout)
            self._connection.sendall(len(frame).to_bytes(_LENGTH, "big") + frame)
        except TimeoutError:
            raise ChannelTimeout(f"nothing was read for {timeout} s") from None
        except OSError as error:
            raise ChannelClosed(str(error)) from None

    def receive(self, timeout: float | None = None) -> bytes:
        """The next frame, whole. Raises ChannelTimeout, ChannelClosed, FrameTooLong."""
        deadline = None if timeout is None else time.monotonic() + timeout
        length = int.from_bytes(self._exactly(_LENGTH, deadline), "big")
        if length > self._limit:
            raise FrameTooLong(f"a frame of {length} bytes was announced; the limit is {self._limit}")
        return self._exactly(length, deadline)

    def close(self) -> None:
        """End the conversation; the other side is told by the closed socket."""
        self._connection.close()

    def _exactly(self, count: int, deadline: float | None) -> bytes:
        received = bytearray()
        while len(received) < count:
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                raise ChannelTimeout("no answer in time")
            try:
                self._connection.settimeout(left)
                piece = self._connection.recv(min(_PIECE, count - len(received)))
            except TimeoutError:
                raise ChannelTimeout("no answer in time") from None
            except OSError as error:
                raise ChannelClosed(str(error)) from None
            if not piece:
                raise ChannelClosed("the other side has gone")
            received += piece
        return bytes(received)
