"""What a visitor is told: sentences, without the folders of the server."""

from __future__ import annotations

import re

BROKEN = "Something went wrong on our side; please try again."
_FOLDERS = re.compile(r"(?<![\w:/])~?(?:/[\w.~+-]+)+/(?=[\w.-])")


def sentence(text: str | BaseException) -> str:
    """An error or a reason as one sentence; of a path of the server only the file's name is left."""
    line = _FOLDERS.sub("", str(text).strip()).partition("\n")[0]
    return line[:1].upper() + line[1:] + ("" if line.endswith((".", "!", "?")) else ".")
