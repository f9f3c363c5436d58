"""Content credentials: sealed pictures made here with certificates made here, whole, changed and without a seal."""

import io
import json
import sys
from datetime import datetime, timedelta, timezone

import pytest
from PIL import Image

from unmask.media import content_credentials

MANIFEST = {
    "claim_generator_info": [{"name": "test desk", "version": "1"}],
    "title": "<b>title</b>",
    "assertions": [
        {
            "label": "c2pa.actions",
            "data": {
                "actions": [
                    {
                        "action": "c2pa.created",
                        "digitalSourceType": "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia",
                    }
                ]
            },
        }
    ],
}


def certificates():
    """A chain of a signer's certificate and its issuer's, as PEM, and the signer's key."""
    x509 = pytest.importorskip("cryptography.x509", reason="the extra provenance is not installed")
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    def name(text):
        parts = ((NameOID.ORGANIZATION_NAME, "Test desk"), (NameOID.COMMON_NAME, text))
        return x509.Name([x509.NameAttribute(key, value) for key, value in parts])

    def usage(**allowed):
        kinds = (
            "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
            "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
        )  # fmt: skip
        return x509.KeyUsage(**{kind: allowed.get(kind, False) for kind in kinds})

    def certificate(subject, key, *extensions):
        started = datetime.now(timezone.utc) - timedelta(days=1)
        builder = x509.CertificateBuilder(
            name("Root"), name(subject), key.public_key(), x509.random_serial_number()
        )
        builder = builder.not_valid_before(started).not_valid_after(started + timedelta(days=365))
        for extension, critical in extensions:
            builder = builder.add_extension(extension, critical)
        subject_key = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        builder = builder.add_extension(subject_key, False)
        return builder.sign(root_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    root_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key())
    signer = certificate(
        "Signer",
        key,
        (x509.BasicConstraints(False, None), True),
        (usage(digital_signature=True), True),
        (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), False),
        (authority, False),
    )
    root = certificate(
        "Root",
        root_key,
        (x509.BasicConstraints(True, None), True),
        (usage(key_cert_sign=True, crl_sign=True), True),
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return signer + root, private


@pytest.fixture(scope="module")
def sealed():
    """A sealed JPEG."""
    c2pa = pytest.importorskip("c2pa", reason="the extra provenance is not installed")
    chain, key = certificates()
    signer = c2pa.Signer.from_info(
        c2pa.C2paSignerInfo(alg=b"es256", sign_cert=chain, private_key=key, ta_url=None)
    )
    plain, out = io.BytesIO(), io.BytesIO()
    Image.linear_gradient("L").convert("RGB").save(plain, "JPEG")
    plain.seek(0)
    c2pa.Builder(json.dumps(MANIFEST)).sign(signer, "image/jpeg", plain, out)
    return out.getvalue()


def checked(tmp_path, data, name="picture.jpg"):
    (tmp_path / name).write_bytes(data)
    return content_credentials(tmp_path / name)


def test_a_seal_that_holds_is_valid_and_says_what_it_says(tmp_path, sealed):
    given = checked(tmp_path, sealed)
    assert given.state == "valid"  # Not "trusted": nobody vouches for the certificate.
    assert (given.signer, given.generator) == ("Signer, Test desk", "test desk 1")
    assert (given.actions, given.sources) == (("c2pa.created",), ("trainedAlgorithmicMedia",))
    assert given.problems == ("signingCredential.untrusted",)


def test_a_changed_picture_breaks_the_seal(tmp_path, sealed):
    changed = bytearray(sealed)
    changed[-100] ^= 0xFF
    given = checked(tmp_path, changed)
    assert given.state == "invalid" and "assertion.dataHash.mismatch" in given.problems


def test_the_name_of_a_file_changes_nothing(tmp_path, sealed):
    assert checked(tmp_path, sealed, "picture.mp4").state == "valid"


def test_most_files_have_none(tmp_path, sealed):
    Image.new("RGB", (20, 10)).save(tmp_path / "plain.png")
    assert content_credentials(tmp_path / "plain.png").state == "absent"
    assert checked(tmp_path, b"\0\0\1\xba" + bytes(200), "clip.mpg").state == "absent"


@pytest.mark.parametrize("cut", [0.2, 0.5, 0.9])
def test_broken_files_have_a_state_too(tmp_path, sealed, cut):
    assert checked(tmp_path, sealed[: int(len(sealed) * cut)]).state in ("invalid", "unreadable", "absent")


def test_a_missing_file_is_unreadable(tmp_path, sealed):
    assert content_credentials(tmp_path / "gone.jpg").state == "unreadable"


def test_without_the_extra_it_says_so(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "c2pa", None)
    given = checked(tmp_path, b"anything")
    assert given.state == "not_checked" and "unmask[provenance]" in given.detail
