"""Everything that a decoder elsewhere needs, laid out in a folder; ``docs/export.md`` describes it."""

from hsc.export.exporter import FORMAT, export

__all__ = ["FORMAT", "export"]
