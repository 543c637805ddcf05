"""What one learner's processes may use together. Crossing a limit ends them, and their grader learns which it was."""

from dataclasses import asdict, dataclass

MIB = 1 << 20


@dataclass(frozen=True)
class Limits:
    """memory: bytes beyond what the warm parent already holds (beyond nothing, for a one-off command).

    processes: processes and threads at once. cpu_seconds: CPU time, not wall time. file_bytes: the largest file.
    disk: bytes in the private folder (with namespaces: in each of the two places that can be written). files: how
    many files there. open_files: descriptors a process. output: bytes kept of stdout and of stderr; what comes after
    is read and dropped, so that a flood neither blocks nor fills anything.
    """

    memory: int = 2048 * MIB
    processes: int = 64
    cpu_seconds: int = 60
    file_bytes: int = 64 * MIB
    disk: int = 128 * MIB
    files: int = 10_000
    open_files: int = 256
    output: int = MIB // 4

    def __post_init__(self) -> None:
        for name, value in asdict(self).items():
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ValueError(f"{name} is {value!r}: a whole number from 1 is needed")
