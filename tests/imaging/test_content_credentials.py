"""Manifests, read by the reader of those who made the format; certificates are made here."""

from __future__ import annotations

import datetime
import io
import json
from pathlib import Path

import pytest
from PIL import Image

from hsc.errors import HSCError
from hsc.imaging import content_credentials, images
from hsc.imaging.provenance import DigitalSource

c2pa = pytest.importorskip("c2pa", reason="needs c2pa-python (pip install c2pa-python)")
x509 = pytest.importorskip("cryptography.x509")


@pytest.fixture(scope="module")
def pem(tmp_path_factory) -> Path:
    """A key, its certificate, and that of who issued it."""
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    now = datetime.datetime.now(datetime.timezone.utc)
    encoding = serialization.Encoding.PEM

    def certificate(subject: str, key, issuer) -> bytes:
        names = [
            x509.Name(
                [
                    x509.NameAttribute(x509.NameOID.COMMON_NAME, name),
                    x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, "Faces"),
                ]
            )
            for name in (subject, "Root")
        ]
        top = subject == "Root"
        builder = x509.CertificateBuilder(names[1], names[0], key.public_key(), x509.random_serial_number())
        builder = builder.not_valid_before(now - datetime.timedelta(days=1))
        builder = builder.not_valid_after(now + datetime.timedelta(days=2))
        usage = x509.KeyUsage(not top, False, False, False, False, top, top, False, False)
        builder = builder.add_extension(x509.BasicConstraints(top, None), True).add_extension(usage, True)
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
        builder = builder.add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key()), False)
        if not top:
            use = x509.ExtendedKeyUsage([x509.ExtendedKeyUsageOID.EMAIL_PROTECTION])
            builder = builder.add_extension(use, False)
        return builder.sign(issuer, hashes.SHA256()).public_bytes(encoding)

    root, own = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    private = own.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = tmp_path_factory.mktemp("keys") / "signer.pem"
    path.write_bytes(private + certificate("Signer", own, root) + certificate("Root", root, root))
    return path


@pytest.mark.parametrize("source", list(DigitalSource))
@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif"])
def test_its_own_reader_finds_a_valid_manifest(pem: Path, suffix: str, source: DigitalSource) -> None:
    data = images.as_file(Image.new("RGB", (64, 64), "teal"), suffix, "Synthetic.", source)
    signed = content_credentials.sign(data, suffix, pem, source, "Synthetic.")
    with c2pa.Reader(Image.MIME[Image.registered_extensions()[suffix]], io.BytesIO(signed)) as reader:
        found = json.loads(reader.json())
    # "Untrusted" says that nobody knows this test's root; a changed file would be invalid.
    assert {problem["code"] for problem in found["validation_status"]} == {"signingCredential.untrusted"}
    manifest = found["manifests"][found["active_manifest"]]
    actions = next(each for each in manifest["assertions"] if each["label"].startswith("c2pa.actions"))["data"][
        "actions"
    ]
    assert actions[-1]["digitalSourceType"] == source.uri and manifest["signature_info"]["issuer"] == "Faces"
    with Image.open(io.BytesIO(signed)) as image:
        assert image.convert("RGB").getpixel((5, 5)) == pytest.approx((0, 128, 128), abs=3)


def test_a_changed_picture_is_found_out(pem: Path) -> None:
    data = images.as_file(Image.new("RGB", (64, 64), "teal"), ".png", "Synthetic.")
    signed = bytearray(content_credentials.sign(data, ".png", pem, DigitalSource.EDITED, "Synthetic."))
    signed[signed.index(b"IDAT") + 12] ^= 1
    with c2pa.Reader("image/png", io.BytesIO(bytes(signed))) as reader:
        assert reader.get_validation_state() == "Invalid"


@pytest.mark.parametrize("text", [b"", b"no keys", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"])
def test_what_is_no_certificate_is_refused_in_a_sentence(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "bad.pem").write_bytes(text)
    data = images.as_file(Image.new("RGB", (8, 8)), ".png", "Synthetic.")
    with pytest.raises(HSCError, match="must hold one private key"):
        content_credentials.sign(data, ".png", tmp_path / "bad.pem", DigitalSource.EDITED, "Synthetic.")


def test_a_format_without_a_place_is_refused(pem: Path) -> None:
    with pytest.raises(HSCError, match="no place"):
        content_credentials.sign(b"P6 1 1 255 abc", ".ppm", pem, DigitalSource.EDITED, "Synthetic.")
