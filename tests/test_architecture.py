"""The order of the house: which module may know of which."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
PACKAGES = ("hsc", "directions", "app")
CORE = (
    "imaging",
    "generator",
    "networks",
    "coding",
    "inference",
    "bitstream",
    "encoder",
    "rendering",
    "editing",
    "metrics",
    "weights",
    "runtime",
)
"""Folders of ``hsc`` that an encode or a decode needs; most files that lie directly in ``hsc`` belong to them."""
ABOVE = ("compare", "baselines", "batch", "train", "cli", "media", "export", "conformance")
"""Folders of ``hsc`` that stand above the core."""
ABOVE_FILES = ("hsc.__main__", "hsc.data", "hsc.pillow")
"""Modules directly in ``hsc`` that do so, too: ways in to the command line, to :mod:`hsc.batch`, and for Pillow."""
MOST_FILES = 12


def module_name(path: Path) -> str:
    """``hsc.metrics.lpips`` of its path; ``hsc.metrics`` of the ``__init__.py`` there."""
    parts = list(path.relative_to(REPOSITORY).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for package in PACKAGES for path in sorted((REPOSITORY / package).rglob("*.py"))}


class ImportFinder(ast.NodeVisitor):
    """Modules of the project that a file imports, at its top or within functions, but not for type checks alone."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.found: dict[str, int] = {}

    def visit_If(self, node: ast.If) -> None:
        if "TYPE_CHECKING" not in ast.unparse(node.test):
            self.generic_visit(node)
            return
        for other in node.orelse:
            self.visit(other)

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self._add(alias.name, node.lineno)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        assert not node.level, f"{self.name} imports relatively, which no other file does"
        for alias in node.names:
            whole = f"{node.module}.{alias.name}"
            self._add(whole if whole in MODULES else node.module or "", node.lineno)

    def _add(self, name: str, line: int) -> None:
        # A name within a module counts as the module.
        while name and name not in MODULES:
            name = name.rpartition(".")[0]
        # Importing a module of another folder runs the ``__init__.py`` of that folder first.
        while name:
            if name in MODULES and name != self.name and not self.name.startswith(f"{name}."):
                self.found.setdefault(name, line)
            name = name.rpartition(".")[0]


def imports_of(name: str) -> dict[str, int]:
    """Modules that a module imports, each with the line of the first import."""
    finder = ImportFinder(name)
    finder.visit(ast.parse(MODULES[name].read_text(encoding="utf-8")))
    return finder.found


GRAPH = {name: imports_of(name) for name in MODULES}


def place(name: str) -> str:
    """Package and folder of a module: ``hsc.metrics``, ``app``; ``hsc`` for the files that lie directly there."""
    package, *rest = name.split(".")
    return f"{package}.{rest[0]}" if package == "hsc" and rest and (REPOSITORY / "hsc" / rest[0]).is_dir() else package


def is_core(name: str) -> bool:
    return name not in ABOVE_FILES and place(name) in {"hsc", *(f"hsc.{folder}" for folder in CORE)}


def test_every_folder_has_its_floor():
    folders = {path.parent.name for path in (REPOSITORY / "hsc").glob("*/__init__.py")}
    assert folders == {*CORE, *ABOVE}


def test_no_circle_of_files():
    done: set[str] = set()

    def visit(name: str, way: tuple[str, ...]) -> None:
        assert name not in way, "a circle of imports: " + " -> ".join([*way[way.index(name) :], name])
        if name not in done:
            for other in GRAPH[name]:
                visit(other, (*way, name))
            done.add(name)

    for name in GRAPH:
        visit(name, ())


@pytest.mark.parametrize("name", sorted(filter(is_core, MODULES)))
def test_the_core_knows_nothing_above_it(name):
    above = {other: line for other, line in GRAPH[name].items() if not is_core(other)}
    assert not above, f"{MODULES[name].relative_to(REPOSITORY)} imports {above}"


def test_nothing_imports_the_app():
    assert not [name for name, found in GRAPH.items() if place(name) != "app" and any(place(x) == "app" for x in found)]


def test_few_files_lie_directly_in_the_package():
    files = [path.name for path in (REPOSITORY / "hsc").iterdir() if path.is_file()]
    assert len(files) <= MOST_FILES, sorted(files)


def test_the_finder_sees_imports_within_functions_and_not_those_for_types():
    finder = ImportFinder("hsc.example")
    finder.visit(
        ast.parse(
            "from typing import TYPE_CHECKING\n"
            "if TYPE_CHECKING:\n    from hsc.codec import Codec\nelse:\n    import hsc.paths\n"
            "def lazy():\n    from hsc.metrics import lpips, psnr\n    import numpy\n"
        )
    )
    assert set(finder.found) == {"hsc.paths", "hsc.metrics.lpips", "hsc.metrics"}
    finder = ImportFinder("app.page")
    finder.visit(ast.parse("import hsc.metrics.lpips"))
    assert set(finder.found) == {"hsc.metrics.lpips", "hsc.metrics", "hsc"}
