import subprocess
import sys
from pathlib import Path

import pytest

from kdtutor.grading.sandbox.loader import loader


def test_the_loader_runs_this_python() -> None:
    head = loader(sys.executable)
    said = subprocess.run([*head, sys.executable, "-c", "print(6 * 7)"], capture_output=True, text=True, check=True)
    assert said.stdout == "42\n"
    assert len(head) == 1


@pytest.mark.parametrize("content", [b"", b"#!/bin/sh\n", b"\x7fELF\x01\x01", b"\x7fELF\x02\x02" + bytes(58)])
def test_what_is_no_dynamic_program_has_none(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "program"
    path.write_bytes(content)
    assert loader(str(path)) == ()
