"""What a visitor is told: sentences, without the folders of the server."""

from __future__ import annotations

import re

BROKEN = "Something went wrong on our side; please try again."
_FOLDERS = re.compile(r"(?<![\w:/])~?(?:/[\w.~+-]+)+/(?=[\w.-])")

_UPLOAD_FIRST = "Upload the file first, and pass the path that the upload returned."
_OF_GRADIO = ("Cannot move ", "InvalidPathError", "File not allowed: ", "Invalid path")
"""How Gradio's own errors begin that tell where its server keeps files."""


def sentence(text: str | BaseException) -> str:
    """An error or a reason as one sentence; of a path of the server only the file's name is left."""
    line = _FOLDERS.sub("", str(text).strip()).partition("\n")[0]
    return line[:1].upper() + line[1:] + ("" if line.endswith((".", "!", "?")) else ".")


def without_folders(text: str) -> str:
    """An error that is not ours, without the folders of the server."""
    if any(said in text for said in _OF_GRADIO):
        return _UPLOAD_FIRST
    return _FOLDERS.sub("", text)
