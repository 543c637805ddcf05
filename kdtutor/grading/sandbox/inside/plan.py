"""What the grader tells its warm parent: the tier, what may be read, what is loaded, what runs."""

import json
from dataclasses import asdict, dataclass
from typing import Any

from kdtutor.grading.sandbox.limits import Limits


@dataclass(frozen=True)
class Plan:
    """tier: "bubblewrap", "landlock" or "none". command: bubblewrap's command line up to its payload.

    readable: files and folders that Landlock leaves readable; listed: folders of which it leaves the names. folder: the
    sandbox's own folder outside. search: where Python looks for modules. preload: modules that the warm parent imports.
    prefix: of the Python environment.
    """

    tier: str
    limits: Limits
    command: tuple[str, ...]
    readable: tuple[str, ...]
    listed: tuple[str, ...]
    folder: str
    search: tuple[str, ...]
    preload: tuple[str, ...]
    prefix: str

    def to_json(self) -> bytes:
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_json(cls, text: bytes) -> "Plan":
        values: dict[str, Any] = json.loads(text)
        limits = Limits(**values.pop("limits"))
        listed: dict[str, Any] = {
            key: tuple(value) if isinstance(value, list) else value for key, value in values.items()
        }
        return cls(limits=limits, **listed)


@dataclass(frozen=True)
class Task:
    """One process to fork: `entry` ("module:function", called with the channel) or else `command`, a program to run.

    sockets: whether it may listen on Unix sockets in its socket folder, as a Jupyter kernel does.
    """

    entry: str = ""
    command: tuple[str, ...] = ()
    seed: int = 0
    sockets: bool = False

    def to_json(self) -> bytes:
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_json(cls, text: bytes) -> "Task":
        values: dict[str, Any] = json.loads(text)
        return cls(**values | {"command": tuple(values["command"])})


@dataclass(frozen=True)
class Place:
    """Where one learner's process lives, as it sees it: its home, its folder for temporary files, its sockets."""

    home: str
    temporary: str
    sockets: str
