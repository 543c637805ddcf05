"""The teacher's logits, computed once: keyed by sample and view, kept in memory or on disk.

A KD step spends most of its time in the teacher. Its answers to a finite set of inputs never change, so they can be
looked up: by the sample's own number, never by the iteration (a loader shuffles), and by the view of the sample that
the student sees as well.
"""

import hashlib
import os
import secrets
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import Module

from kdtutor.distill.fingerprint import samples_fingerprint, update_with, weights_fingerprint
from kdtutor.distill.regime_arguments import require_index, require_whole
from kdtutor.distill.teachers import evaluating
from kdtutor.distill.views import Views, unchanged

KIND = "kdtutor teacher cache"
VERSION = "1"
STORED_DTYPES = (torch.float16, torch.bfloat16, torch.float32)


@dataclass(frozen=True)
class LogitCache:
    """logits[s, v]: what the teacher says about view v of sample s, (S, V, C) in float16, bfloat16 or float32.

    teacher, samples: fingerprints of what they were made from; views: the augmentation's description.
    """

    logits: Tensor
    teacher: str
    samples: str
    views: str

    def lookup(self, sample_index: Tensor, view_index: Tensor | int = 0) -> Tensor:
        """The logits of view view_index[n] of sample sample_index[n], (N, C) in float32, on the cache's device.

        sample_index, view_index: (N,) integers on the cache's device; one number for view_index serves all samples.
        Raises TypeError or ValueError for indices of another type, shape, device or range (the range on the CPU; on a
        GPU CUDA itself refuses an index that is too large).
        """
        S, V, _ = self.logits.shape
        require_index("sample_index", sample_index, S, "samples")
        if isinstance(view_index, int):
            if not 0 <= view_index < V:
                raise ValueError(f"view_index is {view_index}: with {V} views it needs 0 to {V - 1}")
        else:
            require_index("view_index", view_index, V, "views")
            if view_index.shape != sample_index.shape:
                raise ValueError(
                    f"view_index has shape {tuple(view_index.shape)}, sample_index {tuple(sample_index.shape)}: "
                    "both need (N,)"
                )
        if sample_index.device != self.logits.device:
            raise ValueError(f"sample_index is on {sample_index.device}, the cache on {self.logits.device}: one device")
        # torch reads an index of bytes as a mask.
        v = view_index if isinstance(view_index, int) else view_index.long()
        return self.logits[sample_index.long(), v].float()

    def to(self, device: torch.device | str) -> "LogitCache":
        """The same cache on another device, where the training runs."""
        return replace(self, logits=self.logits.to(device))

    @property
    def nbytes(self) -> int:
        """Bytes of the stored logits, samples · views · classes · bytes a number."""
        return self.logits.nbytes


def cache_logits(
    teacher: Module,
    samples: Tensor,
    views: Views | None = None,
    *,
    batch_size: int = 512,
    dtype: torch.dtype = torch.float16,
) -> LogitCache:
    """Ask the teacher about every view of every sample, in evaluation mode and without gradient; its mode is restored.

    samples: (S, ...), all of the data set, in the order whose numbers will be looked up. views: `shifts(2)` for all 25
    shifts of up to 2 pixels; None: the samples as they are. dtype: of the stored logits; float16 keeps 3 significant
    digits and half the bytes, up to ±65504.
    Returns a LogitCache on the samples' device (the teacher's own device is used to run it, batch by batch).
    Raises TypeError for what is no module or tensor, ValueError for no samples, a teacher that does not answer (N, C),
    NaN or +inf in its answers, logits too large for `dtype`.
    """
    views = views or unchanged()
    _require_samples(samples)
    if dtype not in STORED_DTYPES:
        raise ValueError(f"dtype is {dtype}: one of float16, bfloat16, float32 is needed")
    require_whole("batch_size", batch_size, 1)
    fingerprint = weights_fingerprint(teacher)
    parameter = next(teacher.parameters(), samples)
    logits: Tensor | None = None
    with evaluating(teacher), torch.no_grad():
        for first in range(0, len(samples), batch_size):
            batch = samples[first : first + batch_size]
            for v in range(views.count):
                answers = teacher(views.view(batch, v).to(parameter.device))
                _require_answers(answers, len(batch), dtype)
                if logits is None:
                    shape = (len(samples), views.count, answers.shape[1])
                    logits = torch.empty(shape, dtype=dtype, device=samples.device)
                logits[first : first + batch_size, v] = answers.to(logits)
    assert logits is not None
    return LogitCache(logits, fingerprint, samples_fingerprint(samples), views.describe())


def save_logit_cache(cache: LogitCache, path: str | Path) -> None:
    """Write the cache as one safetensors file, whole or not at all: a reader never meets half a file.

    It is written beside `path` under another name, flushed to the disk, then renamed; folders are made as needed. The
    header holds both fingerprints, the views and a checksum over everything.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    metadata = {
        "kind": KIND,
        "version": VERSION,
        "teacher": cache.teacher,
        "samples": cache.samples,
        "views": cache.views,
        "checksum": _checksum(cache),
    }
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
    try:
        save_file({"logits": cache.logits.detach().cpu().contiguous()}, unfinished, metadata=metadata)
        with unfinished.open("rb+") as file:
            os.fsync(file.fileno())
        os.replace(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


def load_logit_cache(
    path: str | Path,
    teacher: Module,
    samples: Tensor,
    views: Views | None = None,
    *,
    memory_mapped: bool = False,
) -> LogitCache:
    """Read a cache, refusing one that was not made from this teacher, these samples in this order and these views.

    memory_mapped=True leaves the logits on the disk: the system reads the pages that a lookup touches and may drop them
    again, so that a cache larger than the memory can be used. Leave the file alone as long as it is in use.
    Returns a LogitCache on the CPU. Raises FileNotFoundError, and ValueError with the reason for a file that is
    damaged, truncated or no teacher cache, and for another teacher, data set or augmentation, naming which.
    """
    path = Path(path)
    _require_samples(samples)
    views = views or unchanged()
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist: make the cache with cache_logits and save_logit_cache first")
    cache = _read(path)
    if cache.teacher != weights_fingerprint(teacher):
        raise ValueError(f"{path} was made by another teacher: its weights differ from this one's. {AGAIN}")
    if cache.samples != samples_fingerprint(samples) or len(cache.logits) != len(samples):
        raise ValueError(f"{path} was made from another data set, or from the same in another order. {AGAIN}")
    if cache.views != views.describe() or cache.logits.shape[1] != views.count:
        raise ValueError(f"{path} was made for the views {cache.views}, asked for are {views.describe()}. {AGAIN}")
    return cache if memory_mapped else replace(cache, logits=cache.logits.clone())


AGAIN = "Make the cache again with cache_logits"


def _read(path: Path) -> LogitCache:
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            metadata = file.metadata() or {}
            if metadata.get("kind") != KIND:
                raise ValueError(
                    f"{path} is a safetensors file, but no teacher cache: it was written by something else"
                )
            if metadata.get("version") != VERSION:
                raise ValueError(
                    f"{path} has format version {metadata.get('version')}, this code reads {VERSION}. {AGAIN}"
                )
            cache = LogitCache(file.get_tensor("logits"), metadata["teacher"], metadata["samples"], metadata["views"])
            stored = metadata["checksum"]
    except (SafetensorError, KeyError) as reason:
        raise ValueError(f"{path} is damaged or truncated: {reason}. {AGAIN}") from None
    if cache.logits.ndim != 3 or cache.logits.dtype not in STORED_DTYPES or _checksum(cache) != stored:
        raise ValueError(f"{path} is damaged: its content does not match its checksum. {AGAIN}")
    return cache


def _checksum(cache: LogitCache) -> str:
    digest = hashlib.sha256(f"{cache.teacher}|{cache.samples}|{cache.views}|".encode())
    update_with(digest, cache.logits)
    return digest.hexdigest()


def _require_samples(samples: Tensor) -> None:
    if not isinstance(samples, Tensor):
        raise TypeError(f"samples is a {type(samples).__name__}: a tensor (S, ...) of all samples is needed")
    if samples.ndim == 0 or len(samples) == 0:
        raise ValueError(f"samples has shape {tuple(samples.shape)}: (S, ...) with at least one sample is needed")


def _require_answers(answers: Tensor, count: int, dtype: torch.dtype) -> None:
    if not isinstance(answers, Tensor) or answers.ndim != 2 or len(answers) != count:
        came = f"shape {tuple(answers.shape)}" if isinstance(answers, Tensor) else type(answers).__name__
        raise ValueError(f"the teacher answered {count} samples with {came}: logits (N, C) are needed")
    if bool(answers.isnan().any()) or bool(answers.isposinf().any()):
        raise ValueError("the teacher's logits hold NaN or +inf: there is nothing to learn from them")
    finite = answers[answers.isfinite()]
    if finite.numel() and float(finite.abs().max()) > torch.finfo(dtype).max:
        raise ValueError(
            f"the teacher's logits reach ±{float(finite.abs().max()):.4g}, {str(dtype).removeprefix('torch.')} ends at "
            f"{torch.finfo(dtype).max:g}: cache them as float32"
        )
