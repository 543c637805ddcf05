"""How fast a class is graded: `kdtutor grade` beside stock `nbgrader autograde`, the same class, in one run.

Both are commands of their own, started afresh, with their imports and their gradebook; neither executes the cells
tagged `experiment`. Stock nbgrader runs with its defaults, and without a sandbox.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import nbformat

from kdtutor.authoring.layout import CONFIG, Course
from kdtutor.authoring.release import generate_assignment
from kdtutor.grading import places
from kdtutor.grading.demo import SAMPLES, UNIT, filled_in
from kdtutor.grading.records.record import read_record

# Whoever makes stock nbgrader wait for a timeout, or lose marks to a warning, is not in the class
KINDS = ("complete", "untouched", "no-squared-temperature", "directions-swapped", "mean-over-classes", "syntax-error")
CLASS, LARGE = 24, 240
STOCK_SETTINGS = """
c = get_config()
c.CourseDirectory.root = {root!r}
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "course"
c.CourseDirectory.submitted_directory = "stock/submitted"
c.CourseDirectory.autograded_directory = "stock/autograded"
c.CourseDirectory.db_url = {gradebook!r}
c.CourseDirectory.ignore = ["*.py", "*.toml"]
c.Execute.skip_cells_with_tag = "experiment"
"""


@dataclass(frozen=True)
class Throughput:
    """Wall seconds of whole commands. ours, ours_large: of each run; own_mib: memory of a worker that nobody shares.

    equal: whether both sides gave every learner the same score.
    """

    learners: int
    stock: float
    ours: Sequence[float]
    unchanged: float
    large: int
    ours_large: float
    own_mib: float
    equal: bool

    @property
    def ratio(self) -> float:
        """How many times the stock throughput."""
        return self.stock / statistics.median(self.ours)

    @property
    def growth(self) -> float:
        """Cost per submission of the large class over that of the small one: at most 1.1 is linear or better."""
        return (self.ours_large / self.large) / (statistics.median(self.ours) / self.learners)

    def lines(self, *, judged: bool = True) -> list[str]:
        """The findings, each with its target and whether it is reached, where the classes are large enough to judge."""
        ours = statistics.median(self.ours)
        growth = f"cost a submission, {self.large} learners over {self.learners}"
        found = [
            ("times the stock throughput", self.ratio, ">= 10", self.ratio >= 10),
            ("both give the same scores", float(self.equal), "== 1", self.equal),
            (growth, self.growth, "<= 1.1", self.growth <= 1.1),
            ("an unchanged class again, seconds", self.unchanged, "<= 2", self.unchanged <= 2),
            ("memory of a process of its own, MiB", self.own_mib, "<= 600", self.own_mib <= 600),
        ]
        return [
            f"stock nbgrader autograde, {self.learners} learners: {self.stock:.1f} s",
            f"kdtutor grade, the same class, sandboxed: {ours:.1f} s, median of {len(self.ours)}",
            *(
                f"{what}: {value:.3g}" + (f" (target {target}: {'reached' if held else 'missed'})" if judged else "")
                for what, value, target, held in found
            ),
        ]

    def to_json(self) -> str:
        return json.dumps(asdict(self) | {"ratio": self.ratio, "growth": self.growth}, indent=1)


def measure_throughput(course: Course, *, repeats: int = 3, large: int = LARGE, learners: int = CLASS) -> Throughput:
    """Grade the class both ways, and a large one our way, in a copy of the course that is thrown away.

    FileNotFoundError where the unit is not built; RuntimeError with a command's last words where it fails.
    """
    with tempfile.TemporaryDirectory(prefix="kdtutor-throughput-") as name:
        root = Path(name)
        copy = _copied(course, root)
        _hand_in(course, root / "stock" / "submitted", learners)
        _hand_in(course, root / "ours", learners)
        _hand_in(course, root / "many", large)
        ours = ["-m", "kdtutor", "grade", UNIT, "--submitted", str(root / "ours")]
        timed = [_seconds([*ours, "--regrade"], root) for _ in range(repeats)]
        unchanged = _seconds(ours, root)
        many = ["-m", "kdtutor", "grade", UNIT, "--submitted", str(root / "many"), "--out", str(root / "large")]
        with _Watch() as watch:  # over the large class, since it takes time itself
            ours_large = _seconds(many, root)
        gradebook = f"sqlite:///{(root / 'stock' / 'gradebook.db').as_posix()}"
        released = _release_for_stock(course, root)
        (released / "nbgrader_config.py").write_text(STOCK_SETTINGS.format(root=str(released), gradebook=gradebook))
        generate_assignment(released, UNIT, copy.config, gradebook)
        shutil.move(root / "stock" / "submitted", released / "stock" / "submitted")
        stock = _seconds(["-m", "nbgrader", "autograde", UNIT, "--create"], released)
        equal = _stock_scores(gradebook) == _our_scores(copy)
        return Throughput(learners, stock, timed, unchanged, large, ours_large, watch.own_mib, equal)


def _copied(course: Course, root: Path) -> Course:
    shutil.copyfile(course.root / CONFIG, root / CONFIG)
    for path in (course.solved_notebook(UNIT), course.learner_notebook(UNIT), course.source(UNIT)):
        target = root / path.relative_to(course.root)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    return Course.of(root)


def _release_for_stock(course: Course, root: Path) -> Path:
    released = root / "for-stock"
    solved = released / course.solved_notebook(UNIT).relative_to(course.root)
    solved.parent.mkdir(parents=True)
    shutil.copyfile(course.solved_notebook(UNIT), solved)
    (released / "stock").mkdir()
    return released


def _hand_in(course: Course, folder: Path, learners: int) -> None:
    texts = {kind: nbformat.writes(filled_in(course, SAMPLES[kind])) for kind in KINDS}
    for number in range(learners):
        path = folder / f"learner-{number:03d}" / UNIT / f"{UNIT}.ipynb"
        path.parent.mkdir(parents=True)
        path.write_text(texts[KINDS[number % len(KINDS)]], encoding="utf-8")


def _seconds(arguments: list[str], folder: Path) -> float:
    began = time.perf_counter()
    done = subprocess.run([sys.executable, *arguments], cwd=folder, capture_output=True, text=True, check=False)
    took = time.perf_counter() - began
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(arguments[1:3])}: {done.stderr.strip()[-2000:] or done.stdout.strip()[-2000:]}")
    return took


def _stock_scores(gradebook: str) -> dict[str, float]:
    from nbgrader.api import Gradebook

    with Gradebook(gradebook) as book:
        return {each.student.id: float(each.score) for each in book.assignment_submissions(UNIT)}


def _our_scores(course: Course) -> dict[str, float]:
    paths = (places.records_folder(course) / UNIT).glob("learner-*.json")
    return {record.learner: record.score for record in map(read_record, paths)}


class _Watch:
    """The largest amount of memory that one process of a grading run had to itself, sampled while it runs."""

    def __enter__(self) -> "_Watch":
        self.own_mib = 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(0.5):
            parents = {os.getpid()}
            for _ in range(6):  # generations
                parents |= {
                    int(p.name) for p in Path("/proc").iterdir() if p.name.isdecimal() and _parent(p) in parents
                }
            own = [_own_mib(Path("/proc", str(pid))) for pid in parents - {os.getpid()}]
            self.own_mib = max([self.own_mib, *own])


def _parent(process: Path) -> int:
    try:
        return int((process / "stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, ValueError, IndexError):
        return -1


def _own_mib(process: Path) -> float:
    try:
        lines = (process / "smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_")) / 1024
