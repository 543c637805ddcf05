"""The file that is handed in, as text: can a network be had from it?"""

import base64
from functools import cache
from typing import Any, get_args

import torch
from torch import Tensor

from kdtutor import models, quantize
from kdtutor.checks.exercise import Exercise, Mistake
from kdtutor.contract import Clause, as_text, from_text
from kdtutor.contract.process import reads

READS = "the file holds a network for the glyphs"


@cache
def _view(text: str) -> str:
    """What can be said of the text. Nothing in it is run; its size is bounded before memory is taken."""
    try:
        reads(from_text(text))
    except ValueError as error:
        return f"{' '.join(str(error).split())[:300]}"
    return READS


def _coded(state: dict[str, Tensor], bits: int = 4) -> dict[str, Any]:
    return {
        name: quantize.AffineTensor(*quantize.quantize_per_channel(value, 0, bits), bits)
        if value.ndim > 1
        else value.half()
        for name, value in state.items()
        if value.is_floating_point()
    }


def _file(state: dict[str, Any]) -> bytes:
    return quantize.encode_artifact(state)


_small = dict(models.mlp(256, 6, 36, seed=0).state_dict())
_good = _file(_coded(_small))
_other_names = {f"layers.{name}": value for name, value in _small.items()}
_broken = {name: torch.full_like(value, torch.nan) for name, value in _small.items()}


artifact = Exercise(
    reference=as_text(_good),
    view=_view,
    parts=get_args(Clause),
    mistakes=[
        Mistake("no text of as_text", "artifact.kdqa",
                "That is a file's name, or bytes as Python prints them. What is handed in is the text that as_text(data) gives."),
        Mistake("pasted in part", as_text(_good[: len(_good) // 2 // 3 * 3]),
                "The end of the file is missing. Paste every line that as_text printed, the last one too."),
        Mistake("no artifact", base64.b64encode(b"PK\x03\x04 a file of torch.save").decode(),
                "The bytes are no artifact. encode_artifact or save_artifact writes one; torch.save writes programs, and nobody "
                "runs them here."),
        Mistake("names of another network", as_text(_file(_coded(_other_names))),
                "The file is whole, its names are not: they are those of the state dict of models.mlp or models.cnn."),
        Mistake("a layer is missing", as_text(_file(_coded({n: v for n, v in _small.items() if n != "3.bias"}))),
                "The file is whole and a tensor is missing in it: its last bias. A network is all of its tensors."),
        Mistake("NaN in the weights", as_text(_file(_broken)),
                "The file is whole and holds values that are no numbers. Did the training diverge, or a scale become 0?"),
        Mistake("for ten classes", as_text(_file(_coded(dict(models.mlp(256, 6, 10, seed=0).state_dict())))),
                "The network has ten outputs. The glyphs have 36 classes."),
        Mistake("for other pictures", as_text(_file(_coded(dict(models.mlp(784, 6, 36, seed=0).state_dict())))),
                "The network reads 784 values a picture. A glyph has 16 × 16."),
    ],
    styles={
        "one line": base64.b64encode(_good).decode(),
        "plain float32": as_text(_file(_small)),
        "a convolutional network": as_text(_file(_coded(dict(models.cnn(2, seed=0).state_dict()), 2))),
        "three layers, codes of 8 bits": "\n" + as_text(_file(_coded(dict(models.mlp(256, 4, 5, 36, seed=0).state_dict()), 8))) + "\n",
    },
    hints=(
        "print(as_text(data)) shows the file as lines of letters and digits. Copy all of them.",
        "They go between the triple quotes, nothing else does; line ends do not matter.",
        "network_in(from_text(artifact)) is what the check does first: the message of its error says what is wrong.",
    ),
)  # fmt: skip
