"""The conformance kit: files, what each decodes to, and a runner for any decoder that speaks its protocol.

``docs/conformance.md`` describes the protocol; ``python -m hsc conformance`` runs it.
"""

from hsc.conformance.runner import Report, run

__all__ = ["Report", "run"]
