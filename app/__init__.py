"""The app: compress a face, slide an edit over its bitstream, compare it with other codecs."""
