"""What Voila is handed to show the explorers' page: a notebook of one cell, its template, its arguments."""

from pathlib import Path

JUPYTER_PATH = Path(__file__).parent / "projector"  # where Voila finds the template
TEMPLATE = "kdtutor"
NEXT_KERNEL = 10  # seconds after which the next page's kernel is started: the first page comes first


def write_notebook(folder: Path, *, ask: bool = True) -> Path:
    """Write the notebook that Voila serves, one cell, and return its path. It is made anew at every start."""
    import nbformat

    cell = nbformat.v4.new_code_cell(f"from kdtutor.demos.page import open_page\n\nopen_page(ask={ask})", id="page")
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook = nbformat.v4.new_notebook(cells=[cell], metadata={"title": "kdtutor explorers", "kernelspec": kernel})
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "explorers.ipynb"
    nbformat.write(notebook, path)
    return path


def voila_arguments(notebook: Path) -> list[str]:
    """What Voila is told: our template, a kernel that is started and run before anybody asks, widgets and no more."""
    return [
        str(notebook),
        f"--template={TEMPLATE}",
        "--preheat_kernel=True",
        "--pool_size=1",
        f"--VoilaKernelManager.fill_delay={NEXT_KERNEL}",
        "--VoilaConfiguration.extension_allowlist=anywidget",
        "--VoilaConfiguration.extension_allowlist=@voila-dashboards/widgets-manager8",
        "--VoilaConfiguration.extension_allowlist=@jupyter-widgets/jupyterlab-manager",
    ]
