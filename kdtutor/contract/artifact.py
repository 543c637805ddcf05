"""An artifact as text in a notebook's cell, and the network in it."""

import base64
import binascii
import textwrap

from torch import nn

from kdtutor.models import from_state
from kdtutor.quantize import ArtifactError, decode_artifact

MOST_BYTES = 2**19  # of a file that is looked at: more than the teacher's own
MOST_VALUES = 2**20  # of all tensors together


def as_text(data: bytes) -> str:
    """The file's bytes as lines of base64, to be pasted into a cell."""
    return "\n".join(textwrap.wrap(base64.b64encode(data).decode(), 100))


def from_text(text: str) -> bytes:
    """The bytes of `as_text`. ValueError for text that is no base64, with blanks and line ends left out."""
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("the text is no base64: paste all of what as_text printed and nothing else") from None


def network_in(data: bytes) -> nn.Sequential:
    """The network in an artifact, decoded to float32, in evaluation mode; nothing in the file is run.

    ValueError, in a sentence, for a file that is too large, damaged, or holds no `mlp` or `cnn`.
    """
    if len(data) > MOST_BYTES:
        raise ArtifactError(f"the file has {len(data):,} bytes: more than {MOST_BYTES:,} are not looked at")
    entries = decode_artifact(data, most_values=MOST_VALUES, most_together=MOST_VALUES)
    return from_state({name: entry.decode() for name, entry in entries.items()})
