"""The warm parent: forks that are alike and apart, and nothing left behind."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from kdtutor.grading.sandbox import Process, Tier, Warm
from kdtutor.grading.sandbox.inside.census import descendants
from kdtutor.grading.sandbox.warm import Line

RANDOM = "import json, random, numpy\nprint(json.dumps([random.random(), numpy.random.rand()]))"


def send(process: Process, program: str) -> None:
    process.channel.sendall(textwrap.dedent(program).encode())
    process.channel.shutdown(1)


def said(warm: Warm, program: str, **settings: Any) -> str:
    with warm.fork(**settings) as process:
        send(process, program)
        ending = process.wait(20)
        assert ending is not None
        assert ending.reason == "ended", process.stderr()
        return process.stdout().decode()


def test_the_channel_carries_bytes_both_ways(warm: Warm) -> None:
    with warm.fork(entry="kdtutor.grading.sandbox.inside.script:serve") as process:
        send(process, "channel.sendall(b'a' * 3_000_000)\nchannel.close()")
        parts = []
        while part := process.channel.recv(1 << 20):
            parts.append(part)
        assert b"".join(parts) == b"a" * 3_000_000


def test_a_seed_decides_the_generators(warm: Warm) -> None:
    first, again, other = (said(warm, RANDOM, seed=seed) for seed in (5, 5, 6))
    assert first == again
    assert json.loads(first) != json.loads(other)


def test_what_is_imported_before_is_there_at_once(warm: Warm) -> None:
    assert said(warm, "import sys\nprint('numpy' in sys.modules, 'torch' in sys.modules)") == "True False\n"


def test_a_process_has_its_own_session_home_and_folder_for_temporary_files(warm: Warm) -> None:
    program = """
        import os, tempfile
        print(os.getsid(0) == os.getpid(), os.path.expanduser("~") == os.getcwd(), os.listdir())
        with tempfile.NamedTemporaryFile("w") as file:
            print(file.write("x"))
    """
    assert said(warm, program) == "True True []\n1\n"


def test_modules_imported_late_come_from_the_same_libraries(warm: Warm) -> None:
    assert said(warm, "import yaml, sqlite3\nprint(yaml.safe_load('[1]'))") == "[1]\n"


def test_programs_can_be_started_inside(warm: Warm) -> None:
    program = (
        "import subprocess, sys\nprint(subprocess.run([sys.executable, '-c', 'print(7)'], capture_output=True).stdout)"
    )
    assert said(warm, program) == "b'7\\n'\n"


def test_an_error_ends_it_with_its_traceback(warm: Warm) -> None:
    with warm.fork() as process:
        send(process, "1 / 0")
        ending = process.wait(20)
        assert ending is not None
        assert (ending.reason, ending.code) == ("ended", 1)
        assert b"ZeroDivisionError" in process.stderr()
        assert not process.alive()


@pytest.mark.parametrize(("leaving", "code"), [("raise SystemExit(4)", 4), ("raise SystemExit('no')", 1), ("", 0)])
def test_exit_codes(warm: Warm, leaving: str, code: int) -> None:
    with warm.fork() as process:
        send(process, leaving)
        ending = process.wait(20)
        assert ending is not None
        assert ending.code == code


def test_cpu_time_is_not_wall_time(warm: Warm) -> None:
    with warm.fork() as process:
        send(process, "import time\nwhile time.process_time() < 0.3: pass\nprint(1, flush=True)\ntime.sleep(600)")
        while not process.stdout():
            assert process.wait(0.02) is None
        before = process.cpu_seconds()
        assert 0.25 <= before < 2
        time.sleep(0.4)
        assert process.cpu_seconds() - before < 0.2


def test_after_kill_nothing_is_left(warm: Warm) -> None:
    with warm.fork() as process:
        send(process, "import time; time.sleep(600)")
        assert process.alive()
        number = process.pid
        process.kill()
        process.kill()
        assert not process.alive()
        assert not Path(f"/proc/{number}").exists()
        ending = process.wait()
        assert ending is not None
        assert ending.reason == "killed"


def test_several_at_once_from_several_threads(warm: Warm) -> None:
    answers: list[str] = []
    threads = [
        threading.Thread(target=lambda seed=seed: answers.append(said(warm, f"print({seed})"))) for seed in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answers) == [f"{seed}\n" for seed in range(6)]


def test_files_named_readable_are_shown_read_only_and_hidden_ones_are_not(tier: Tier, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/shown").write_text("shown")
    (tmp_path / "data/hidden").write_text("hidden")
    program = f"""
        import os
        def read(name):
            try:
                return open({str(tmp_path)!r} + "/data/" + name).read()
            except OSError:
                return "-"
        print(read("shown"), read("hidden"))
    """
    with Warm(tier, readable=[tmp_path / "data"], hidden=[tmp_path / "data/hidden"], preload=()) as warm:
        assert said(warm, program) == ("shown hidden\n" if tier.name == "none" else "shown -\n")


def test_modules_beside_something_hidden_can_be_imported(tier: Tier, tmp_path: Path) -> None:
    (tmp_path / "hidden").mkdir()
    (tmp_path / "beside.py").write_text("VALUE = 7")
    (tmp_path / "hidden/reference.py").write_text("SECRET = 7")
    program = f"""
        import sys
        sys.path.append({str(tmp_path)!r})
        import beside
        try:
            import hidden.reference
        except (ImportError, OSError):
            pass
        print(beside.VALUE, "hidden.reference" in sys.modules)
    """
    with Warm(tier, readable=[tmp_path], hidden=[tmp_path / "hidden"], preload=()) as warm:
        assert said(warm, program) == f"7 {tier.name == 'none'}\n"


def test_one_thread_may_kill_what_another_waits_for(warm: Warm) -> None:
    with warm.fork() as process:
        send(process, "import time; time.sleep(600)")
        waiting = threading.Thread(target=process.wait)
        waiting.start()
        process.kill()
        waiting.join(5)
        assert not waiting.is_alive()


def test_files_of_kdtutor_that_are_exposed_can_be_imported(tier: Tier) -> None:
    program = "import kdtutor.grading.crossing.channel as channel\nprint(channel.FRAME_LIMIT)"
    with Warm(tier, exposed=["grading/crossing/channel.py"], preload=()) as warm:
        assert int(said(warm, program)) > 0


def test_a_parent_that_cannot_import_says_why(tier: Tier) -> None:
    with pytest.raises(RuntimeError, match="No module named 'no_such_module'"):
        Warm(tier, preload=["no_such_module"])


def test_an_entry_that_is_not_there_is_an_error_in_the_process(warm: Warm) -> None:
    with warm.fork(entry="no_such_module:serve") as process:
        ending = process.wait(20)
        assert ending is not None
        assert ending.code == 1
        assert b"no_such_module" in process.stderr()


def test_closing_leaves_no_process_and_no_file(tier: Tier, folder_for_temporary_files: Path) -> None:
    with Warm(tier, preload=()) as warm:
        process = warm.fork()
        send(process, "import time; time.sleep(600)")
        numbers = [warm.pid, *descendants(warm.pid)]
        assert len(numbers) >= 3
        assert list(folder_for_temporary_files.iterdir())
    assert gone(numbers)
    assert list(folder_for_temporary_files.iterdir()) == []
    assert not process.alive()
    process.close()


def test_when_the_parent_is_killed_its_forks_die_and_the_grader_is_told(tier: Tier) -> None:
    with Warm(tier, preload=()) as warm:
        process = warm.fork()
        send(process, "import time; time.sleep(600)")
        numbers = list(descendants(warm.pid))
        os.kill(warm.pid, signal.SIGKILL)
        assert gone(numbers)
        with pytest.raises(RuntimeError, match="it is gone"):
            warm.fork()
        ending = process.wait(5)
        assert ending is not None
        assert ending.reason == "killed"
        process.close()


def test_when_the_grader_is_killed_nothing_is_left(tier: Tier, folder_for_temporary_files: Path) -> None:
    program = """
        import sys, time
        from kdtutor.grading.sandbox import Tier, Warm
        warm = Warm(Tier(sys.argv[1], True, "tried"), preload=())
        process = warm.fork()
        process.channel.sendall(b"import time; time.sleep(600)")
        process.channel.shutdown(1)
        print(warm.pid, flush=True)
        time.sleep(600)
    """
    command = [sys.executable, "-c", textwrap.dedent(program), tier.name]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as grader:
        assert grader.stdout is not None
        parent = int(grader.stdout.readline())
        numbers = [parent, *descendants(parent)]
        assert len(numbers) >= 3
        grader.kill()
        assert gone(numbers)
    assert list(folder_for_temporary_files.iterdir()) == []


@pytest.mark.parametrize("milliseconds", [0, 1, 2, 3, 5, 8])
def test_killed_at_any_moment_the_parent_leaves_nothing_half_started(
    tier: Tier, folder_for_temporary_files: Path, milliseconds: int
) -> None:
    with Warm(tier, preload=()) as warm:
        process = warm.fork()  # it makes the next namespaces now
        time.sleep(milliseconds / 1000)
        os.kill(warm.pid, signal.SIGKILL)
        process.close()
    mark = str(folder_for_temporary_files).encode()
    deadline = time.monotonic() + 10
    while left := [path for path in Path("/proc").glob("[0-9]*/cmdline") if mark in content(path)]:
        assert time.monotonic() < deadline, left
        time.sleep(0.02)


def content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def gone(numbers: list[int], seconds: float = 10) -> bool:
    """Whether these processes end within the time; one that waits to be reaped has ended."""
    deadline = time.monotonic() + seconds
    while any(runs(number) for number in numbers):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def runs(number: int) -> bool:
    try:
        return Path(f"/proc/{number}/stat").read_bytes().rpartition(b")")[2].split()[0] != b"Z"
    except OSError:
        return False


@pytest.fixture
def folder_for_temporary_files(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty one, which must be empty again at the end."""
    folder = Path(tempfile.mkdtemp(prefix="kdtutor-test-"))
    folder.chmod(0o755)
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    yield folder
    folder.rmdir()


def test_a_twin_is_a_warm_parent_of_its_own(tier: Tier, folder_for_temporary_files: Path) -> None:
    with Warm(tier, preload=("numpy",)) as warm:
        lines = [warm.twin(), warm.twin()]
        with Warm(tier, line=lines[0]) as one, Warm(tier, line=lines[1]) as other:
            assert len({warm.pid, one.pid, other.pid}) == 3
            assert len({warm.folder, one.folder, other.folder}) == 3
            assert said(one, "import sys\nprint('numpy' in sys.modules)") == "True\n"
            os.kill(one.pid, signal.SIGKILL)
            with pytest.raises(RuntimeError, match="it is gone"):
                one.fork()
            assert said(other, RANDOM, seed=5) == said(warm, RANDOM, seed=5)
            with pytest.raises(RuntimeError, match="it is gone"):
                Warm(tier, line=Line(tier, _hung_up(), str(folder_for_temporary_files / "none")))
        assert gone([one.pid, other.pid])
        assert said(warm, "print(1)") == "1\n"
    assert list(folder_for_temporary_files.iterdir()) == []


def test_a_parent_that_keeps_a_process_or_is_gone_has_no_twin(tier: Tier, folder_for_temporary_files: Path) -> None:
    with Warm(tier, preload=()) as warm:
        with warm.fork(), pytest.raises(RuntimeError, match="keeps processes"):
            warm.twin()
        line = warm.twin()
        Warm(tier, line=line).close()
        os.kill(warm.pid, signal.SIGKILL)
        with pytest.raises(RuntimeError, match="it is gone"):
            warm.twin()
    assert list(folder_for_temporary_files.iterdir()) == []


def _hung_up() -> socket.socket:
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    far.close()
    return near
