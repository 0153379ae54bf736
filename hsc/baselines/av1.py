"""AV1: SVT-AV1, and the dav1d decoder."""

from __future__ import annotations

from hsc.baselines.video import VideoCodec


class AV1(VideoCodec):
    """SVT-AV1 in its still-picture mode, as a low-overhead stream of OBUs (AVIF without the boxes)."""

    key, name = "av1", "AV1"
    encoder, decoder, container = "libsvtav1", "libdav1d", "obu"
    coarsest, finest = 63, 8
    bits_per_pixel, growth = 0.006, 1.16

    def arguments(self, quantiser: int | str) -> list[str]:
        return ["-c:v", "libsvtav1", "-preset", "2", "-crf", str(quantiser), "-svtav1-params", "avif=1:lp=2"]
