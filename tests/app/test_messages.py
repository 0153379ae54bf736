from __future__ import annotations

import pytest

from app import messages


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("no VVC: /usr/local/bin/ffmpeg has no vvenc", "No VVC: ffmpeg has no vvenc."),
        ("HiFiC failed: OSError: '/data/cache/x.bin'", "HiFiC failed: OSError: 'x.bin'."),
        ("The file ~/me/photo.jpg is gone.", "The file photo.jpg is gone."),
        ("two\nlines", "Two."),
        ("1/2 of it and and/or b", "1/2 of it and and/or b."),
        (ValueError("bad"), "Bad."),
    ],
)
def test_a_sentence_names_no_folder(text: str | BaseException, told: str) -> None:
    assert messages.sentence(text) == told
