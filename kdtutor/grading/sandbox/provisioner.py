"""A Jupyter kernel provisioner: nbclient, nbconvert and papermill run a notebook in the sandbox by a kernel's name.

The kernelspec `kdtutor-sandbox` names this class. Kernels are forked from one warm parent a process and are ordinary
ipykernels. They have no network, so they speak over Unix sockets (ipc); a signal does not reach them, so they are
interrupted by message, as the kernelspec says.
"""

import asyncio
import atexit
import json
import os
import signal
import tempfile
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.provisioning import KernelProvisionerBase
from traitlets import Bool, Dict, Instance, Unicode

from kdtutor.grading.sandbox.inside.kernel import READY
from kdtutor.grading.sandbox.inside.storage import remove
from kdtutor.grading.sandbox.limits import Limits
from kdtutor.grading.sandbox.process import Process
from kdtutor.grading.sandbox.tiers import LANDLOCK, best
from kdtutor.grading.sandbox.warm import PRELOAD, Warm

KERNEL = "kdtutor-sandbox"
KERNELS = Path(__file__).parent / "kernels"  # the kernelspec, for those who do not want to install it
ENTRY = "kdtutor.grading.sandbox.inside.kernel:serve"
MODULES = (*PRELOAD, "ipykernel.kernelapp", "ipykernel.ipkernel", "matplotlib_inline.backend_inline")
START_SECONDS = 60
TOLD = ("transport", "signature_scheme", "shell_port", "iopub_port", "stdin_port", "hb_port", "control_port")

_shared: dict[tuple[bool, Limits], Warm] = {}
_sharing = threading.Lock()


def kernel_specs() -> KernelSpecManager:
    """A manager that knows the sandboxed kernel and no other, whether it is installed or not."""
    return KernelSpecManager(kernel_dirs=[str(KERNELS)], ensure_native_kernel=False)


def warm_kernels(limits: Limits | None = None, *, trusted: bool = False) -> Warm:
    """This process's warm parent for kernels, started on first use."""
    key = (trusted, limits or Limits())
    with _sharing:
        if key not in _shared:
            _shared[key] = Warm(best(trusted=trusted), key[1], entry=ENTRY, preload=MODULES)
        return _shared[key]


def close_warm_kernels() -> None:
    """End the warm parents and every kernel that is left; also done when this process exits."""
    with _sharing:
        while _shared:
            _shared.popitem()[1].close()


atexit.register(close_warm_kernels)


class SandboxProvisioner(KernelProvisionerBase):
    """Kernels in the best tier of this machine. RuntimeError where there is none and the work is not trusted.

    Settings stand in the kernelspec under metadata.kernel_provisioner.config: `trusted`, `limits`. The environment that
    a client passes does not reach the kernel.
    """

    trusted = Bool(False, help="run without a sandbox where none works").tag(config=True)
    limits = Dict(help="fields of kdtutor.grading.sandbox.Limits").tag(config=True)
    process = Instance(Process, allow_none=True)
    folder = Unicode()

    @property
    def has_process(self) -> bool:
        return self.process is not None

    async def pre_launch(self, **launch: Any) -> dict[str, Any]:
        manager = self.parent
        if manager is None:
            raise RuntimeError("a sandboxed kernel needs a kernel manager, which says where it listens")
        extra = list(launch.pop("extra_arguments", []))
        self.process = await asyncio.to_thread(self._fork)
        if not self.folder:
            # Before anything of the manager's looks at them, and the same again after a restart
            self.folder = tempfile.mkdtemp(prefix="kdtutor-kernel-")
            manager.transport, manager.ip = "ipc", f"{self.folder}/sockets/kernel"
        link = Path(self.folder, "sockets")
        link.unlink(missing_ok=True)
        link.symlink_to(self.process.sockets)
        manager.write_connection_file()
        self.connection_info = manager.get_connection_info()
        return await super().pre_launch(cmd=[], extra_arguments=extra, **launch)

    async def launch_kernel(self, cmd: list[str], **launch: Any) -> KernelConnectionInfo:
        try:
            await asyncio.to_thread(self._begin, list(launch.get("extra_arguments", [])))
        except RuntimeError:
            await self.cleanup()
            raise
        return self.connection_info

    async def poll(self) -> int | None:
        if self.process is None:
            return 0
        ending = self.process.wait(0)
        return None if ending is None else ending.code

    async def wait(self) -> int | None:
        if self.process is None:
            return 0
        while (code := await self.poll()) is None:
            await asyncio.sleep(0.02)
        self._end()
        return code

    async def send_signal(self, signum: int) -> None:
        if signum in (signal.SIGKILL, signal.SIGTERM):
            await self.kill()
        # Others do not reach it; an interrupt comes by message

    async def kill(self, restart: bool = False) -> None:
        if self.process is not None:
            self.process.kill()

    async def terminate(self, restart: bool = False) -> None:
        await self.kill(restart)

    async def cleanup(self, restart: bool = False) -> None:
        self._end()
        if self.folder and not restart:
            with suppress(OSError):
                os.unlink(os.path.join(self.folder, "sockets"))
            remove(self.folder)
            self.folder = ""

    def _warm(self) -> Warm:
        return warm_kernels(Limits(**self.limits), trusted=self.trusted)

    def _fork(self) -> Process:
        return self._warm().fork(sockets=True)

    def _begin(self, arguments: list[str]) -> None:
        """Tell the kernel where to listen, in its own names for the place, and wait until it does."""
        assert self.process is not None
        known: dict[str, Any] = {**self.connection_info}
        connection = {name: known[name] for name in TOLD} | {"key": known["key"].decode()}
        connection["ip"] = f"{self.process.sockets_inside}/kernel"
        settings = {
            "connection": connection,
            "arguments": arguments,
            "no_more_sockets": self._warm().tier.name == LANDLOCK,
        }
        channel = self.process.channel
        channel.settimeout(START_SECONDS)
        try:
            channel.sendall(json.dumps(settings).encode() + b"\n")
            begun = channel.recv(1) == READY
        except OSError:
            begun = False
        if not begun:
            said = self.process.stderr().decode(errors="replace").strip()
            raise RuntimeError(f"the sandboxed kernel did not start. {said}".strip())

    def _end(self) -> None:
        if self.process is not None:
            self.process.close()
            self.process = None
