"""``python -m tests.fuzz.guided``: container and range coder under a fuzzer that looks for new paths in the code.

Needs ``pip install atheris``, which is none of the project's requirements. What follows the program's name are options
of libFuzzer: ``-max_total_time=60``, a folder that keeps the files that found something new. ``--whole`` parses by the
networks, a hundred times slower.
"""

from __future__ import annotations

import sys

import atheris
import numpy as np

with atheris.instrument_imports(include=["hsc.bitstream", "hsc.decoder", "hsc.coding"]):
    from hsc.bitstream import BitstreamReader, append_edits, strip_edits, truncate
    from hsc.bitstream.range_coder import FrequencyTables
from hsc.errors import HSCError
from tests.fuzz import mutate

_TABLES = FrequencyTables(
    np.array([[0, 8192, 57344, 64512, 65536], [0, 64000, 65536, 0, 0]]), np.array([5, 3]), np.array([-1, 0])
)
_INDEXES = np.arange(12) % 2
"""A layer of a dozen symbols: deep paths need every layer before them to be sound."""


def read(data: bytes) -> None:
    """The bytes as they are, and with their checksums right."""
    for tried in (data, mutate.repaired(data)):
        try:
            reader = BitstreamReader(tried)
            while reader.read_layer(_INDEXES, _TABLES) is not None:
                pass
            truncate(tried, len(tried) // 2)
            if reader.complete:
                edited = append_edits(tried, [(1, 0.5)])
                assert strip_edits(edited) == strip_edits(tried)
        except HSCError:
            pass


def parse() -> None:
    """Whole files by the networks."""
    import hsc

    codec = hsc.Codec.load()

    def one(data: bytes) -> None:
        try:
            codec.parse(mutate.repaired(data))
        except HSCError:
            pass

    atheris.Setup([argument for argument in sys.argv if argument != "--whole"], one)
    atheris.Fuzz()


def main() -> None:
    """Run until libFuzzer has enough."""
    if "--whole" in sys.argv:
        parse()
    atheris.Setup(sys.argv, read)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
