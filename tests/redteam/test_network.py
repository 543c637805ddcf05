"""A learner's process reaches nobody: no network, no loopback, no socket of this machine."""

import socket

from kdtutor.grading.sandbox import Warm
from tests.redteam.attack import Outside, attack, begin, heard


def test_neither_loopback_nor_the_world_nor_unix_sockets(warm: Warm, canary: Outside) -> None:
    program = """
        def reach(family, address, kind=socket.SOCK_STREAM):
            with socket.socket(family, kind) as mine:
                mine.settimeout(1)
                if kind == socket.SOCK_DGRAM:
                    return mine.sendto(b"x", address)
                mine.connect(address)
                return "reached"

        say({
            "loopback": tried(lambda: reach(socket.AF_INET, ("127.0.0.1", port))),
            "world": tried(lambda: reach(socket.AF_INET, ("192.0.2.1", 80))),
            "world, no connection": tried(lambda: reach(socket.AF_INET, ("192.0.2.1", 53), socket.SOCK_DGRAM)),
            "version 6": tried(lambda: reach(socket.AF_INET6, ("2001:db8::1", 80))),
            "named": tried(lambda: reach(socket.AF_UNIX, path)),
            "abstract": tried(lambda: reach(socket.AF_UNIX, "\\0" + abstract)),
            "machine's host": tried(lambda: reach(getattr(socket, "AF_VSOCK", 40), (2, 1024))),
            "crypto": tried(lambda: socket.socket(38, socket.SOCK_SEQPACKET)),
            "packets": tried(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW)),
        })
    """
    places = {"port": canary.port, "path": str(canary.socket_path), "abstract": canary.abstract}
    said = attack(warm, program, **places).said
    assert {name: outcome for name, outcome in said.items() if not str(outcome).endswith(("Error", "timeout"))} == {}


def test_it_cannot_listen_where_others_would_come(warm: Warm) -> None:
    program = """
        def listen():
            mine = socket.socket()
            mine.bind(("127.0.0.1", 0))
            mine.listen()
            return mine, mine.getsockname()[1]
        place = tried(listen)
        say(place[1] if isinstance(place, tuple) else 0)
        time.sleep(600)
    """
    with warm.fork() as process:
        begin(process, program)
        port = heard(process)
        if port:  # its own loopback, in its own namespace
            with socket.socket() as mine:
                mine.settimeout(1)
                assert mine.connect_ex(("127.0.0.1", port)) != 0


def test_asyncio_works_all_the_same(warm: Warm) -> None:
    program = """
        import asyncio

        async def work():
            await asyncio.sleep(0.01)
            return 7
        say(asyncio.run(work()))
    """
    assert attack(warm, program).said == 7
