"""Binder gets the versions that are tested, a CPU build of torch, and a postBuild that runs."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
OTHER_NAMES = {"pytorch-cpu": "torch", "matplotlib-base": "matplotlib"}
NOT_A_PIN = {"python", "pip"}
# Learners on Binder neither test, nor grade on a cluster, nor load torchvision's data sets, nor present to a class, nor
# make the web site, and 2 GB is tight.
LEFT_OUT = {
    "torchvision",
    "distributed",
    "dask",
    "pytest",
    "pytest-timeout",
    "pytest-xdist",
    "hypothesis",
    "nbval",
    "playwright",
    "axe-playwright-python",
    "codespell",
    "voila",
    "sphinx",
    "myst-nb",
    "furo",
    "sphinx-mathjax-offline",
    "sphinx-revealjs",
    "ruff",
    "mypy",
    "import-linter",
}


def requirement_pins() -> dict[str, str]:
    return dict(re.findall(r"^([\w.-]+)==([\w.+]+)", (ROOT / "requirements.txt").read_text(), re.MULTILINE))


def binder_pins() -> dict[str, str]:
    pins = dict(re.findall(r"^  - ([\w-]+)=([\w.]+)$", (ROOT / "binder" / "environment.yml").read_text(), re.MULTILINE))
    return {OTHER_NAMES.get(name, name): version for name, version in pins.items() if name not in NOT_A_PIN}


def test_binder_has_every_tested_package_that_a_learner_needs_at_the_tested_version():
    wanted = {name: version for name, version in requirement_pins().items() if name not in LEFT_OUT}
    assert binder_pins() == wanted


def test_binder_s_torch_is_the_build_without_cuda():
    text = (ROOT / "binder" / "environment.yml").read_text()
    assert "- pytorch-cpu=" in text
    assert "- pytorch=" not in text


@pytest.mark.slow
def test_post_build_installs_the_course_and_leaves_the_teacher_and_the_explorers_networks_behind(tmp_path):
    checkout = tmp_path / "checkout"
    shutil.copytree(
        ROOT, checkout, ignore=shutil.ignore_patterns(".venv", ".git", "artifacts", "grading", ".*_cache", "*.egg-info")
    )
    environment = tmp_path / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True)
    site = Path(sysconfig.get_path("purelib", vars={"base": str(environment)}))
    (site / "packages.pth").write_text(sysconfig.get_path("purelib"))
    settings = {
        "PATH": f"{environment / 'bin'}{os.pathsep}{os.defpath}",
        "HOME": str(tmp_path),
        "KDTUTOR_CACHE": str(tmp_path / "cache"),
        "TQDM_DISABLE": "1",
        "OMP_NUM_THREADS": "1",  # beside other tests, two would wait for each other
    }
    post_build = [str(checkout / "binder" / "postBuild")]
    outcome = subprocess.run(post_build, env=settings, capture_output=True, text=True, timeout=300, check=False)
    assert outcome.returncode == 0, outcome.stderr[-2000:]
    kept = {path.name.rsplit("_", 1)[0] for path in (tmp_path / "cache").glob("*.safetensors")}
    students = {"explorer_labels", "explorer_distilled", "explorer_pruned", "explorer_lenet"}
    assert any(name.startswith("glyph_teacher") for name in kept)
    assert students <= kept
    assert (environment / "etc" / "jupyter" / "labconfig" / "page_config.json").is_file()
    where = subprocess.run(
        [str(environment / "bin" / "python"), "-c", "import kdtutor; print(kdtutor.__file__)"],
        env=settings, cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert where.stdout.strip() == str(checkout / "kdtutor" / "__init__.py")
