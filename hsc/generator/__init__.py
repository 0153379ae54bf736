"""The pretrained generator, its instant preview, and full-resolution crops of what it makes."""

from hsc.generator.mobilestylegan import (
    CHANNELS,
    LATENT,
    LAYERS,
    SIZE,
    Generator,
    Style,
    inverse_haar,
    sample_codes,
)

__all__ = ["CHANNELS", "LATENT", "LAYERS", "SIZE", "Generator", "Style", "inverse_haar", "sample_codes"]
