"""The embedded data: the same for the same seed, of the shapes promised, and refused by wrong names."""

import pytest
import torch

from kdtutor import data
from kdtutor.data.dataset import Split
from kdtutor.data.glyphs import CHARACTERS, TYPEFACES, _drawings, glyphs


@pytest.mark.parametrize(("name", "size", "classes"), [("glyphs", 16, 36), ("digits", 8, 10)])
def test_a_data_set_has_three_parts_of_pictures_between_zero_and_one(name, size, classes):
    loaded = data.load(name)
    assert len(loaded.classes) == classes
    for part in (loaded.train, loaded.validation, loaded.test):
        assert part.x.shape == (len(part), 1, size, size)
        assert part.x.dtype == torch.float32
        assert 0 <= part.x.min() <= part.x.max() <= 1
        assert part.y.dtype == torch.int64
        assert set(part.y.tolist()) == set(range(classes))


def test_the_same_seed_draws_the_same_glyphs_and_another_seed_others():
    first, again, other = glyphs(3), glyphs(3), glyphs(4)
    assert torch.equal(first.train.x, again.train.x)
    assert torch.equal(first.test.y, again.test.y)
    assert not torch.equal(first.train.x, other.train.x)


def test_drawing_glyphs_leaves_the_global_generator_alone():
    before = torch.random.get_rng_state()
    glyphs(1)
    assert torch.equal(before, torch.random.get_rng_state())


def test_every_character_has_ink_in_every_typeface_and_no_two_drawings_of_one_typeface_agree():
    drawings = _drawings()
    assert drawings.shape[:2] == (len(CHARACTERS), len(TYPEFACES))
    assert (drawings.flatten(2).sum(-1) > 20).all()
    for typeface in drawings.unbind(1):
        assert len({tuple(picture.flatten().tolist()) for picture in typeface}) == len(CHARACTERS)


def test_no_picture_of_the_test_part_stands_in_the_training_part():
    loaded = data.load("digits")
    seen = {picture.numpy().tobytes() for picture in loaded.train.x}
    assert sum(picture.numpy().tobytes() in seen for picture in loaded.test.x) == 0


def test_an_unknown_name_is_refused_with_the_names_there_are():
    with pytest.raises(ValueError, match=r"no data set 'glyph'.*'glyphs'"):
        data.load("glyph")


def test_inputs_and_labels_of_different_length_are_refused():
    with pytest.raises(ValueError, match="x holds 2 samples, y 3"):
        Split(torch.zeros(2, 1), torch.zeros(3, dtype=torch.int64))
