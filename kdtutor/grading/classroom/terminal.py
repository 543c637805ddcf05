"""`kdtutor grade` as an instructor sees it: a bar while it runs, then the class."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bars
from rich.text import Text

from kdtutor.authoring.layout import Course
from kdtutor.grading import places
from kdtutor.grading.classroom.class_table import class_table
from kdtutor.grading.classroom.entered import enter_what_is_new, get_ready_to_enter
from kdtutor.grading.classroom.grade_class import Progress, grade_class
from kdtutor.grading.handed_in.intake import submissions
from kdtutor.grading.records.record import Record


class Interrupted(RuntimeError):  # noqa: N818
    """The run was interrupted; the message says how far it came."""


def grade(
    course: Course,
    unit: str,
    console: Console,
    *,
    submitted: Path | None = None,
    records_dir: Path | None = None,
    jobs: int | None = None,
    engine: Literal["local", "dask"] = "local",
    scheduler: str | None = None,
    only: Sequence[str] = (),
    regrade: bool = False,
    trust: bool = False,
) -> list[Record]:
    """Grade a class with a progress bar, enter its scores in the gradebook, and print its table.

    The arguments are those of `grade_class`. Interrupted, a RuntimeError, in the place of KeyboardInterrupt.
    """
    folder = records_dir or places.records_folder(course)
    place = submitted or places.submitted_folder(course)
    seen: list[Progress] = []
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total}"))
    try:
        with Bars(
            *columns, TimeElapsedColumn(), console=console, transient=True, disable=not console.is_terminal
        ) as bars:
            bar = bars.add_task(f"grading {unit}", total=None)

            def show(progress: Progress) -> None:
                seen.append(progress)
                bars.update(bar, completed=progress.done, total=progress.total)

            records = grade_class(
                course,
                unit,
                submitted=place,
                records_dir=folder,
                jobs=jobs,
                engine=engine,
                scheduler=scheduler,
                only=only,
                regrade=regrade,
                trust=trust,
                report=show,
                meanwhile=get_ready_to_enter,
            )
            bars.update(bar, description="entering the scores")
            refused = enter_what_is_new(course, unit, records, submissions(place, unit), folder / unit)
    except KeyboardInterrupt:
        total = f" of {seen[-1].total}" if seen else ""
        raise Interrupted(f"interrupted. {len(seen)}{total} are graded: run it again to go on from there") from None
    console.print(class_table(records))
    for learner, reason in refused.items():
        console.print(Text.assemble((f"{learner} is not in the gradebook: ", "yellow"), reason))
    kept = sum(progress.kept for progress in seen)
    console.print(f"{len(seen) - kept} graded, {kept} unchanged. Records: {_named(course, folder / unit)}")
    return records


def _named(course: Course, folder: Path) -> str:
    return course.named(folder) if folder.resolve().is_relative_to(course.root) else str(folder)
