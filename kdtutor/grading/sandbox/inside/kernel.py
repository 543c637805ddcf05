"""A standard Jupyter kernel in a learner's process, on Unix sockets in the one folder where it may make some."""

import json
import os
import socket

from kdtutor.grading.sandbox.inside.confine import after_listening

READY = b"\n"


def serve(channel: socket.socket) -> None:
    """Read the connection's settings (JSON, one line), start ipykernel with them, and stay until it is shut down."""
    from ipykernel.kernelapp import IPKernelApp

    with channel.makefile("rb") as lines:
        settings = json.loads(lines.readline())
    path = os.path.join(os.environ["TMPDIR"], "connection.json")
    with open(path, "w") as file:
        json.dump(settings["connection"], file)
    application = IPKernelApp.instance()
    application.initialize(
        ["-f", path, "--HistoryManager.hist_file=:memory:", "--IPKernelApp.log_level=ERROR", *settings["arguments"]]
    )
    os.unlink(path)
    if settings["no_more_sockets"]:
        after_listening()
    channel.sendall(READY)
    application.start()
