"""Content Credentials: a C2PA manifest, signed with somebody's own certificate, in pictures and films.

An option: it needs the package ``c2pa-python``, whose library has 25 MB, and a certificate. A manifest says what
:mod:`hsc.imaging.provenance` says, and that nobody changed the file since: https://spec.c2pa.org, section on actions.
"""

from __future__ import annotations

import io
import re
from pathlib import Path

from hsc.errors import HSCError
from hsc.imaging.marks import SOFTWARE
from hsc.imaging.provenance import DigitalSource

_TYPES = {
    ".png": "image/png",
    ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg",
    ".webp": "image/webp",
    ".tif": "image/tiff",
    ".tiff": "image/tiff",
    ".avif": "image/avif",
    ".gif": "image/gif",
    ".mp4": "video/mp4",
}
_PEM = re.compile(rb"-----BEGIN ([A-Z ]+)-----.*?-----END \1-----\s*", re.DOTALL)


def sign(data: bytes, suffix: str, pem: Path, source: DigitalSource, note: str) -> bytes:
    """The bytes of a picture or a film with a signed manifest in it.

    Args:
        data: the whole file.
        suffix: names its format: ``.png``, ...
        pem: a file with the private key and the chain of certificates, the signer's first. The certificate must allow
            digital signatures, and be for documents or e-mail, as C2PA asks.
        source: how the picture came about.
        note: one sentence about it.

    Raises:
        HSCError: the package is not here, the format has no place for a manifest, or the certificate does not do.
    """
    try:
        import c2pa
    except ImportError as error:
        raise HSCError("Signing needs one more package: pip install c2pa-python") from error
    kind = _TYPES.get(suffix.lower())
    if kind is None:
        raise HSCError(f"{suffix} has no place for a manifest; {', '.join(sorted(_TYPES))} have.")
    signer = _signer(c2pa, pem)
    action = "c2pa.created" if source is DigitalSource.CREATED else "c2pa.edited"
    manifest = {
        "claim_generator_info": [{"name": SOFTWARE}],
        "title": f"face{suffix}",
        "assertions": [
            {
                "label": "c2pa.actions.v2",
                "data": {
                    "actions": [
                        *_opened(source),
                        {"action": action, "digitalSourceType": source.uri, "description": note},
                    ]
                },
            }
        ],
    }
    target = io.BytesIO()
    try:
        with signer, c2pa.Builder(manifest) as builder:
            builder.sign(signer, kind, io.BytesIO(data), target)
    except c2pa.C2paError as error:
        raise HSCError(f"{pem.name} cannot sign this: {error}") from error
    return target.getvalue()


def _opened(source: DigitalSource) -> list[dict]:
    """A manifest begins with how its picture came to be: what was edited was made from somebody's capture first."""
    if source is DigitalSource.CREATED:
        return []
    return [{"action": "c2pa.created", "digitalSourceType": source.uri}]


def _signer(c2pa, pem: Path):
    """The signer of a PEM file."""
    try:
        text = pem.read_bytes()
    except OSError as error:
        raise HSCError(f"{pem} cannot be read: {error.strerror or error}.") from error
    blocks = {name: [match[0] for match in _PEM.finditer(text) if match[1] == name] for name in _names(text)}
    keys = [block for name, found in blocks.items() if name.endswith(b"PRIVATE KEY") for block in found]
    certificates = blocks.get(b"CERTIFICATE", [])
    if len(keys) != 1 or not certificates:
        raise HSCError(f"{pem.name} must hold one private key and the certificates that belong to it, as PEM.")
    for algorithm in (b"es256", b"es384", b"ps256", b"ed25519"):
        try:
            info = c2pa.C2paSignerInfo(algorithm, b"".join(certificates), keys[0], None)
            return c2pa.Signer.from_info(info)
        except c2pa.C2paError:
            continue
    raise HSCError(f"{pem.name} holds a key that C2PA does not know; an elliptic one (P-256) does.")


def _names(text: bytes) -> set[bytes]:
    return {match[1] for match in _PEM.finditer(text)}
