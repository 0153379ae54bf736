"""Films and contact sheets made of compressed faces."""

SHEET_NOTE = "Restored by HSC from compressed files."
"""What a contact sheet says of itself, and is known by."""
