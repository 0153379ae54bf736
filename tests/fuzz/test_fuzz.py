"""A few of the files of ``make fuzz``, so that the program itself stays sound."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from hsc import bitstream
from hsc.errors import HSCError
from tests.fuzz import mutate
from tests.fuzz.__main__ import hsc_files, picture_files, run

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="measures as Linux does")


@linux
@pytest.mark.parametrize(("kind", "most"), [("containers", 400), ("pictures", 80), ("directions", 4), ("parses", 6)])
def test_a_few_of_each_kind_are_read_or_refused(kind: str, most: int) -> None:
    findings = run(kind, most, 60, seed=1, first=0)
    assert findings.tried and not [found for found in findings.bad if "took" not in found]
    assert findings.accepted + sum(findings.refused.values()) == findings.tried


def test_checksums_are_right_again() -> None:
    rng, sound = np.random.default_rng(0), hsc_files()[0]
    reasons = set()
    for _ in range(300):
        try:
            bitstream.BitstreamReader(mutate.container(sound, rng))
        except HSCError as error:
            reasons.add(str(error))
    assert not any("checksum" in reason for reason in reasons)


def test_the_same_number_gives_the_same_file() -> None:
    sound = hsc_files()[0]
    files = {mutate.container(sound, np.random.default_rng([0, 0, 7])) for _ in range(3)}
    assert len(files) == 1


def test_every_format_that_is_read_is_tried() -> None:
    found = {name.partition(" ")[0] for name in picture_files()}
    assert {"JPEG", "PNG", "WEBP", "AVIF", "GIF", "BMP", "TIFF", "PPM", "JPEG2000"} <= found
