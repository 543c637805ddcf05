"""What a learner's process has written: how much it is, and taking it away."""

import os
import shutil
import subprocess
from contextlib import suppress


def on_file_systems(*places: str) -> tuple[int, int]:
    """(bytes, files) of file systems that are the sandbox's own; they cap the bytes themselves."""
    size = count = 0
    for place in places:
        with suppress(OSError):
            state = os.statvfs(place)
            size = max(size, (state.f_blocks - state.f_bfree) * state.f_frsize)
            count += state.f_files - state.f_ffree
    return size, count


def beneath(folder: str, most: int) -> tuple[int, int]:
    """(bytes, files) under a folder of a shared disk, counted up to a number of files."""
    size = count = 0
    waiting = [folder]
    while waiting and count <= most:
        with suppress(OSError), os.scandir(waiting.pop()) as entries:
            for entry in entries:
                count += 1
                if count > most:
                    break
                with suppress(OSError):
                    state = entry.stat(follow_symlinks=False)
                    size += state.st_blocks * 512
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
    return size, count


def remove(folder: str) -> None:
    """Also where folders were made thousands deep or closed to their owner: rm does not recurse as Python does."""
    with suppress(OSError, RecursionError):
        shutil.rmtree(folder)
    if os.path.lexists(folder):
        for command in (["chmod", "-R", "u+rwX"], ["rm", "-rf"]):
            subprocess.run([*command, "--", folder], check=False, capture_output=True)
