"""A set of namespaces made by bubblewrap, empty but for a waiting payload, for one learner's process to enter."""

import json
import os
import select
import signal
import subprocess
from contextlib import suppress

from kdtutor.grading.sandbox.inside.system import setns

NEW_MOUNTS, NEW_CGROUPS, NEW_UTS, NEW_IPC = 0x00020000, 0x02000000, 0x04000000, 0x08000000
NEW_USERS, NEW_PROCESSES, NEW_NETWORK = 0x10000000, 0x20000000, 0x40000000
KINDS = {
    "mnt-namespace": NEW_MOUNTS,
    "cgroup-namespace": NEW_CGROUPS,
    "uts-namespace": NEW_UTS,
    "ipc-namespace": NEW_IPC,
    "pid-namespace": NEW_PROCESSES,
    "net-namespace": NEW_NETWORK,
}
NEEDED = ("mnt-namespace", "ipc-namespace", "pid-namespace", "net-namespace")
PATIENCE_MS = 20_000
# Says that all stands, then waits for an input that never comes; it ends, and all with it, when the warm parent does
PAYLOAD = ("/bin/sh", "-c", "echo; exec cat >/dev/null 2>&1")


class Cell:
    """Starts at once; `ready` waits until the namespaces stand, `enter` moves this process in, `end` kills all."""

    def __init__(self, command: tuple[str, ...]) -> None:
        # A file: where a pipe's reader has died, bubblewrap would die too, and leave a child that waits for it for ever
        self.information = os.memfd_create("namespaces")
        self.process = subprocess.Popen(
            [*command, "--info-fd", str(self.information), "--", *PAYLOAD],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            pass_fds=[self.information],
        )
        self.init = -1
        self.kinds = 0

    def ready(self) -> None:
        """RuntimeError with bubblewrap's own words where it cannot make the namespaces."""
        if self.init >= 0:
            return
        assert self.process.stdout is not None
        wait = select.poll()
        wait.register(self.process.stdout, select.POLLIN)
        stands = bool(wait.poll(PATIENCE_MS)) and self.process.stdout.read(1) == b"\n"
        said = os.pread(self.information, 1 << 16, 0)
        if not stands:
            os.close(self.information)
            words = self.process.communicate()[1].decode(errors="replace").strip()
            raise RuntimeError(words or "bubblewrap made no namespaces and did not say why")
        told = json.loads(said)
        missing = [name for name in NEEDED if name not in told]
        if missing:
            self.end()
            raise RuntimeError(f"bubblewrap made no {' and no '.join(missing)}")
        self.kinds = sum(kind for name, kind in KINDS.items() if name in told)
        self.init = os.pidfd_open(told["child-pid"])

    def enter(self) -> None:
        """Move this process into the namespaces; what it forks then lives in the process namespace too."""
        setns(self.init, self.kinds | (NEW_USERS if os.geteuid() != 0 else 0))

    def kill(self) -> None:
        """End every process in the namespaces in one step."""
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self.init, signal.SIGKILL)

    def end(self) -> None:
        """Kill, and wait until nothing is left."""
        if self.init >= 0:
            self.kill()
            os.close(self.init)
            self.init = -1
        os.close(self.information)
        self.process.communicate()  # closes the payload's input, which ends one that was not ready as well
