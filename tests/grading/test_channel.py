"""Frames arrive whole, in time and within the limit, or not at all."""

import socket
import threading
import time

import pytest

from kdtutor.grading.crossing.channel import ChannelClosed, ChannelTimeout, FrameTooLong, SocketChannel


@pytest.fixture
def pair():
    left, right = socket.socketpair()
    with left, right:
        yield left, right


def test_frames_of_any_length_arrive_as_they_were_sent(pair):
    ours, theirs = (SocketChannel(end) for end in pair)
    frames = [b"", b"x", bytes(3_000_000)]
    sender = threading.Thread(target=lambda: [ours.send(frame) for frame in frames])
    sender.start()
    assert [theirs.receive(10) for _ in frames] == frames
    sender.join()


def test_a_frame_that_announces_too_much_is_refused_unread(pair):
    pair[0].sendall((2**40).to_bytes(8, "big"))
    with pytest.raises(FrameTooLong):
        SocketChannel(pair[1], limit=1000).receive(5)
    with pytest.raises(FrameTooLong):
        SocketChannel(pair[0], limit=10).send(bytes(11))


def test_silence_and_a_frame_that_drips_both_end_at_the_deadline(pair):
    channel = SocketChannel(pair[1])
    with pytest.raises(ChannelTimeout):
        channel.receive(0.05)
    pair[0].sendall((100).to_bytes(8, "big"))
    stop = threading.Event()

    def drip():
        while not stop.wait(0.05):
            pair[0].sendall(b".")

    sender = threading.Thread(target=drip)
    sender.start()
    began = time.monotonic()
    with pytest.raises(ChannelTimeout):
        channel.receive(0.3)
    assert time.monotonic() - began < 2
    stop.set()
    sender.join()


def test_a_reader_that_does_not_read_ends_at_the_deadline(pair):
    with pytest.raises(ChannelTimeout):
        SocketChannel(pair[0]).send(bytes(10_000_000), timeout=0.1)


def test_the_end_of_the_other_side_is_said(pair):
    pair[0].sendall((100).to_bytes(8, "big") + b"half")
    pair[0].close()
    with pytest.raises(ChannelClosed):
        SocketChannel(pair[1]).receive(5)
    with pytest.raises(ChannelClosed):
        SocketChannel(pair[1]).send(bytes(10_000_000), 5)
