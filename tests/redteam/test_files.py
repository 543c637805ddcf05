"""A learner's process sees and changes no file but its own."""

import os
import sys
from pathlib import Path

import pytest

import kdtutor
from kdtutor.grading.sandbox import Warm
from tests.redteam.attack import SECRET, Outside, attack, begin, heard

COURSE = Path(kdtutor.__file__).parents[1]
READ = """
def content(path):
    with open(path, "rb") as file:
        return file.read(200).decode(errors="replace")

say({path: tried(lambda: content(path)) for path in paths})
"""
UNREADABLE = {"FileNotFoundError", "PermissionError", "NotADirectoryError"}


def test_machine_secrets_home_and_course_cannot_be_read(warm: Warm, canary: Outside) -> None:
    paths = [
        "/etc/shadow",
        str(canary.file),
        str(Path.home() / ".bashrc"),
        str(Path.home() / ".ssh/id_ed25519"),
        str(COURSE / "pyproject.toml"),
        str(COURSE / "solutions/01_soft_targets/01_soft_targets.py"),
        str(COURSE / "kdtutor/distill/logits.py"),
        str(COURSE / "grading/gradebook.db"),
        "/proc/1/environ",
        "/var/run/docker.sock",
    ]
    said = attack(warm, READ, paths=paths).said
    assert set(said.values()) <= UNREADABLE
    assert set(said) == set(paths)


@pytest.mark.parametrize("route", ["/proc/{me}/root", "/proc/{me}/cwd/..", "/proc/self/exe/..", "/dev/fd/0/.."])
def test_no_way_round_through_proc(warm: Warm, canary: Outside, route: str) -> None:
    program = """
        place = route.format(me=os.getpid()) + path
        say(tried(lambda: open(place).read()))
    """
    assert attack(warm, program, route=route, path=str(canary.file)).said in UNREADABLE


def test_the_reference_cannot_be_imported(warm: Warm) -> None:
    program = """
        import importlib
        names = ["kdtutor.distill", "kdtutor.checks", "kdtutor.data", "kdtutor.grading.records.record", "kdtutor.cli"]
        say([tried(lambda: importlib.import_module(name).__name__) for name in names])
    """
    said = attack(warm, program).said
    assert set(said) <= {"ModuleNotFoundError", "PermissionError", "ImportError"}


def test_no_reference_source_anywhere_it_can_look(warm: Warm) -> None:
    program = """
        found = []
        for folder, folders, files in os.walk("/", onerror=lambda error: None):
            folders[:] = [name for name in folders if os.path.join(folder, name) not in ("/proc", "/usr", "/sys")]
            if "/site-packages/" in folder or "/lib/python" in folder:
                folders[:] = []
                continue
            found += [os.path.join(folder, name) for name in files if name in ("logits.py", "gradebook.db")]
            found += [os.path.join(folder, name) for name in files if name.endswith(".ipynb")]
        say(found)
    """
    assert attack(warm, program).said == []


def test_environment_holds_nothing_of_the_grader(warm: Warm) -> None:
    os.environ["KDTUTOR_CANARY"] = SECRET
    try:
        program = """
            seen = [json.dumps(dict(os.environ))]
            for number in {os.getpid(), os.getppid(), *range(1, 400)}:
                for name in ("environ", "cmdline"):
                    content = tried(lambda: open(f"/proc/{number}/{name}", "rb").read())
                    seen.append(str(content))
            say({"secret": secret in "".join(seen), "names": sorted(os.environ)})
        """
        said = attack(warm, program, secret=SECRET).said
    finally:
        del os.environ["KDTUTOR_CANARY"]
    assert not said["secret"]
    assert "PYTHONPATH" not in said["names"]
    assert not [name for name in said["names"] if name.startswith(("SSH", "AWS", "JPY", "JUPYTER", "KDTUTOR"))]


def test_nothing_outside_can_be_written(warm: Warm, canary: Outside) -> None:
    program = """
        target, folder = path, os.path.dirname(path)
        deeds = {
            "write": lambda: open(target, "w").write("x"),
            "append": lambda: open(target, "a").write("x"),
            "truncate": lambda: os.truncate(target, 0),
            "create": lambda: open(folder + "/new", "w").write("x"),
            "mkdir": lambda: os.mkdir(folder + "/new"),
            "fifo": lambda: os.mkfifo(folder + "/new"),
            "remove": lambda: os.remove(target),
            "rename": lambda: os.rename(target, folder + "/new"),
            "link out": lambda: os.link(target, "mine"),
            "symlink": lambda: os.symlink("x", folder + "/new"),
            "chmod": lambda: os.chmod(target, 0),
            "through a link": lambda: (os.symlink(target, "link"), open("link", "w").write("x")),
            "root": lambda: open("/new", "w").write("x"),
            "library": lambda: open(os.__file__, "a").write("#"),
            "library mode": lambda: os.chmod(os.__file__, 0o777),
            "torch": lambda: open(sys.modules["torch"].__file__, "a").write("#"),
            "own modules": lambda: open(sys.modules["kdtutor.grading.sandbox.limits"].__file__, "a").write("#"),
            "interpreter": lambda: open("/proc/self/exe", "ab").write(b""),
            "kernel": lambda: open("/proc/sys/kernel/core_pattern", "w").write("|/bin/true"),
            "killer": lambda: open("/proc/self/oom_score_adj", "w").write("-1000"),
            "handle": lambda: os.close(os.open("/proc/self/exe", os.O_RDWR)),
        }
        say({name: str(tried(deed)) for name, deed in deeds.items()})
    """
    before = os.stat(os.__file__), os.stat(sys.executable)
    said = attack(warm, program, path=str(canary.file)).said
    assert {name: outcome for name, outcome in said.items() if not outcome.endswith("Error")} == {}
    assert (os.stat(os.__file__).st_mode, os.stat(sys.executable).st_mode) == tuple(seen.st_mode for seen in before)


def test_two_learners_of_one_parent_see_nothing_of_each_other(warm: Warm) -> None:
    leave = """
        import torch
        torch.softmax = "changed"
        for place in (os.environ["HOME"], os.environ["TMPDIR"], "/dev/shm", "/tmp", "/run/kernel"):
            tried(lambda: open(place + "/left", "w").write("secret of the first"))
        say(sorted(os.listdir(os.environ["TMPDIR"])))
    """
    look = """
        import torch
        places = (os.environ["HOME"], os.environ["TMPDIR"], "/dev/shm", "/tmp", "/run/kernel")
        seen = [tried(lambda: open(place + "/left").read()) for place in places]
        parents = [tried(lambda: os.listdir(os.environ["HOME"] + up)) for up in ("/../..", "/../../..")]
        say({"seen": seen, "torch": callable(torch.softmax), "parents": parents})
    """
    assert "left" in attack(warm, leave).said
    said = attack(warm, look).said
    assert set(said["seen"]) <= UNREADABLE
    assert said["torch"]


def test_a_learner_cannot_reach_another_that_runs(warm: Warm) -> None:
    with warm.fork() as other:
        begin(other, "open(os.environ['HOME'] + '/mine', 'w').write('mine')\nsay(1)\ntime.sleep(600)")
        assert heard(other) == 1
        program = """
            seen = []
            for number in numbers:
                for path in ("environ", "mem", "root/tmp/home/mine", "cwd/mine", "fd/3"):
                    seen.append(str(tried(lambda: open(f"/proc/{number}/{path}", "rb").read(1))))
                seen.append(str(tried(lambda: os.kill(number, 9))))
            say(seen)
        """
        said = attack(warm, program, numbers=[other.pid, warm.pid, other.pid - 1]).said
        assert other.alive()
    assert all(outcome.endswith("Error") for outcome in said), said


def test_only_the_standard_files_and_the_channel_are_inherited(warm: Warm) -> None:
    program = """
        def is_open(number):
            try:
                os.fstat(number)
            except OSError:
                return False
            return True
        say([number for number in range(4096) if is_open(number)])
    """
    assert attack(warm, program).said == [0, 1, 2, 3]
