"""A notebook runs in the sandbox by the kernel's name, and nothing of it is left."""

import os
import socket
import tempfile
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import nbformat
import pytest
from jupyter_client.manager import KernelManager
from jupyter_client.provisioning import KernelProvisionerFactory
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat import NotebookNode

from kdtutor.grading.sandbox import Limits, Tier, provisioner
from kdtutor.grading.sandbox.inside.census import descendants
from kdtutor.grading.sandbox.provisioner import KERNEL, KERNELS, close_warm_kernels, kernel_specs, warm_kernels
from tests.redteam.attack import CONFINING

CLASS = "kdtutor.grading.sandbox.provisioner:SandboxProvisioner"
LIMITS: dict[str, int] = {}


@pytest.fixture(scope="module", autouse=True)
def kernels(tier: Tier) -> Iterator[None]:
    """The tier under test as the machine's best, and the provisioner as its entry point makes it known."""
    found = KernelProvisionerFactory.instance().provisioners
    group = KernelProvisionerFactory.GROUP_NAME
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(provisioner, "best", lambda trusted=False: tier)
        patch.setenv("JUPYTER_PATH", str(KERNELS.parent))
        patch.setitem(found, KERNEL, EntryPoint(KERNEL, CLASS, group))
        patch.setattr(provisioner, "MODULES", ("ipykernel.kernelapp", "ipykernel.ipkernel"))
        yield
        close_warm_kernels()


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    before = _temporary()
    yield
    assert {name for name in _temporary() - before if name.startswith("kdtutor-kernel-")} == set()
    # Of all that ran only the namespaces that stand ready for the next kernel may be there: two or three processes
    assert len(list(descendants(warm_kernels().pid))) <= 3


def test_a_notebook_runs_by_the_kernels_name_inside_the_sandbox(tier: Tier) -> None:
    notebook = _run("import os\nprint(os.environ.get('HOME'))", "x = 6 * 7", "x", f"os.path.exists({__file__!r})")
    home, _, answer, seen = (cell.outputs for cell in notebook.cells)
    assert home[0].text.strip() != os.environ.get("HOME")
    assert answer[0].data["text/plain"] == "42"
    if tier.name == "bubblewrap":
        assert seen[0].data["text/plain"] == "False"


def test_environment_of_the_client_stays_outside() -> None:
    notebook = _run("import os\nprint('CANARY' in os.environ)", env=os.environ | {"CANARY": "1"})
    assert notebook.cells[0].outputs[0].text == "False\n"


def test_what_a_cell_raises_comes_back() -> None:
    notebook = _run("1 / 0", "print('on')", allow_errors=True)
    assert notebook.cells[0].outputs[0].ename == "ZeroDivisionError"
    assert notebook.cells[1].outputs[0].text == "on\n"


def test_an_endless_cell_is_interrupted_by_message_and_the_next_one_runs() -> None:
    notebook = _run("while True: pass", "print('on')", timeout=2, interrupt_on_timeout=True, allow_errors=True)
    assert notebook.cells[1].outputs[0].text == "on\n"


def test_a_cell_that_ignores_interrupts_is_killed() -> None:
    stubborn = "while True:\n    try:\n        while True: pass\n    except BaseException: pass"
    with pytest.raises(CellTimeoutError):
        _run(stubborn, timeout=2)


def test_a_kernel_that_leaves_is_a_dead_kernel() -> None:
    with pytest.raises(DeadKernelError):
        _run("import os\nos._exit(3)")


def test_a_cell_makes_no_socket_that_leads_out(tier: Tier) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        port = listener.getsockname()[1]
        notebook = _run(f"import socket\nsocket.create_connection(('127.0.0.1', {port}), 2)", allow_errors=True)
    assert (notebook.cells[0].outputs[0].output_type == "error") == (tier.name != "none")


@pytest.mark.parametrize("tier", CONFINING, indirect=True)
def test_in_the_folder_of_its_sockets_it_can_write_nothing_else(tier: Tier) -> None:
    manager, client = _started()
    try:
        folder = manager.provisioner.process.sockets_inside
        replies = [
            client.execute_interactive(code, timeout=20, silent=True)["content"]["status"]
            for code in (
                f"open({folder!r} + '/file', 'w')",
                f"import os; os.symlink('/dev/null', {folder!r} + '/link')",
                f"os.unlink({folder!r} + '/kernel-1')",
            )
        ]
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    assert replies == ["error", "error", "error"]


def test_it_restarts_under_the_same_address() -> None:
    manager, client = _started()
    try:
        address = manager.get_connection_info()["ip"]
        client.execute_interactive("x = 1", timeout=20)
        manager.restart_kernel(now=True)
        client.wait_for_ready(timeout=20)
        assert manager.get_connection_info()["ip"] == address
        assert client.execute_interactive("x", timeout=20, silent=True)["content"]["ename"] == "NameError"
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    assert not manager.has_kernel


def test_limits_come_from_the_kernelspec(tmp_path: Path) -> None:
    specs = kernel_specs()
    spec = specs.get_kernel_spec(KERNEL)
    assert spec.interrupt_mode == "message"
    assert spec.metadata["kernel_provisioner"]["provisioner_name"] == KERNEL
    made = provisioner.SandboxProvisioner(kernel_id="x", kernel_spec=spec, limits={"cpu_seconds": 7}, trusted=True)
    assert Limits(**made.limits) == Limits(cpu_seconds=7)
    assert made.trusted


def test_the_kernelspec_lies_where_it_can_be_installed_from() -> None:
    assert (KERNELS / KERNEL / "kernel.json").is_file()


def _run(*sources: str, env: dict[str, str] | None = None, **settings: Any) -> NotebookNode:
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    notebook = nbformat.v4.new_notebook(cells=cells)
    client = NotebookClient(notebook, kernel_name=KERNEL, **{"timeout": 30, **settings})
    client.execute(**({"env": env} if env else {}))
    return notebook


def _started() -> tuple[KernelManager, Any]:
    manager = KernelManager(kernel_name=KERNEL, kernel_spec_manager=kernel_specs())
    manager.start_kernel()
    client = manager.client()
    client.start_channels()
    client.wait_for_ready(timeout=30)
    return manager, client


def _temporary() -> set[str]:
    return set(os.listdir(tempfile.gettempdir()))
