"""A contract, what was measured, and whether the one is kept by the other."""

from dataclasses import dataclass
from functools import cache
from typing import Literal

from torch import Generator, Tensor

from kdtutor.contract.process import Runner, apart, pictures_as_artifact
from kdtutor.quantize import encode_artifact
from kdtutor.training import glyph_teacher
from kdtutor.training import predict as outputs_of

Clause = Literal["bytes", "accuracy", "latency"]
PICTURES = 8000  # the difference to the teacher is then known to about 0.2 points (standard error)
BATCH = 64


@dataclass(frozen=True)
class Contract:
    """most_bytes: of the file. most_points_lost: of accuracy, against the teacher, in points (hundredths).

    least_speedup: the teacher's time for a batch over the network's, measured in the same run.
    """

    most_bytes: int = 16_384
    most_points_lost: float = 1.5
    least_speedup: float = 2.0


@dataclass(frozen=True)
class Measured:
    """bytes of the file; points of accuracy lost against the teacher; share of the teacher's time. Less is better."""

    bytes: float | None = None
    points_lost: float | None = None
    time_share: float | None = None

    def keeps(self, clause: Clause, contract: Contract) -> bool:
        """Whether a clause is kept. ValueError where it was not measured."""
        found, most = {
            "bytes": (self.bytes, contract.most_bytes),
            "accuracy": (self.points_lost, contract.most_points_lost),
            "latency": (self.time_share, 1 / contract.least_speedup),
        }[clause]
        if found is None:
            raise ValueError(f"{clause} was not measured")
        return found <= most


def hidden_glyphs(generator: Generator) -> tuple[Tensor, Tensor]:
    """Pictures and labels that nobody has seen: drawn from the generator, which while grading is a secret one."""
    from kdtutor.data.glyphs import draw  # brings matplotlib, which the process that measures does not need

    pictures = draw(PICTURES, generator)
    return pictures.x, pictures.y


def measured(
    file: bytes, clause: Clause, pictures: tuple[Tensor, Tensor] | None = None, *, run: Runner | None = None
) -> Measured:
    """One clause of an artifact, measured in a clean process; "bytes" counts, after the file was read there.

    pictures: x (N, 1, 16, 16) and labels (N,), for accuracy and latency. run: how to run that process. The teacher is
    `glyph_teacher()`. ValueError for a file that cannot be used.
    """
    if clause == "bytes":
        apart("reads", file, run=run)
        return Measured(bytes=len(file))
    if pictures is None:
        raise ValueError(f"{clause} is measured on pictures: none were given")
    x, y = pictures
    if clause == "accuracy":
        said = apart("answers", file, pictures_as_artifact(x), run=run)
        if not isinstance(said, list) or len(said) != len(y):
            raise ValueError("the network did not answer once for each picture")
        right = sum(answer == label for answer, label in zip(said, y.tolist(), strict=True))
        teacher = int((outputs_of(glyph_teacher(), x).cpu().argmax(1) == y).sum())
        return Measured(points_lost=100 * (teacher - right) / len(y))
    share = apart("latency", _teacher_file(), file, pictures_as_artifact(x[:BATCH]), run=run)
    return Measured(time_share=float(share))


@cache
def _teacher_file() -> bytes:
    return encode_artifact({name: value.cpu() for name, value in glyph_teacher().state_dict().items()})
