"""What is seen: a figure with its alternative text, and its PNG, quickly: no layout engine, light compression."""

import base64
import io
import zlib
from dataclasses import dataclass

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from kdtutor.plots.style import Theme, house_style

DOTS_PER_INCH = 100


@dataclass(frozen=True)
class Picture:
    """One panel of what is seen, at most 4.6 inches wide so that it fits a phone, with its alternative text."""

    figure: Figure
    alt: str


def pixels(figure: Figure, theme: Theme = "light", scale: float = 1.0) -> Image.Image:
    """The figure at 100 · scale dots per inch, drawn without matplotlib's global state.

    theme: the one that the figure was made in; matplotlib makes ticks only now, and colours them as it finds them.
    """
    figure.set_dpi(DOTS_PER_INCH * scale)
    canvas = FigureCanvasAgg(figure)
    with house_style(theme):
        canvas.draw()
    buffer = canvas.buffer_rgba()
    return Image.frombuffer("RGBA", (buffer.shape[1], buffer.shape[0]), buffer).convert("RGB")


def png(figure: Figure, theme: Theme = "light", scale: float = 1.0) -> bytes:
    """The figure's PNG, see `pixels`."""
    return encoded(pixels(figure, theme, scale))


def encoded(picture: Image.Image) -> bytes:
    """PNG bytes, compressed by run lengths alone: quicker than usual, and hardly larger where colours are flat."""
    file = io.BytesIO()
    picture.save(file, format="png", compress_type=zlib.Z_RLE)
    return file.getvalue()


def data_uri(picture: bytes) -> str:
    """A PNG as an address that an <img> can show without asking anybody."""
    return "data:image/png;base64," + base64.b64encode(picture).decode()
