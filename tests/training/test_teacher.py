"""The teacher is trained once: read back afterwards, made again when its file is damaged, never mixed up."""

import pytest
import torch

from kdtutor import data
from kdtutor.measure import accuracy
from kdtutor.training import glyph_teacher, teacher


def test_the_teacher_is_read_back_bit_for_bit_and_is_good(teacher_cache, monkeypatch):
    def never(*arguments, **options):
        pytest.fail("the cached teacher was trained again")

    first = glyph_teacher(cache=teacher_cache)
    monkeypatch.setattr(teacher, "fit", never)
    again = glyph_teacher(cache=teacher_cache)
    for name, value in first.state_dict().items():
        assert torch.equal(value, again.state_dict()[name])
    assert not again.training
    assert accuracy(again, data.load("glyphs").test) > 0.93


@pytest.mark.parametrize("damage", [lambda raw: raw[: len(raw) // 2], lambda raw: b"", lambda raw: b"\xff" * len(raw)])
def test_a_damaged_file_is_made_again(teacher_cache, tmp_path, monkeypatch, damage):
    original = next(teacher_cache.glob("glyph_teacher_*.safetensors"))
    (tmp_path / original.name).write_bytes(damage(original.read_bytes()))
    trained = []
    monkeypatch.setattr(teacher, "fit", lambda model, *arguments, **options: trained.append(model.eval()))
    glyph_teacher(cache=tmp_path)
    assert len(trained) == 1


def test_another_seed_has_a_file_of_its_own(tmp_path, monkeypatch):
    monkeypatch.setattr(teacher, "fit", lambda model, *arguments, **options: model.eval())
    glyph_teacher(0, cache=tmp_path)
    glyph_teacher(1, cache=tmp_path)
    assert len(list(tmp_path.glob("*.safetensors"))) == 2
    assert not list(tmp_path.glob("*.tmp"))
