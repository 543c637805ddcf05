"""Where what takes long to get is kept on this machine: downloaded data sets, trained weights."""

import os
from pathlib import Path

import platformdirs

FOLDER = "KDTUTOR_CACHE"  # environment variable: another folder than the user's own


def cache_folder() -> Path:
    """The folder named by KDTUTOR_CACHE, else the user's cache; it need not exist yet."""
    return Path(os.environ.get(FOLDER) or platformdirs.user_cache_path("kdtutor"))
