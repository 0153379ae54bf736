"""What every process has from its system: memory, and files that are written whole."""
