"""``python -m hsc.weights``: check all weights; fetch, convert and repair what is missing or damaged."""

import sys

from hsc.errors import HSCError
from hsc.weights.store import fetch_all

if __name__ == "__main__":
    try:
        fetch_all()
    except HSCError as problem:
        print(f"Error: {problem}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
