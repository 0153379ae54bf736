"""How a photo becomes latents that are worth their bytes. No decoder needs any of it."""
