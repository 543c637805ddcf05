"""Where a course keeps its files; the folders' names come from the course's own nbgrader_config.py."""

from dataclasses import dataclass
from pathlib import Path

from traitlets.config import Config
from traitlets.config.loader import PyFileConfigLoader

CONFIG = "nbgrader_config.py"
LEFT_BEHIND = (".ipynb_checkpoints", "__pycache__")


@dataclass(frozen=True, eq=False)
class Course:
    """A tree with nbgrader_config.py at its root, sources in `solutions/`, learner notebooks in `course/`."""

    root: Path
    config: Config

    @classmethod
    def of(cls, place: Path) -> "Course":
        """The course that `place` (a folder or a file) lies in. FileNotFoundError where there is none."""
        place = Path(place).resolve()
        for folder in (place, *place.parents):
            if (folder / CONFIG).is_file():
                return cls(folder, PyFileConfigLoader(CONFIG, path=str(folder)).load_config())
        raise FileNotFoundError(f"{place} lies in no course: neither it nor a folder above holds {CONFIG}")

    @property
    def solutions(self) -> Path:
        return self.root / self.config.CourseDirectory.source_directory

    @property
    def released(self) -> Path:
        return self.root / self.config.CourseDirectory.release_directory

    @property
    def gradebook(self) -> str:
        return self.config.CourseDirectory.db_url

    @property
    def units(self) -> list[str]:
        """Names of the folders in `solutions/` that hold a text source, in order."""
        return sorted({source.parent.name for source in self.solutions.glob("*/*.py")})

    def source(self, unit: str) -> Path:
        return self.solutions / unit / f"{unit}.py"

    def solved_notebook(self, unit: str) -> Path:
        return self.solutions / unit / f"{unit}.ipynb"

    def learner_notebook(self, unit: str) -> Path:
        return self.released / unit / f"{unit}.ipynb"

    def named(self, path: Path) -> str:
        """`path` as an author would write it: from the root of the course, with forward slashes."""
        return path.resolve().relative_to(self.root).as_posix()


def files_of(folder: Path) -> dict[str, Path]:
    """Every file under `folder` by its relative name, without what Jupyter and Python leave behind."""
    if not folder.is_dir():
        return {}
    return {
        path.relative_to(folder).as_posix(): path
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not set(path.relative_to(folder).parts) & set(LEFT_BEHIND)
    }
