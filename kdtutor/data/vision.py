"""MNIST, Fashion-MNIST, CIFAR-10 and CIFAR-100, read by torchvision from files that somebody has to fetch once.

Nothing here replaces a data set that is not there. Nothing is downloaded unless asked: `cifar10(download=True)`, once,
where there is a network; without one, carry the archives to the folder that the error names and ask in the same way,
then they are checked and unpacked where they lie. The files belong to their authors, whose terms apply.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.error import URLError

import numpy as np
import torch
from torch import Tensor

from kdtutor.data.cache_folder import cache_folder
from kdtutor.data.dataset import Dataset, Split

VALIDATION_SHARE = 10  # every data set gives the last tenth of its training images


def mnist(root: str | Path | None = None, *, download: bool = False, dtype: torch.dtype = torch.float32) -> Dataset:
    """MNIST: handwritten digits, 54,000 training, 6,000 validation, 10,000 test pictures, x (N, 1, 28, 28).

    Validation is the last tenth of the published training set. root: the folder of the files, this user's cache folder
    if None. dtype: a floating type gives intensities in [0, 1], torch.uint8 the stored bytes. y: (N,) int64.
    Raises ModuleNotFoundError without torchvision, FileNotFoundError where the files are not there, ValueError where
    they are damaged, ConnectionError where a download fails; each says what to do.
    Source: LeCun, Bottou, Bengio, Haffner, "Gradient-Based Learning Applied to Document Recognition", 1998.
    """
    return _read("MNIST", "mnist", root, download, dtype)


def fashion_mnist(
    root: str | Path | None = None, *, download: bool = False, dtype: torch.dtype = torch.float32
) -> Dataset:
    """Fashion-MNIST: ten kinds of clothing in MNIST's format, sizes and splits. Arguments and errors as `mnist`.

    Source: Xiao, Rasul, Vollgraf, "Fashion-MNIST: a Novel Image Dataset for Benchmarking Machine Learning Algorithms",
    2017.
    """
    return _read("FashionMNIST", "fashion_mnist", root, download, dtype)


def cifar10(root: str | Path | None = None, *, download: bool = False, dtype: torch.dtype = torch.float32) -> Dataset:
    """CIFAR-10: 45,000 training, 5,000 validation, 10,000 test pictures, x (N, 3, 32, 32). Otherwise as `mnist`.

    In float32 the pictures take 737 MB, as torch.uint8 184 MB.
    Source: Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", section 3, 2009.
    """
    return _read("CIFAR10", "cifar10", root, download, dtype)


def cifar100(root: str | Path | None = None, *, download: bool = False, dtype: torch.dtype = torch.float32) -> Dataset:
    """CIFAR-100: a hundred classes in CIFAR-10's format, sizes and splits. Arguments and errors as `mnist`.

    Source: Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", section 3, 2009.
    """
    return _read("CIFAR100", "cifar100", root, download, dtype)


def _read(published: str, function: str, root: str | Path | None, download: bool, dtype: torch.dtype) -> Dataset:
    if dtype != torch.uint8 and not dtype.is_floating_point:
        raise ValueError(f"dtype is {dtype}: torch.uint8 or a floating type is needed")
    reader = _torchvision_reader(published)
    folder = Path(root) if root is not None else cache_folder() / "vision"
    train = _part(reader, folder, True, download, function)
    test = _part(reader, folder, False, False, function)
    cut = len(train.data) - len(train.data) // VALIDATION_SHARE
    x, y = _pictures(train.data, dtype), _labels(train)
    tested = Split(_pictures(test.data, dtype), _labels(test))
    return Dataset(
        function.replace("_", "-"), tuple(train.classes), Split(x[:cut], y[:cut]), Split(x[cut:], y[cut:]), tested
    )


def _torchvision_reader(published: str) -> Callable[..., Any]:
    try:
        from torchvision import datasets
    except ModuleNotFoundError as missing:
        raise ModuleNotFoundError(
            f"{published} is read by torchvision, which is not installed: `pip install 'kdtutor[vision]'` adds it; "
            "load('glyphs') and load('digits') need neither torchvision nor a network"
        ) from missing
    return getattr(datasets, published)


def _part(reader: Callable[..., Any], folder: Path, training: bool, download: bool, function: str) -> Any:
    """One half as torchvision reads it, with its failures in words that say what to do."""
    files, archives = _where(reader, folder)
    by_hand = f"or put {archives} and call it then, which checks and unpacks without a network"
    once = f"call kdtutor.data.vision.{function}(download=True) once where there is a network, {by_hand}"
    try:
        return reader(folder, train=training, download=download)
    except (URLError, ConnectionError, TimeoutError) as failure:
        raise ConnectionError(
            f"{reader.__name__} could not be downloaded ({failure}): {once}; load('glyphs') needs no network"
        ) from failure
    except (RuntimeError, AssertionError, ValueError, EOFError, OSError) as failure:
        if download and "Error downloading" in str(failure):
            raise ConnectionError(
                f"{reader.__name__} could not be downloaded: {once}; load('glyphs') needs no network"
            ) from failure
        if not all(file.is_file() for file in files):
            raise FileNotFoundError(
                f"{reader.__name__} is not in {files[0].parent}: {once}; load('glyphs') needs neither"
            ) from failure
        raise ValueError(
            f"the files of {reader.__name__} in {files[0].parent} are damaged ({failure or type(failure).__name__}): "
            f"delete that folder, then {once}"
        ) from failure


def _where(reader: Any, folder: Path) -> tuple[list[Path], str]:
    """The files that torchvision opens, and which archives to put where by hand."""
    if hasattr(reader, "resources"):
        inside = folder / reader.__name__ / "raw"
        files = [inside / Path(name).stem for name, _ in reader.resources]
        return files, f"{', '.join(name for name, _ in reader.resources)} into {inside}"
    listed = [name for name, _ in reader.train_list + reader.test_list] + [reader.meta["filename"]]
    return [folder / reader.base_folder / name for name in listed], f"{reader.filename} into {folder}"


def _pictures(data: Any, dtype: torch.dtype) -> Tensor:
    """(N, channels, height, width) from MNIST's (N, 28, 28) tensor or CIFAR's (N, 32, 32, 3) array of bytes."""
    stored = torch.from_numpy(np.ascontiguousarray(data))
    bytes_ = stored.unsqueeze(1) if stored.ndim == 3 else stored.permute(0, 3, 1, 2).contiguous()
    return bytes_ if dtype == torch.uint8 else bytes_.to(dtype).div_(255)


def _labels(part: Any) -> Tensor:
    y = torch.as_tensor(part.targets, dtype=torch.int64)
    if len(y) != len(part.data) or (len(y) and not 0 <= int(y.min()) <= int(y.max()) < len(part.classes)):
        raise ValueError(
            f"the files of {type(part).__name__} hold {len(part.data)} pictures and {len(y)} labels "
            f"from {int(y.min())} to {int(y.max())} for {len(part.classes)} classes: they are damaged, fetch them again"
        )
    return y
