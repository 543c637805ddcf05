"""Figures: each a function from measured data to a matplotlib figure, drawn in one house style."""

from kdtutor.plots.glyphs import glyph_gallery
from kdtutor.plots.show import show
from kdtutor.plots.soft_targets import entropy_by_temperature, gradient_by_temperature, look_alikes, softened

__all__ = ["entropy_by_temperature", "glyph_gallery", "gradient_by_temperature", "look_alikes", "show", "softened"]
