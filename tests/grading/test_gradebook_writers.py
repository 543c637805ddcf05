"""Writers that are killed, and two at the same moment: nothing is lost, doubled or half entered."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from kdtutor.grading.gradebook.enter import enter
from tests.grading.small_class import NBGRADER_WARNS, a_class
from tests.grading.small_course import KEY, UNIT, book, small_course

pytestmark = NBGRADER_WARNS


IN_ANOTHER_PROCESS = """
import json, os, signal, sys, warnings
from pathlib import Path
from sqlalchemy import event
from sqlalchemy.orm import Session
from kdtutor.authoring import Course
from kdtutor.grading.gradebook import enter as gradebook
from tests.grading.small_course import KEY, UNIT
from tests.grading.small_class import a_class

def child(root, times=1, kill_at=0):
    "Enter the class in a process of its own, which dies at a certain step; its number and the file of its steps."
    number = os.fork()
    if number:
        return number
    steps = 0

    def step(*arguments):
        nonlocal steps
        steps += 1
        if steps == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    course = Course.of(root)
    records, handed_in = a_class(course)
    for name in ("after_flush", "before_commit", "after_commit"):
        event.listen(Session, name, step)
    replace = os.replace
    os.replace = lambda *paths: (step(), replace(*paths), step())
    try:
        for _ in range(times):
            gradebook.enter(course, UNIT, records, handed_in, key=KEY)
        (root / "steps").write_text(str(steps))
    except BaseException as error:
        print(repr(error), file=sys.stderr)
        os._exit(1)
    os._exit(0)

def end_of(number):
    return os.waitstatus_to_exitcode(os.waitpid(number, 0)[1])
"""


def in_another_process(code, folder):
    started = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", IN_ANOTHER_PROCESS + code, str(folder)],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert started.returncode == 0, started.stderr
    return json.loads(started.stdout)


@pytest.mark.slow
def test_killed_anywhere_nothing_is_lost_nothing_doubled_and_nobody_half_entered(tmp_path):
    parts = 8
    courses = [small_course(tmp_path / str(part)) for part in range(parts)]
    ends = in_another_process(
        f"""
folder = Path(sys.argv[1])
assert end_of(child(folder / "0")) == 0
steps = int((folder / "0" / "steps").read_text())
print(json.dumps([end_of(child(folder / str(i), kill_at=max(1, steps * i // {parts}))) for i in range(1, {parts})]))
""",
        tmp_path,
    )
    assert ends == [-signal.SIGKILL] * (parts - 1)
    wanted = book(courses[0])
    assert int((tmp_path / "0" / "steps").read_text()) > 20
    for course in courses[1:]:
        for learner, entered in book(course).items():
            assert entered == wanted[learner], f"{learner} is half entered"
        records, handed_in = a_class(course)
        assert enter(course, UNIT, records, handed_in, key=KEY) == {}
        assert book(course) == wanted


@pytest.mark.slow
def test_two_writers_at_the_same_moment_enter_what_one_would(course, tmp_path):
    undisturbed = small_course(tmp_path / "undisturbed")
    enter(undisturbed, UNIT, *a_class(undisturbed), key=KEY)
    two = "print(json.dumps([end_of(n) for n in [child(Path(sys.argv[1]), times=8) for _ in range(2)]]))"
    assert in_another_process(two, course.root) == [0, 0]
    assert book(course) == book(undisturbed)


# The unit in the book
