"""Showing a figure with its description, for those who cannot see it."""

import html
import io

import matplotlib.pyplot as plt
from matplotlib.figure import Figure


def show(figure: Figure, alt: str) -> None:
    """Display the figure in a notebook with an alternative text, then close it.

    The text travels as the picture's `alt` in exported pages and stands under it, folded, in JupyterLab.
    Raises ValueError for an empty alternative text.
    """
    if not alt.strip():
        raise ValueError("alt is empty: say in a sentence or two what the figure shows")
    from IPython.display import HTML, display

    picture = io.BytesIO()
    figure.savefig(picture, format="png", metadata={"Software": None})
    plt.close(figure)
    display({"image/png": picture.getvalue(), "text/plain": alt}, metadata={"image/png": {"alt": alt}}, raw=True)
    display(HTML(f"<details><summary>The figure in words</summary>{html.escape(alt)}</details>"))
