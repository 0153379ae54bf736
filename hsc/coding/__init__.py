"""From coefficients to symbols and back, layer by layer: exactly for files, differentiably for the encoder."""
