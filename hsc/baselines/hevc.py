"""HEVC (H.265): x265, and ffmpeg's own decoder."""

from __future__ import annotations

from hsc.baselines.video import VideoCodec


class HEVC(VideoCodec):
    """x265 at a fixed QP, tuned for distortion, with every optional header and parallelism overhead off."""

    key, name = "hevc", "HEVC"
    encoder, decoder, container = "libx265", "hevc", "hevc"
    coarsest, finest = 51, 8
    bits_per_pixel, growth = 0.015, 1.17

    def arguments(self, quantiser: int | str) -> list[str]:
        parameters = (
            f"qp={quantiser}",
            "psy-rd=0",
            "psy-rdoq=0",
            "keyint=1",
            "info=0",
            "aud=0",
            "hrd=0",
            "wpp=0",
            "frame-threads=1",
            "pools=none",
            "log-level=error",
        )
        return ["-c:v", "libx265", "-preset", "slower", "-x265-params", ":".join(parameters)]
