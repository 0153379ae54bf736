"""Errors that a user can act on: each message is one clear sentence.

The command line prints them and exits with code 2; the app shows them as they are.
"""


class HSCError(Exception):
    """Base of every error that this project raises for bad input or missing files."""


class ImageError(HSCError):
    """The input is not an image that can be read, or it is larger than the limits allow."""


class FaceError(HSCError):
    """No face was found, or the face that was asked for does not exist."""


class BitstreamError(HSCError):
    """A bitstream is foreign, damaged, of another version or of another model."""


class WeightsError(HSCError):
    """Weights cannot be had, or are not the ones they should be."""


class DirectionError(HSCError):
    """An editing direction is unknown, malformed or out of its range."""
