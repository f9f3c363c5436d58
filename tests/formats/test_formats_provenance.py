"""Content credentials: sealed pictures made here with certificates made here, whole, changed and without a seal.

What goes wrong in the library that reads them is shown with stand-ins for it, in the process that is confined.
"""

import io
import json
import sys
import textwrap
import time
from collections import Counter
from datetime import datetime, timedelta, timezone

import pytest
from PIL import Image

import media_toys as toys
import mutants
from unmask.media import Credentials, DecodingProcesses, Limits, content_credentials, trust_anchors
from unmask.media.isolated import process as decoding_process

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
def sealing():
    """Certificates and key of a signer."""
    return certificates()


@pytest.fixture(scope="module")
def sealed(sealing):
    """A sealed JPEG."""
    return sealed_picture(sealing)


def sealed_picture(sealing, address=None):
    """A sealed JPEG; with an address, its manifest is there and not in the file."""
    c2pa = pytest.importorskip("c2pa", reason="the extra provenance is not installed")
    chain, key = sealing
    signer = c2pa.Signer.from_info(
        c2pa.C2paSignerInfo(alg=b"es256", sign_cert=chain, private_key=key, ta_url=None)
    )
    plain, out = io.BytesIO(), io.BytesIO()
    Image.linear_gradient("L").convert("RGB").save(plain, "JPEG")
    plain.seek(0)
    builder = c2pa.Builder(json.dumps(MANIFEST))
    if address:
        builder.set_no_embed()
        builder.set_remote_url(address)
    builder.sign(signer, "image/jpeg", plain, out)
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


@pytest.fixture(scope="module")
def root(sealing):
    """The certificate of who vouches for the signer, in PEM."""
    return "-----BEGIN" + sealing[0].decode().split("-----BEGIN")[2]


def test_a_trust_anchor_makes_a_seal_trusted(tmp_path, sealed, root):
    (tmp_path / "picture.jpg").write_bytes(sealed)
    given = content_credentials(tmp_path / "picture.jpg", trust_anchors(root))
    assert (given.state, given.problems, given.anchors) == ("trusted", (), 1)


def test_another_trust_anchor_does_not(tmp_path, sealed):
    others = trust_anchors(certificates()[0].decode())
    (tmp_path / "picture.jpg").write_bytes(sealed)
    given = content_credentials(tmp_path / "picture.jpg", others)
    assert (given.state, given.problems) == ("valid", ("signingCredential.untrusted",))
    assert given.anchors == 2


def test_trust_does_not_mend_a_broken_seal(tmp_path, sealed, root):
    changed = bytearray(sealed)
    changed[-100] ^= 0xFF
    (tmp_path / "picture.jpg").write_bytes(changed)
    assert content_credentials(tmp_path / "picture.jpg", root).state == "invalid"


def test_credentials_on_the_network_are_not_fetched(tmp_path, sealing):
    data = sealed_picture(sealing, "https://example.invalid/manifest.c2pa")
    given = checked(tmp_path, data)
    assert given.state == "not_checked" and "network" in given.detail


def test_trust_anchors_are_the_certificates_of_a_file_and_nothing_else(sealing, root):
    chain, key = (part.decode() for part in sealing)
    text = f"# who is trusted\r\n{key}{chain}{root}"
    kept = trust_anchors(text)
    assert kept.count("BEGIN CERTIFICATE") == 2 and "PRIVATE" not in kept and "who is" not in kept
    assert trust_anchors(kept) == kept


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no certificate"),
        ("-----BEGIN PRIVATE KEY-----\nMAAA\n-----END PRIVATE KEY-----", "no certificate"),
        ("-----BEGIN CERTIFICATE-----\nMAA\n-----END CERTIFICATE-----", "is not a certificate"),
        ("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", "is not a certificate"),
        ("x" * 5_000_000, "more than"),
    ],
)
def test_what_is_no_certificate_is_no_trust_anchor(text, words):
    with pytest.raises(ValueError, match=words):
        trust_anchors(text)


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


def test_a_library_that_cannot_be_loaded_is_no_fault_of_the_file(tmp_path, stand_in):
    stand_in("pass", first="raise RuntimeError('no such library')")
    given = checked(tmp_path, b"anything")
    assert given.state == "not_checked" and "no such library" in given.detail


@pytest.fixture
def processes():
    with DecodingProcesses(Limits(), credentials=True) as started:
        yield started


def test_a_confined_process_reads_the_same(tmp_path, sealed, processes):
    changed = bytearray(sealed)
    changed[-100] ^= 0xFF
    files = {
        "whole.jpg": sealed,
        "changed.jpg": changed,
        "cut.jpg": sealed[: len(sealed) // 2],
        "text.mp4": b"text",
    }
    states = []
    for name, data in files.items():
        here = checked(tmp_path, data, name)
        assert processes.credentials(tmp_path / name) == here
        states.append(here.state)
    assert states[:2] == ["valid", "invalid"]
    assert len(processes._idle) == 1  # One process read them all.


def test_a_confined_process_knows_the_trust_anchors(tmp_path, sealed, root, processes):
    (tmp_path / "picture.jpg").write_bytes(sealed)
    many = root + "".join(
        f"-----BEGIN CERTIFICATE-----\nMAA{letter}\n-----END CERTIFICATE-----\n" * 2000 for letter in "ABC"
    )
    assert processes.credentials(tmp_path / "picture.jpg", root).state == "trusted"
    assert processes.credentials(tmp_path / "picture.jpg", many).anchors == 6001  # More than a pipe holds.
    assert processes.credentials(tmp_path / "picture.jpg").state == "valid"


def test_mutants_of_a_sealed_file_have_one_state_each(tmp_path, sealed, processes):
    files = dict.fromkeys(mutants.SEEDS, sealed)
    path = tmp_path / "picture.jpg"
    states = Counter()
    for number in range(120):
        path.write_bytes(mutants.mutant(files, path.name, number)[1])
        given = processes.credentials(path)
        assert str(tmp_path) not in (given.detail or "") and "\n" not in (given.detail or ""), number
        if number % 10 == 0:
            assert given == content_credentials(path), "it reads what would be read without confinement"
        states[given.state] += 1
    assert len(states) >= 2 and not states["not_checked"], states


def test_a_confined_process_reads_by_path_where_files_cannot_be_handed_over(tmp_path, sealed, monkeypatch):
    monkeypatch.setattr(decoding_process, "HANDS_OVER_FILES", False)
    (tmp_path / "picture.jpg").write_bytes(sealed)
    with DecodingProcesses(Limits(), credentials=True) as processes:
        assert processes.credentials(tmp_path / "picture.jpg").state == "valid"


def test_a_file_that_is_gone_is_unreadable_there_too(tmp_path, processes):
    given = processes.credentials(tmp_path / "gone.jpg")
    assert (given.state, given.detail) == ("unreadable", "no such file or directory")


@pytest.fixture
def stand_in(tmp_path, monkeypatch):
    """Puts a library of the same name in c2pa's place, which does something when it is to read."""

    def put(deed, first=""):
        code = """
        import os, signal, sys, time
        {first}
        class C2paError(Exception):
            class NotSupported(Exception):
                pass
        class Settings:
            from_dict = staticmethod(dict)
        class Context:
            def __init__(self, settings):
                pass
            def __enter__(self):
                return self
            def __exit__(self, *_):
                pass
        class Reader:
            @staticmethod
            def try_create(kind, stream, manifest, context):
                if stream.read(4) == b"good":
                    return None
                {deed}
        """
        folder = tmp_path / "stand-in"
        folder.mkdir()
        (folder / "c2pa.py").write_text(textwrap.dedent(code).format(deed=deed, first=first))
        monkeypatch.syspath_prepend(folder)
        monkeypatch.delitem(sys.modules, "c2pa", raising=False)

    yield put
    sys.modules.pop("c2pa", None)


ENDS = {
    "exits": ("os._exit(0)", "crashed"),
    "is killed": ("os.kill(os.getpid(), signal.SIGKILL)", "crashed"),
    "crashes": ("import ctypes; ctypes.string_at(0)", "crashed"),
    "sleeps": ("time.sleep(600)", "longer than 3 s"),
    "spins": ("while True: pass", "longer than 3 s"),
    "swells": ("list(iter(lambda: bytearray(10**7), None))", "more memory than is allowed"),
    "aborts": ("os.abort()", "crashed"),
    "raises": ("raise ValueError('odd')", "ValueError: odd"),
    "recurses": ("Reader.try_create(kind, stream, manifest, context)", "RecursionError"),
    "babbles": ("os.write(1, bytes(100))", "crashed"),
    "boasts": ("os.write(1, bytes([255] * 100))", "crashed"),
    "lies": (
        "from unmask.media.isolated.messages import packed; "
        "os.write(1, packed({'credentials': {'state': 'holy', 'actions': 3}}))",
        "crashed",
    ),
}


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the bounds on memory and processor time are Linux's")
@pytest.mark.parametrize("way", ENDS)
def test_whatever_becomes_of_the_library_that_reads_costs_the_credentials_only(
    tmp_path, stand_in, monkeypatch, way
):
    deed, words = ENDS[way]
    stand_in(deed)
    (tmp_path / "evil.jpg").write_bytes(b"evil")
    (tmp_path / "good.jpg").write_bytes(b"good")
    clip = toys.write_video(tmp_path / "clip.mp4")
    with DecodingProcesses(Limits(), credentials=True) as processes, processes.open(clip) as media:
        frames = iter(media.sample(4))
        next(frames)
        started = time.monotonic()
        with monkeypatch.context() as patch:
            if "3 s" in words:
                patch.setattr(decoding_process, "CREDENTIALS_SECONDS", 3.0)
            given = processes.credentials(tmp_path / "evil.jpg")
        assert given.state == "unreadable" and words in given.detail
        assert time.monotonic() - started < 20
        assert len(list(frames)) == 3
        assert processes.credentials(tmp_path / "good.jpg") == Credentials("absent")
        with processes.open(clip) as another:
            assert len(list(another.sample(4))) == 4


def test_without_the_extra_a_confined_process_says_so_too(tmp_path, stand_in):
    stand_in("pass", first="raise ImportError")
    (tmp_path / "picture.jpg").write_bytes(b"anything")
    with DecodingProcesses(Limits(), credentials=True) as processes:
        given = processes.credentials(tmp_path / "picture.jpg")
    assert given.state == "not_checked" and "unmask[provenance]" in given.detail


def test_a_process_that_cannot_start_is_no_fault_of_the_credentials(tmp_path, monkeypatch):
    (tmp_path / "picture.jpg").write_bytes(b"anything")
    for program in (str(tmp_path / "no-python"), "/bin/false"):
        monkeypatch.setattr(sys, "executable", program)
        with DecodingProcesses(Limits(), credentials=True) as processes:
            assert processes.credentials(tmp_path / "picture.jpg").state == "not_checked"


@pytest.mark.parametrize(
    "lie",
    [
        None,
        [],
        {},
        {"state": "holy"},
        {"state": ["valid"]},
        {"state": "valid", "actions": 3},
        {"state": "valid", "signer": {"name": "nobody"}},
        {"state": "valid", "actions": [["deep"]]},
        {"state": "valid", "more": 1},
    ],
)
def test_credentials_are_rebuilt_from_what_they_may_be_only(lie):
    whole = Credentials("absent").to_dict()
    with pytest.raises(ValueError, match="not content credentials"):
        Credentials.from_dict({**whole, **lie} if lie else lie)


def test_credentials_are_rebuilt_whole_and_no_longer_than_they_may_be():
    whole = Credentials("valid", None, "Signer", "2026", "desk 1", ("a", "b"), ("c",), ("d",), ("e",))
    assert Credentials.from_dict(json.loads(json.dumps(whole.to_dict()))) == whole
    long = Credentials.from_dict(whole.to_dict() | {"signer": "s" * 9999, "actions": ["a" * 9999] * 99})
    assert len(long.signer) == 300 and len(long.actions[0]) == 300 and len(long.actions) <= 20
