"""VVC (H.266): Fraunhofer's VVenC, and ffmpeg's own decoder."""

from __future__ import annotations

from hsc.baselines.video import VideoCodec

_ONE_INTRA_PICTURE = ":".join(
    (
        "gopsize=1",
        "intraperiod=1",
        "decodingrefreshtype=idr_no_radl",
        "accessunitdelimiter=0",
        "hrdparameterspresent=0",
        "vuiparameterspresent=0",
    )
)


class VVC(VideoCodec):
    """VVenC at a fixed QP, without its perceptual adaptation (`qpa`), as published curves are."""

    key, name = "vvc", "VVC"
    encoder, decoder, container = "libvvenc", "vvc", "vvc"
    coarsest, finest = 63, 8
    bits_per_pixel, growth = 0.0026, 1.15

    def __init__(self, preset: str = "medium", scaling: str = "needed"):
        super().__init__(scaling)
        self.preset = preset

    def arguments(self, quantiser: int | str) -> list[str]:
        return [
            "-c:v",
            "libvvenc",
            "-preset",
            self.preset,
            "-qp",
            str(quantiser),
            "-qpa",
            "0",
            "-threads",
            "2",
            "-vvenc-params",
            _ONE_INTRA_PICTURE,
        ]
