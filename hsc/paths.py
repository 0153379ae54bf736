"""Where the package's own data lies, in a checkout and where it is installed, and the development data beside it."""

from __future__ import annotations

import os
from importlib import resources
from pathlib import Path

_REPOSITORY = Path(__file__).resolve().parents[1]


def assets() -> Path:
    """Folder of weights, examples and the benchmark: ``assets/`` of a checkout, ``hsc/assets`` of an installation."""
    installed = Path(str(resources.files("hsc"))) / "assets"
    return installed if installed.is_dir() else _REPOSITORY / "assets"


def development_data() -> Path | None:
    """Folder of data for training and evaluation, or None where there is none.

    It is ``$HSC_DEVELOPMENT_DATA``, or ``shared`` beside a checkout; set the variable to nothing to work without.
    """
    given = os.environ.get("HSC_DEVELOPMENT_DATA")
    if given is None:
        # An installation has no folder beside it that would be meant.
        path = _REPOSITORY.parent / "shared" if (_REPOSITORY / "pyproject.toml").is_file() else None
    else:
        path = Path(given) if given else None
    return path if path and path.is_dir() else None
