"""A Python program as text: read from the channel to its end, then run."""

import socket


def serve(channel: socket.socket) -> None:
    """The program finds the channel by that name; what it sends there the grader reads as bytes."""
    parts = []
    while part := channel.recv(1 << 16):
        parts.append(part)
    source = b"".join(parts).decode()
    exec(compile(source, "<program>", "exec"), {"__name__": "__program__", "channel": channel})
