"""Small files in the published formats, read by torchvision's own code. Only its lists of checksums are replaced by
those of the small files, so that its checks run as they do on the real ones."""

import gzip
import hashlib
import io
import pickle
import sys
import tarfile
import urllib.request
from urllib.error import URLError

import numpy as np
import pytest
import torch
from torchvision import datasets

from kdtutor.data import vision

CIFAR_CLASSES = {"CIFAR10": 10, "CIFAR100": 100}
READ = {
    "MNIST": vision.mnist,
    "FashionMNIST": vision.fashion_mnist,
    "CIFAR10": vision.cifar10,
    "CIFAR100": vision.cifar100,
}
rng = np.random.default_rng(0)


def md5(data: bytes) -> str:
    return hashlib.md5(data, usedforsecurity=False).hexdigest()


def idx(array: np.ndarray) -> bytes:
    """MNIST's format: two zeros, type 8 (bytes), number of axes, the axes big-endian, the bytes."""
    return bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape) + array.tobytes()


def mnist_files(train: int = 20, test: int = 5) -> dict[str, np.ndarray]:
    return {
        "train-images-idx3-ubyte": rng.integers(0, 256, (train, 28, 28), dtype=np.uint8),
        "train-labels-idx1-ubyte": rng.integers(0, 10, train, dtype=np.uint8),
        "t10k-images-idx3-ubyte": rng.integers(0, 256, (test, 28, 28), dtype=np.uint8),
        "t10k-labels-idx1-ubyte": rng.integers(0, 10, test, dtype=np.uint8),
    }


def put_mnist(root, name, arrays, monkeypatch, packed: bool):
    folder = root / name / "raw"
    folder.mkdir(parents=True)
    sums = []
    for file, array in arrays.items():
        archive = gzip.compress(idx(array))
        sums.append((f"{file}.gz", md5(archive)))
        if packed:
            (folder / f"{file}.gz").write_bytes(archive)
        else:
            (folder / file).write_bytes(idx(array))
    monkeypatch.setattr(getattr(datasets, name), "resources", sums)


def cifar_files(name: str, a_batch: int = 4) -> dict[str, dict]:
    reader, classes = getattr(datasets, name), CIFAR_CLASSES[name]
    label_key = "labels" if name == "CIFAR10" else "fine_labels"
    batches = {
        file: {
            "data": rng.integers(0, 256, (a_batch, 3072), dtype=np.uint8),
            label_key: rng.integers(0, classes, a_batch).tolist(),
        }
        for file, _ in reader.train_list + reader.test_list
    }
    return batches | {reader.meta["filename"]: {reader.meta["key"]: [f"class {c}" for c in range(classes)]}}


def put_cifar(root, name, contents, monkeypatch, packed: bool):
    reader = getattr(datasets, name)
    files = {file: pickle.dumps(content) for file, content in contents.items()}
    for listed in ("train_list", "test_list"):
        monkeypatch.setattr(reader, listed, [[file, md5(files[file])] for file, _ in getattr(reader, listed)])
    monkeypatch.setattr(reader, "meta", reader.meta | {"md5": md5(files[reader.meta["filename"]])})
    if packed:
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w:gz") as tar:
            for file, data in files.items():
                member = tarfile.TarInfo(f"{reader.base_folder}/{file}")
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
        monkeypatch.setattr(reader, "tgz_md5", md5(archive.getvalue()))
        (root / reader.filename).write_bytes(archive.getvalue())
    else:
        (root / reader.base_folder).mkdir()
        for file, data in files.items():
            (root / reader.base_folder / file).write_bytes(data)


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    """Every attempt to open an address fails as it does on a machine without a network."""

    def refuse(*_args, **_kwargs):
        raise URLError("no network in this test")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("name", ["MNIST", "FashionMNIST"])
def test_mnist_s_format_is_read_and_archives_are_unpacked_without_a_network(tmp_path, monkeypatch, name, packed):
    arrays = mnist_files()
    put_mnist(tmp_path, name, arrays, monkeypatch, packed)
    data = READ[name](tmp_path, download=packed)
    images = torch.from_numpy(arrays["train-images-idx3-ubyte"])[:, None].float() / 255
    assert torch.equal(torch.cat([data.train.x, data.validation.x]), images)
    assert torch.cat([data.train.y, data.validation.y]).tolist() == arrays["train-labels-idx1-ubyte"].tolist()
    assert (len(data.train), len(data.validation), tuple(data.test.x.shape)) == (18, 2, (5, 1, 28, 28))
    assert data.test.y.tolist() == arrays["t10k-labels-idx1-ubyte"].tolist()
    assert (len(data.classes), data.train.y.dtype, data.train.x.dtype) == (10, torch.int64, torch.float32)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("name", ["CIFAR10", "CIFAR100"])
def test_cifar_s_format_is_read_and_archives_are_unpacked_without_a_network(tmp_path, monkeypatch, name, packed):
    contents = cifar_files(name)
    put_cifar(tmp_path, name, contents, monkeypatch, packed)
    data = READ[name](tmp_path, download=packed)
    reader = getattr(datasets, name)
    rows = np.concatenate([contents[file]["data"] for file, _ in reader.train_list])
    # a row of the file is the red plane, then green, then blue
    wanted = torch.from_numpy(rows.reshape(-1, 3, 32, 32)).float() / 255
    assert torch.equal(torch.cat([data.train.x, data.validation.x]), wanted)
    last = contents[reader.test_list[0][0]]
    assert data.test.y.tolist() == last.get("labels", last.get("fine_labels"))
    assert len(data.classes) == CIFAR_CLASSES[name]
    assert data.name == {"CIFAR10": "cifar10", "CIFAR100": "cifar100"}[name]


def test_the_stored_bytes_or_half_precision_can_be_asked_for(tmp_path, monkeypatch):
    arrays = mnist_files()
    put_mnist(tmp_path, "MNIST", arrays, monkeypatch, packed=False)
    stored = vision.mnist(tmp_path, dtype=torch.uint8).test.x
    assert torch.equal(stored[:, 0], torch.from_numpy(arrays["t10k-images-idx3-ubyte"]))
    half = vision.mnist(tmp_path, dtype=torch.float16).test.x
    torch.testing.assert_close(half.float(), stored / 255, rtol=1e-3, atol=1e-6)
    with pytest.raises(ValueError, match=r"dtype is torch\.int32"):
        vision.mnist(tmp_path, dtype=torch.int32)


@pytest.mark.parametrize("name", READ)
def test_without_files_the_error_says_how_to_get_them_and_what_to_use_instead(tmp_path, name):
    with pytest.raises(FileNotFoundError, match=r"download=True\) once.*load\('glyphs'\)") as refused:
        READ[name](tmp_path)
    assert str(tmp_path) in str(refused.value)
    archive = {"CIFAR10": "cifar-10-python.tar.gz", "CIFAR100": "cifar-100-python.tar.gz"}
    assert archive.get(name, "t10k-labels-idx1-ubyte.gz") in str(refused.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", READ)
def test_a_download_that_fails_says_so_and_substitutes_nothing(tmp_path, name):
    with pytest.raises(ConnectionError, match=r"could not be downloaded.*checks and unpacks without a network"):
        READ[name](tmp_path, download=True)


def test_files_are_looked_for_in_the_cache_of_this_user_or_the_folder_that_the_environment_names(tmp_path, monkeypatch):
    monkeypatch.setattr("platformdirs.user_cache_path", lambda app: tmp_path / app)
    monkeypatch.delenv("KDTUTOR_CACHE", raising=False)
    with pytest.raises(FileNotFoundError) as refused:
        vision.cifar10()
    assert str(tmp_path / "kdtutor" / "vision") in str(refused.value)
    monkeypatch.setenv("KDTUTOR_CACHE", str(tmp_path / "elsewhere"))
    with pytest.raises(FileNotFoundError) as refused:
        vision.cifar10()
    assert str(tmp_path / "elsewhere" / "vision") in str(refused.value)


@pytest.mark.parametrize("name", ["CIFAR10", "CIFAR100"])
def test_a_cifar_file_with_another_checksum_is_refused_before_it_is_unpickled(tmp_path, monkeypatch, name):
    put_cifar(tmp_path, name, cifar_files(name), monkeypatch, packed=False)
    reader = getattr(datasets, name)
    (tmp_path / reader.base_folder / reader.test_list[0][0]).write_bytes(b"cos\nsystem\n(S'false'\ntR.")
    monkeypatch.setattr(pickle, "load", lambda *_args, **_kwargs: pytest.fail("unpickled a file nobody vouched for"))
    with pytest.raises(ValueError, match=r"are damaged .*delete that folder, then call"):
        READ[name](tmp_path)


@pytest.mark.parametrize("damage", [lambda data: data[:-100], lambda data: b"", lambda data: b"\xff" * 40])
def test_a_damaged_mnist_file_is_refused(tmp_path, monkeypatch, damage):
    put_mnist(tmp_path, "MNIST", mnist_files(), monkeypatch, packed=False)
    file = tmp_path / "MNIST" / "raw" / "train-images-idx3-ubyte"
    file.write_bytes(damage(file.read_bytes()))
    with pytest.raises(ValueError, match=r"the files of MNIST in .* are damaged"):
        vision.mnist(tmp_path)


def test_pictures_without_labels_are_refused(tmp_path, monkeypatch):
    arrays = mnist_files()
    arrays["train-labels-idx1-ubyte"] = arrays["train-labels-idx1-ubyte"][:-3]
    put_mnist(tmp_path, "MNIST", arrays, monkeypatch, packed=False)
    with pytest.raises(ValueError, match="20 pictures and 17 labels"):
        vision.mnist(tmp_path)


def test_without_torchvision_the_error_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torchvision", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'kdtutor\[vision\]'.*load\('glyphs'\)"):
        vision.mnist(tmp_path)
