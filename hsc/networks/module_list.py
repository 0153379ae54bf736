"""PyTorch's ``ModuleList``, as type checkers are to see it: with the class of what it holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar

from torch import nn

Item = TypeVar("Item", bound=nn.Module)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    class ModuleList(nn.ModuleList, Generic[Item]):
        def __init__(self, modules: Iterable[Item] = ()) -> None: ...
        def __iter__(self) -> Iterator[Item]: ...  # type: ignore[override]
        def __getitem__(self, index: int) -> Item: ...  # type: ignore[override]
else:
    ModuleList = nn.ModuleList
