"""Cached against live logits for every sample and view; every wrong or broken file is refused with the reason."""

import json
import struct

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from kdtutor.distill.fingerprint import weights_fingerprint
from kdtutor.distill.teacher_cache import cache_logits, load_logit_cache, save_logit_cache
from kdtutor.distill.teachers import teacher_logits
from kdtutor.distill.views import shifts
from tests.distill.small_teacher import images, network


# Making and looking up
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_every_sample_and_view_gives_the_live_teacher_s_logits_within_the_storage_s_rounding(dtype, device):
    teacher, x, views = network().to(device), images().to(device), shifts(2)
    cache = cache_logits(teacher, x, views, batch_size=3, dtype=dtype)
    assert cache.logits.device.type == device.type
    assert cache.logits.dtype == dtype
    assert cache.nbytes == 7 * 25 * 5 * dtype.itemsize
    sample = torch.arange(7, device=device).repeat(25)
    view = torch.arange(25, device=device).repeat_interleave(7)
    shuffle = torch.randperm(175, device=device)
    sample, view = sample[shuffle], view[shuffle]
    live = teacher_logits(teacher, views.view(x[sample], view))
    looked_up = cache.lookup(sample, view)
    assert looked_up.dtype == torch.float32
    tolerance = max(torch.finfo(dtype).eps, 1e-5)
    torch.testing.assert_close(looked_up, live, rtol=tolerance, atol=tolerance)
    assert not looked_up.requires_grad


def test_without_views_the_sample_s_number_is_the_whole_key():
    teacher, x = network(), images()
    cache = cache_logits(teacher, x, dtype=torch.float32)
    chosen = torch.tensor([4, 0, 4])
    torch.testing.assert_close(cache.lookup(chosen), teacher_logits(teacher, x)[chosen])
    assert torch.equal(cache.lookup(chosen), cache.lookup(chosen, torch.zeros(3, dtype=torch.long)))


def test_indices_of_bytes_are_numbers_and_no_masks():
    x, views = images(), shifts(2)
    cache = cache_logits(network(), x, views)
    sample, view = torch.tensor([1, 0, 6]), torch.tensor([1, 24, 0])
    assert torch.equal(cache.lookup(sample.to(torch.uint8), view.to(torch.uint8)), cache.lookup(sample, view))
    assert torch.equal(views.view(x[:3], view.to(torch.uint8)), views.view(x[:3], view))


def test_the_teacher_is_asked_at_rest_and_left_as_it_was():
    teacher = network()
    teacher[1].eval()
    modes, before = [m.training for m in teacher.modules()], weights_fingerprint(teacher)
    cache_logits(teacher, images(), shifts(1))
    assert [m.training for m in teacher.modules()] == modes
    assert weights_fingerprint(teacher) == before


def test_infinitely_unlikely_classes_are_kept_and_logits_beyond_half_precision_refused():
    class Fixed(nn.Module):
        def __init__(self, *row: float) -> None:
            super().__init__()
            self.row = torch.tensor([row])

        def forward(self, x):
            return self.row.expand(len(x), -1)

    x = torch.zeros(2, 1)
    cache = cache_logits(Fixed(1e4, -1e4, -torch.inf), x)
    assert cache.lookup(torch.tensor([1])).tolist() == [[1e4, -1e4, -torch.inf]]
    with pytest.raises(ValueError, match=r"reach ±7e\+04, float16 ends at 65504: cache them as float32"):
        cache_logits(Fixed(7e4, 0.0), x)
    assert cache_logits(Fixed(7e4, 0.0), x, dtype=torch.float32).lookup(torch.tensor([0]))[0, 0] == 7e4
    for bad in (torch.nan, torch.inf):
        with pytest.raises(ValueError, match=r"NaN or \+inf"):
            cache_logits(Fixed(bad, 0.0), x)


# On disk
@pytest.fixture
def saved(tmp_path):
    teacher, x, views = network(), images(), shifts(1)
    cache = cache_logits(teacher, x, views)
    path = tmp_path / "deep" / "logits.safetensors"
    save_logit_cache(cache, path)
    return teacher, x, views, cache, path


@pytest.mark.parametrize("memory_mapped", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_a_saved_cache_comes_back_bit_for_bit(tmp_path, dtype, memory_mapped):
    teacher, x, views = network(), images(), shifts(1)
    cache = cache_logits(teacher, x, views, dtype=dtype)
    save_logit_cache(cache, tmp_path / "c")
    loaded = load_logit_cache(tmp_path / "c", teacher, x, views, memory_mapped=memory_mapped)
    assert loaded.logits.dtype == dtype
    assert torch.equal(loaded.logits, cache.logits)
    assert (loaded.teacher, loaded.samples, loaded.views) == (cache.teacher, cache.samples, cache.views)
    assert [f.name for f in tmp_path.iterdir()] == ["c"]


def test_another_teacher_data_set_order_or_augmentation_is_refused_by_name(saved):
    teacher, x, views, _, path = saved
    refusals = [
        ((network(1), x, views), "another teacher"),
        ((teacher, images(7, 1), views), "another data set"),
        ((teacher, x.flip(0), views), "same in another order"),
        ((teacher, x[:6], views), "another data set"),
        ((teacher, x, shifts(2)), 'made for the views .*"radius": 1.* asked for are .*"radius": 2'),
        ((teacher, x, shifts(1, fill=0.5)), "asked for are"),
        ((teacher, x, None), "unchanged"),
    ]
    for arguments, words in refusals:
        with pytest.raises(ValueError, match=words):
            load_logit_cache(path, *arguments)


def test_a_teacher_whose_batch_norm_moved_is_another_teacher(saved):
    teacher, x, views, _, path = saved
    teacher(x)
    with pytest.raises(ValueError, match="another teacher"):
        load_logit_cache(path, teacher, x, views)


def test_a_file_cut_anywhere_is_refused_with_the_reason(saved):
    teacher, x, views, _, path = saved
    whole = path.read_bytes()
    for length in (0, 1, 7, 8, 9, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match=r"damaged or truncated: .+ Make the cache again"):
            load_logit_cache(path, teacher, x, views)


def test_no_single_changed_byte_is_ever_decoded(saved):
    teacher, x, views, cache, path = saved
    whole = path.read_bytes()
    header_length = struct.unpack("<Q", whole[:8])[0] + 8
    for position in [*range(header_length), *range(header_length, len(whole), 97), len(whole) - 1]:
        broken = bytearray(whole)
        broken[position] ^= 0x01
        path.write_bytes(bytes(broken))
        try:
            loaded = load_logit_cache(path, teacher, x, views)
        except ValueError:
            continue
        # A changed space or unused key leaves the meaning alone: then nothing else may have changed.
        assert torch.equal(loaded.logits, cache.logits)
        assert position < header_length


def test_a_changed_payload_is_named_as_damage(saved):
    teacher, x, views, _, path = saved
    broken = bytearray(path.read_bytes())
    broken[-3] ^= 0x10
    path.write_bytes(bytes(broken))
    for memory_mapped in (False, True):
        with pytest.raises(ValueError, match="is damaged: its content does not match its checksum"):
            load_logit_cache(path, teacher, x, views, memory_mapped=memory_mapped)


def test_other_files_and_versions_are_told_apart(saved):
    teacher, x, views, _, path = saved
    save_file({"logits": torch.zeros(7, 9, 5)}, path)
    with pytest.raises(ValueError, match="no teacher cache"):
        load_logit_cache(path, teacher, x, views)
    save_file({"logits": torch.zeros(7, 9, 5)}, path, metadata={"kind": "kdtutor teacher cache", "version": "99"})
    with pytest.raises(ValueError, match="has format version 99, this code reads 1"):
        load_logit_cache(path, teacher, x, views)
    save_file({"logits": torch.zeros(7, 9, 5)}, path, metadata={"kind": "kdtutor teacher cache", "version": "1"})
    with pytest.raises(ValueError, match="damaged or truncated: 'teacher'"):
        load_logit_cache(path, teacher, x, views)
    path.unlink()
    with pytest.raises(FileNotFoundError, match="make the cache with cache_logits"):
        load_logit_cache(path, teacher, x, views)


def test_a_failed_save_leaves_the_old_file_and_no_trace(saved, monkeypatch):
    *_, cache, path = saved
    before = path.read_bytes()

    def full_disk(*_args, **_kwargs):
        raise OSError("no space left on device")

    monkeypatch.setattr("kdtutor.distill.teacher_cache.os.fsync", full_disk)
    with pytest.raises(OSError, match="no space"):
        save_logit_cache(cache, path)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_saving_over_a_file_in_use_does_not_disturb_its_reader(saved):
    teacher, x, views, cache, path = saved
    mapped = load_logit_cache(path, teacher, x, views, memory_mapped=True)
    save_logit_cache(cache_logits(network(1), x, views), path)
    assert torch.equal(mapped.logits, cache.logits)


def test_the_header_says_what_the_file_is(saved):
    path = saved[-1]
    raw = path.read_bytes()
    header = json.loads(raw[8 : 8 + struct.unpack("<Q", raw[:8])[0]])["__metadata__"]
    assert header["kind"] == "kdtutor teacher cache"
    assert json.loads(header["views"]) == {"name": "shifts", "count": 9, "parameters": {"fill": 0.0, "radius": 1}}


cached = cache_logits(nn.Linear(2, 3), torch.zeros(4, 2))
one, two = torch.tensor([1]), torch.tensor([0, 1])
plain = nn.Linear(2, 3)
REFUSED = [
    (
        lambda: cached.lookup(torch.tensor([4])),
        ValueError,
        "sample_index ranges from 4 to 4: with 4 samples it needs 0",
    ),
    (lambda: cached.lookup(torch.tensor([-1])), ValueError, "sample_index ranges from -1"),
    (lambda: cached.lookup(one.float()), TypeError, "sample_index is float32"),
    (lambda: cached.lookup([1]), TypeError, "sample_index is list"),
    (lambda: cached.lookup(one, one), ValueError, "view_index ranges from 1 to 1: with 1 views"),
    (lambda: cached.lookup(one, 1), ValueError, "view_index is 1: with 1 views"),
    (lambda: cached.lookup(one, two * 0), ValueError, r"view_index has shape \(2,\), sample_index \(1,\)"),
    (lambda: cache_logits("net", torch.zeros(2, 2)), TypeError, "teacher is a str"),
    (lambda: cache_logits(plain, [[0.0]]), TypeError, "samples is a list"),
    (lambda: cache_logits(plain, torch.zeros(0, 2)), ValueError, r"samples has shape \(0, 2\)"),
    (lambda: cache_logits(plain, torch.zeros(2, 2), dtype=torch.int8), ValueError, "dtype is torch.int8"),
    (lambda: cache_logits(plain, torch.zeros(2, 2), batch_size=0), ValueError, "batch_size is 0"),
    (lambda: cache_logits(nn.Flatten(0), torch.zeros(2, 2)), ValueError, r"answered 2 samples with shape \(4,\)"),
]


@pytest.mark.parametrize(("call", "error", "words"), REFUSED)
def test_bad_input_is_refused_in_words_that_name_the_argument(call, error, words):
    with pytest.raises(error, match=words):
        call()
