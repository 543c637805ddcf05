"""Views: every numbered view is the picture that its number says, drawn and described the same way each time."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from kdtutor.distill.views import Views, shifts, unchanged
from tests.distill.small_teacher import images


@given(st.integers(0, 3), st.integers(1, 4), st.integers(1, 5), st.integers(1, 5), st.integers(0, 999))
def test_a_shift_moves_every_pixel_by_the_amounts_its_number_says(radius, count, height, width, seed):
    generator = torch.Generator().manual_seed(seed)
    picture = torch.rand(count, 2, height, width, generator=generator)
    views = shifts(radius, fill=-1.0)
    assert views.count == (2 * radius + 1) ** 2
    index = torch.randint(views.count, (count,), generator=generator)
    moved = views.view(picture, index)
    for n, v in enumerate(index.tolist()):
        down, right = v // (2 * radius + 1) - radius, v % (2 * radius + 1) - radius
        for y in range(height):
            for x in range(width):
                inside = 0 <= y - down < height and 0 <= x - right < width
                for c in range(2):
                    expected = picture[n, c, y - down, x - right] if inside else -1.0
                    assert moved[n, c, y, x] == expected


def test_shifts_of_two_pixels_are_twenty_five_different_views_and_the_middle_one_moves_nothing(device):
    views, picture = shifts(2), images(1).to(device)
    every = torch.cat([views.view(picture, v) for v in range(views.count)])
    assert len(torch.unique(every, dim=0)) == views.count == 25
    assert torch.equal(every[12], picture[0])
    assert every.device.type == device.type


def test_pictures_without_channels_and_integers_are_shifted_too():
    picture = (255 * images(3)).to(torch.uint8)
    index = torch.tensor([0, 7, 24])
    moved = shifts(2).view(picture, index)
    assert moved.dtype == torch.uint8
    assert torch.equal(shifts(2).view(picture[:, 0], index), moved[:, 0])


def test_views_are_drawn_by_their_generator_and_described_the_same_way_each_time():
    drawn = [shifts(1).draw(200, torch.Generator().manual_seed(3)) for _ in range(2)]
    assert torch.equal(*drawn)
    assert sorted(set(drawn[0].tolist())) == list(range(9))
    assert shifts(1).describe() == shifts(1).describe()
    assert len({v.describe() for v in (shifts(1), shifts(2), shifts(1, fill=1.0), unchanged())}) == 4


REFUSED = [
    (lambda: shifts(-1), ValueError, "radius is -1"),
    (lambda: shifts(1.5), TypeError, "radius is 1.5"),
    (lambda: shifts(1).view(torch.zeros(2, 3), 0), ValueError, r"images has shape \(2, 3\)"),
    (lambda: shifts(1).view(torch.zeros(2, 3, 3), 9), ValueError, "view_index ranges from 9 to 9: with 9 views"),
    (lambda: shifts(1).view(torch.zeros(2, 3, 3), torch.tensor([1])), ValueError, r"view_index has shape \(1,\)"),
    (lambda: Views("none", 0, lambda x, v: x), ValueError, "count is 0"),
]


@pytest.mark.parametrize(("call", "error", "words"), REFUSED)
def test_bad_input_is_refused_in_words_that_name_the_argument(call, error, words):
    with pytest.raises(error, match=words):
        call()
