"""Shapes that the networks share, for code that runs without PyTorch as well as for the modules that are trained.

*Level* ``n`` of the generator is the input of its block ``n``: features whose side is ``4 * 2**n``.
"""

from __future__ import annotations

LATENT = 512
"""Width of a style code in W."""
LAYERS = 16
"""Styled layers, hence style codes for one picture; they line up with the first 16 of StyleGAN2's 18."""
SIZE = 1024
"""Side of the generated picture in pixels."""
CHANNELS = (512, 512, 512, 512, 256, 128, 64)
"""Channels that each block puts out; block ``i`` turns 4*2^i pixels a side into 8*2^i."""

SEMANTIC_CHANNELS, SEMANTIC_SIZE = 192, 2
"""Symbols of S: channels, and their side."""
FIRST_LEVEL = 2
"""Generator level of the coarsest F: the input of block 2, 512x16x16."""
LATENTS, SLICES = (192, 96), (8, 4)
"""Channels of symbols, and slices they are cut into, for each level of F from the coarsest."""
DETAIL_LEVEL = 4
"""Generator level of the features that detail changes: 512x64x64."""
DETAIL_LATENTS, DETAIL_SLICES = 32, 2
"""Channels of symbols, and slices, of detail."""
DETAIL_CHANGE = 0.02
"""Scale of detail's changes to the features, whose own deviation is about 1: much detail comes from small ones."""
EMBEDDED = 8
"""Side of the maps that context networks turn S^ into."""

PREVIEW_LEVEL = 5
"""Generator level of the features that the preview head takes: 256x128x128."""
PREVIEW_SIZE = 256
"""Side of the preview in pixels."""
