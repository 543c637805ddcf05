"""Colour glyphs have CIFAR-10's format, come from their seed alone, and cannot be told by a single brightness."""

import pytest
import torch

from kdtutor import data
from kdtutor.data.colour_glyphs import _away_from, colour_glyphs, draw


def test_pictures_have_the_format_of_cifar_10_and_every_digit_occurs():
    loaded = data.load("colour-glyphs", train=300, validation=200, test=250)
    assert loaded.classes == tuple("0123456789")
    assert (len(loaded.train), len(loaded.validation), len(loaded.test)) == (300, 200, 250)
    for part in (loaded.train, loaded.validation, loaded.test):
        assert part.x.shape == (len(part), 3, 32, 32)
        assert part.x.dtype == torch.float32
        assert 0 <= part.x.min() <= part.x.max() <= 1
        assert set(part.y.tolist()) == set(range(10))


def test_the_same_seed_draws_the_same_pictures_and_another_seed_others():
    first, again, other = (colour_glyphs(seed, train=20, validation=5, test=5) for seed in (3, 3, 4))
    assert torch.equal(first.train.x, again.train.x)
    assert torch.equal(first.test.y, again.test.y)
    assert not torch.equal(first.train.x, other.train.x)
    assert not torch.equal(first.train.x[:5], first.test.x)


def test_ink_lies_at_least_half_the_cube_from_the_middle_of_its_ground_and_within_the_cube():
    generator = torch.Generator().manual_seed(0)
    middle = torch.rand(500, 3, 1, 1, generator=generator)
    colour = _away_from(middle, torch.randn(500, 3, 1, 1, generator=generator))
    assert (colour - middle).norm(dim=1).min() >= 0.5 - 1e-6
    assert -1e-6 <= colour.min() <= colour.max() <= 1 + 1e-6


def test_ink_is_brighter_than_its_ground_about_as_often_as_darker():
    pictures = draw(400, torch.Generator().manual_seed(1)).x.mean(1)
    centre, edge = pictures[:, 12:20, 12:20].mean((1, 2)), pictures[:, 0].mean(1)
    assert 0.3 < (centre > edge).float().mean() < 0.7


def test_a_part_without_pictures_is_refused():
    with pytest.raises(ValueError, match="validation is 0"):
        colour_glyphs(validation=0)
