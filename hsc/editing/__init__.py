"""Edits of decoded semantics."""
