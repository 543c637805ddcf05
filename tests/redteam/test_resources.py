"""A learner's process takes no more than its limits, and the grader learns which one it met."""

import time

from kdtutor.grading.sandbox import Warm
from kdtutor.grading.sandbox.inside.census import descendants
from kdtutor.grading.sandbox.limits import MIB
from tests.redteam.attack import LIMITS, attack, begin


def test_memory_of_one_process(warm: Warm) -> None:
    program = """
        taken = []
        def more():
            while True:
                taken.append(bytearray(16 << 20))
        error = tried(more)
        size = len(taken) * 16
        taken.clear()
        say([error, size])
    """
    error, size = attack(warm, program).said
    assert error == "MemoryError"
    assert size <= LIMITS.memory / MIB


def test_memory_of_torch_is_an_ordinary_error(warm: Warm) -> None:
    said = attack(warm, "import torch\nsay(tried(lambda: torch.empty(1 << 34, dtype=torch.uint8)))").said
    assert said in ("RuntimeError", "MemoryError")


def test_memory_of_several_processes_together(warm: Warm) -> None:
    program = """
        children = []
        for _ in range(8):
            child = os.fork()
            if child == 0:
                taken = bytearray(os.urandom(1 << 20) * 100)
                time.sleep(600)
            children.append(child)
        time.sleep(600)
    """
    ending = attack(warm, program, seconds=15).ending
    assert ending is not None
    assert ending.reason == "memory"


def test_shared_memory_counts(warm: Warm) -> None:
    program = """
        import mmap
        error = tried(lambda: mmap.mmap(-1, 1 << 30))
        say(str(error))
    """
    assert attack(warm, program).said in ("OSError", "MemoryError")


def test_disk(warm: Warm) -> None:
    program = """
        written = 0
        def fill(place):
            global written
            for number in range(100):
                with open(f"{place}/fill{number}", "wb") as file:
                    for _ in range(4):
                        written += file.write(bytes(1 << 20))
                time.sleep(0.02)
        errors = [str(tried(lambda: fill(place))) for place in (os.environ["TMPDIR"], os.environ["HOME"])]
        say([errors, written])
    """
    result = attack(warm, program)
    assert result.ending is not None
    if result.ending.reason == "ended":  # a file system of its own
        errors, written = result.said
        assert set(errors) == {"OSError"}
        assert written <= 2 * LIMITS.disk
    else:
        assert result.ending.reason == "disk"


def test_many_small_files(warm: Warm) -> None:
    program = """
        for number in range(100_000):
            open(f"{os.environ['TMPDIR']}/{number}", "w").close()
            if number % 100 == 0:
                time.sleep(0.01)
    """
    ending = attack(warm, program).ending
    assert ending is not None
    assert ending.reason == "files"


def test_one_large_file(warm: Warm) -> None:
    program = """
        def write():
            with open("large", "wb") as file:
                for _ in range(64):
                    file.write(bytes(1 << 20))
        error = tried(write)
        say([error, os.path.getsize("large")])
    """
    error, size = attack(warm, program).said
    assert error == "OSError"
    assert size <= LIMITS.file_bytes


def test_open_files(warm: Warm) -> None:
    program = """
        taken = []
        def more():
            while True:
                taken.append(os.open("/dev/null", os.O_RDONLY))
        error = tried(more)
        say([error, len(taken)])
    """
    error, count = attack(warm, program).said
    assert error == "OSError"
    assert count < LIMITS.open_files


def test_thirty_megabytes_of_output_are_cut_and_block_nobody(warm: Warm) -> None:
    program = """
        line = b"x" * (1 << 20)
        for _ in range(30):
            sys.stdout.buffer.write(line)
            sys.stderr.buffer.write(line)
        sys.stdout.flush()
    """
    result = attack(warm, program)
    assert result.ending is not None
    assert result.ending.reason == "ended"
    assert len(result.stdout) == len(result.stderr) == LIMITS.output


def test_an_endless_loop_ends_by_its_cpu_time(warm: Warm) -> None:
    ending = attack(warm, "while True: pass").ending
    assert ending is not None
    assert ending.reason == "cpu_seconds"
    assert LIMITS.cpu_seconds * 0.9 <= ending.cpu_seconds <= LIMITS.cpu_seconds + 1.5


def test_cpu_time_of_children_counts(warm: Warm) -> None:
    program = """
        for _ in range(3):
            if os.fork() == 0:
                while True: pass
        time.sleep(600)
    """
    ending = attack(warm, program, seconds=30).ending
    assert ending is not None
    assert ending.reason == "cpu_seconds"


def test_sleeping_costs_nothing(warm: Warm) -> None:
    with warm.fork() as process:
        begin(process, "time.sleep(600)")
        process.wait(0.5)
        assert process.alive()
        assert process.cpu_seconds() < 0.5


def test_deep_recursion_ends_only_itself(warm: Warm) -> None:
    program = """
        sys.setrecursionlimit(10**9)
        deep = []
        for _ in range(500_000):
            deep = [deep]
        repr(deep)
    """
    ending = attack(warm, program).ending
    assert ending is not None
    assert (ending.reason, ending.code) == ("ended", -11)
    assert attack(warm, "say(1)").said == 1


def test_folders_in_folders_are_cleared_away(warm: Warm) -> None:
    program = """
        os.chdir(os.environ["TMPDIR"])
        for _ in range(250):
            os.mkdir("deeper")
            os.chdir("deeper")
        tried(lambda: os.chmod(os.environ["TMPDIR"] + "/deeper", 0))
        say(1)
    """
    assert attack(warm, program).said == 1
    assert not [path for path in warm.folder.iterdir() if path.name.isdecimal()]
    ready = 3  # at most the namespaces that stand ready for the next
    deadline = time.monotonic() + 20
    while len(list(descendants(warm.pid))) > ready and time.monotonic() < deadline:
        time.sleep(0.05)
    assert len(list(descendants(warm.pid))) <= ready
