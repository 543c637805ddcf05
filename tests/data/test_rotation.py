"""A turned picture: quarter turns are exact, turns add up, a half-turn of a rectangle keeps its shape."""

import pytest
import torch

from kdtutor.data.rotation import rotated

PICTURES = torch.rand(4, 2, 8, 8, generator=torch.Generator().manual_seed(0))


def test_a_quarter_turn_is_torch_s_own_and_no_turn_changes_nothing():
    for quarters in range(4):
        wanted = torch.rot90(PICTURES, quarters, (2, 3))
        torch.testing.assert_close(rotated(PICTURES, 90.0 * quarters), wanted, atol=1e-5, rtol=0)


def test_each_picture_may_have_its_own_angle():
    angles = torch.tensor([0.0, 30.0, 90.0, -45.0])
    wanted = torch.cat([rotated(PICTURES[i : i + 1], float(angle)) for i, angle in enumerate(angles)])
    torch.testing.assert_close(rotated(PICTURES, angles), wanted)


def test_a_rectangle_is_turned_rigidly():
    """A dot right of the centre moves above it by the same number of pixels, whatever the sides."""
    picture = torch.zeros(1, 1, 9, 15)
    picture[0, 0, 4, 10] = 1.0
    turned = rotated(picture, 90.0)[0, 0]
    assert divmod(int(turned.argmax()), 15) == (1, 7)


def test_dtype_is_kept_and_what_does_not_fit_is_refused():
    assert rotated(PICTURES.double(), 10.0).dtype == torch.float64
    with pytest.raises(ValueError, match=r"\(N, C, H, W\)"):
        rotated(PICTURES[0], 10.0)
    with pytest.raises(ValueError, match="one number, or"):
        rotated(PICTURES, torch.zeros(3))
