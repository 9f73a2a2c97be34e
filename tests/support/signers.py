"""Who signs in tests: holders of keys, those whom a certificate authority vouches for, logs and clocks that bear witness.

Signatures are made here, in the new format (`bundle`) and in the old ones, so that a test can also make what no cosign would.
`ByHand` has the real cosign make them instead, next to an artifact in a registry.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import itertools
import json
import subprocess
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from reconciler.model.trust import PREDICATE, Signer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

ISSUER = "https://token.example"
WORKFLOW = "https://ci.example/openova/{}/.github/workflows/release.yaml@refs/tags/{}"
SUBJECT = WORKFLOW.format("app", "v1")
PASSWORD = "a password"  # noqa: S105 - of keys that these tests make and throw away
MONTH = dt.timedelta(days=30)
IN_TOTO = "application/vnd.in-toto+json"
BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"
ROOT = "application/vnd.dev.sigstore.trustedroot+json;version=0.1"
SCTS = ObjectIdentifier("1.3.6.1.4.1.11129.2.4.2")


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def der(certificate: x509.Certificate) -> str:
    return b64(certificate.public_bytes(serialization.Encoding.DER))


class Holder:
    """Somebody with a key, and perhaps a certificate for it; then `trust` is the trusted root of who gave it."""

    def __init__(
        self,
        key: ec.EllipticCurvePrivateKey | None = None,
        certificate: x509.Certificate | None = None,
        trust: str = json.dumps({"mediaType": ROOT}),
    ) -> None:
        self.key = key or ec.generate_private_key(ec.SECP256R1())
        self.certificate = certificate
        self.trust = trust

    @property
    def spki(self) -> bytes:
        return self.key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)

    @property
    def public_key(self) -> str:
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        return self.key.public_key().public_bytes(serialization.Encoding.PEM, form).decode()

    @property
    def private_key(self) -> bytes:
        plain = serialization.NoEncryption()
        return self.key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)

    def signer(self, name: str = "release-key") -> Signer:
        """By what this key's signatures are known."""
        return Signer(name, key=self.public_key)

    def sign(self, data: bytes) -> bytes:
        return self.key.sign(data, ec.ECDSA(hashes.SHA256()))

    def envelope(self, digest: str, predicate_type: str, predicate: Any = None) -> dict[str, Any]:
        """A signed statement about a digest (DSSE, in-toto)."""
        subject = [{"name": "", "digest": {"sha256": digest.removeprefix("sha256:")}}]
        kind = "https://in-toto.io/Statement/v1"
        statement = {"_type": kind, "subject": subject, "predicateType": predicate_type, "predicate": predicate or {}}
        payload = json.dumps(statement).encode()
        signed = b"DSSEv1 %d %s %d %s" % (len(IN_TOTO), IN_TOTO.encode(), len(payload), payload)
        return {"payload": b64(payload), "payloadType": IN_TOTO, "signatures": [{"sig": b64(self.sign(signed))}]}

    def bundle(self, digest: str, predicate_type: str = PREDICATE, predicate: Any = None, *, clock: Clock | None = None) -> bytes:
        """A signature as `cosign sign` makes it; an attestation when the predicate type says so."""
        envelope = self.envelope(digest, predicate_type, predicate)
        material: dict[str, Any] = {"publicKey": {"hint": ""}}
        if self.certificate is not None:
            material = {"certificate": {"rawBytes": der(self.certificate)}}
        if clock is not None:
            stamp = clock.stamp(base64.b64decode(envelope["signatures"][0]["sig"]))
            material["timestampVerificationData"] = {"rfc3161Timestamps": [{"signedTimestamp": b64(stamp)}]}
        return json.dumps({"mediaType": BUNDLE, "verificationMaterial": material, "dsseEnvelope": envelope}).encode()

    def old_signature(self, digest: str, *, log: Log | None = None, clock: Clock | None = None) -> tuple[bytes, dict[str, str]]:
        """A layer of an old `.sig` manifest: the payload, and its annotations."""
        critical = {
            "identity": {"docker-reference": "registry.example/shop"},
            "image": {"docker-manifest-digest": digest},
            "type": "cosign container image signature",
        }
        payload = json.dumps({"critical": critical, "optional": None}).encode()
        signature = self.sign(payload)
        spec = {
            "data": {"hash": {"algorithm": "sha256", "value": hashlib.sha256(payload).hexdigest()}},
            "signature": {"content": b64(signature), "publicKey": {"content": b64(self._verifier().encode())}},
        }
        annotations = {"dev.cosignproject.cosign/signature": b64(signature)}
        return payload, annotations | self._vouched("hashedrekord", spec, log, None if clock is None else clock.stamp(signature))

    def old_attestation(
        self,
        digest: str,
        predicate_type: str,
        predicate: Any = None,
        *,
        log: Log | None = None,
        clock: Clock | None = None,
        whole: bool = False,
    ) -> tuple[bytes, dict[str, str]]:
        """A layer of an old `.att` manifest: the envelope, and its annotations.

        The time stamp is over its signature, as cosign 3 makes it, or, as cosign 2 did, over the whole.
        """
        envelope = self.envelope(digest, predicate_type, predicate)
        raw, signature = json.dumps(envelope).encode(), base64.b64decode(envelope["signatures"][0]["sig"])
        spec = {
            "envelopeHash": {"algorithm": "sha256", "value": hashlib.sha256(raw).hexdigest()},
            "payloadHash": {
                "algorithm": "sha256",
                "value": hashlib.sha256(base64.b64decode(envelope["payload"])).hexdigest(),
            },
            "signatures": [{"signature": envelope["signatures"][0]["sig"], "verifier": b64(self._verifier().encode())}],
        }
        annotations = {"dev.cosignproject.cosign/signature": ""}
        return raw, annotations | self._vouched(
            "dsse", spec, log, None if clock is None else clock.stamp(raw if whole else signature)
        )

    def _verifier(self) -> str:
        return self.public_key if self.certificate is None else pem(self.certificate)

    def _vouched(self, kind: str, spec: dict[str, Any], log: Log | None, stamp: bytes | None) -> dict[str, str]:
        annotations = {}
        if self.certificate is not None:
            annotations = {"dev.sigstore.cosign/certificate": pem(self.certificate), "dev.sigstore.cosign/chain": ""}
        if log is not None:
            annotations["dev.sigstore.cosign/bundle"] = json.dumps(log.promise(kind, spec))
        if stamp is not None:
            annotations["dev.sigstore.cosign/rfc3161timestamp"] = json.dumps({"SignedRFC3161Timestamp": b64(stamp)})
        return annotations


class CertificateAuthority(Holder):
    """Vouches for identities, as Fulcio does."""

    def __init__(self, name: str = "Example") -> None:
        super().__init__()
        self.name = x509.Name([x509.NameAttribute(NameOID.ORGANIZATION_NAME, name)])
        now = dt.datetime.now(dt.UTC)
        self.certificate: x509.Certificate = (
            _builder(self.name, self.name, self, now - MONTH, now + MONTH)
            .add_extension(x509.BasicConstraints(ca=True, path_length=1), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self.key.public_key()), critical=False)
            .sign(self.key, hashes.SHA256())
        )

    def leaf(
        self,
        subject: str = SUBJECT,
        issuer: str = ISSUER,
        *,
        since: float = -300,
        until: float = 3600,
        certificate_log: Log | None = None,
    ) -> Holder:
        """Somebody with a certificate that holds from so many seconds from now until so many; a URI, or else a mail address."""
        holder, now = Holder(), dt.datetime.now(dt.UTC)
        is_uri = "://" in subject
        name = x509.UniformResourceIdentifier(subject) if is_uri else x509.RFC822Name(subject)
        utf8 = b"\x0c" + bytes([len(issuer)]) + issuer.encode()
        since_, until_ = now + dt.timedelta(seconds=since), now + dt.timedelta(seconds=until)
        builder = (
            _builder(x509.Name([]), self.name, holder, since_, until_)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key()), critical=False)
            .add_extension(x509.SubjectAlternativeName([name]), critical=True)
            .add_extension(_extension("1.3.6.1.4.1.57264.1.1", issuer.encode()), critical=False)
            .add_extension(_extension("1.3.6.1.4.1.57264.1.8", utf8), critical=False)
        )
        if certificate_log is not None:
            bare = builder.sign(self.key, hashes.SHA256()).tbs_certificate_bytes
            word = certificate_log.word(bare, hashlib.sha256(self.spki).digest())
            builder = builder.add_extension(x509.UnrecognizedExtension(SCTS, word), critical=False)
        return Holder(holder.key, builder.sign(self.key, hashes.SHA256()), self.trusted_root())

    def signer(self, name: str = "ci", subject: str = SUBJECT, issuer: str = ISSUER, **witnesses: Any) -> Signer:
        """By what the signatures of an identity are known; `witnesses` as for `trusted_root`."""
        return Signer(name, issuer=issuer, subject=subject, root=self.trusted_root(**witnesses))

    def trusted_root(
        self, *, logs: Sequence[Log] = (), certificate_logs: Sequence[Log] = (), clocks: Sequence[Clock] = ()
    ) -> str:
        """The content of a trusted_root.json: this authority, and those who must bear witness."""
        root = {
            "mediaType": ROOT,
            "tlogs": [log.instance for log in logs],
            "certificateAuthorities": [_authority([self.certificate], self.certificate)],
            "ctlogs": [log.instance for log in certificate_logs],
            "timestampAuthorities": [_authority([clock.certificate, clock.root], clock.root) for clock in clocks],
        }
        return json.dumps({key: value for key, value in root.items() if value})


class Log(Holder):
    """A log that bears witness: of signatures as Rekor does, or of certificates (RFC 6962)."""

    index = itertools.count(7)

    @property
    def instance(self) -> dict[str, Any]:
        """It, in a trusted root."""
        valid = {"start": (dt.datetime.now(dt.UTC) - MONTH).isoformat().replace("+00:00", "Z")}
        key = {"rawBytes": b64(self.spki), "keyDetails": "PKIX_ECDSA_P256_SHA_256", "validFor": valid}
        identity = {"keyId": b64(hashlib.sha256(self.spki).digest())}
        return {"baseUrl": "https://log.example", "hashAlgorithm": "SHA2_256", "publicKey": key, "logId": identity}

    def promise(self, kind: str, spec: dict[str, Any]) -> dict[str, Any]:
        """The promise to hold an entry, as it stands in an annotation."""
        entry = {
            "body": b64(_canonical({"apiVersion": "0.0.1", "kind": kind, "spec": spec})),
            "integratedTime": int(dt.datetime.now(dt.UTC).timestamp()),
            "logID": hashlib.sha256(self.spki).hexdigest(),
            "logIndex": next(self.index),
        }
        return {"SignedEntryTimestamp": b64(self.sign(_canonical(entry))), "Payload": entry}

    def word(self, certificate: bytes, issuer: bytes) -> bytes:
        """The word to have seen a certificate, as it stands in it: a list of one, in an octet string."""
        time = (int(dt.datetime.now(dt.UTC).timestamp()) * 1000).to_bytes(8, "big")
        entry = b"\x00\x00" + time + b"\x00\x01" + issuer + len(certificate).to_bytes(3, "big") + certificate + b"\x00\x00"
        signature = self.sign(entry)
        one = b"\x00" + hashlib.sha256(self.spki).digest() + time + b"\x00\x00\x04\x03" + _counted(signature)
        whole = _counted(_counted(one))
        return b"\x04" + bytes([len(whole)] if len(whole) < 128 else [0x81, len(whole)]) + whole


class Clock(Holder):
    """A time stamp authority (RFC 3161): says that it has seen a signature now. Needs the openssl program."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        authority, now = CertificateAuthority("Time"), dt.datetime.now(dt.UTC)
        self.root = authority.certificate
        self.certificate: x509.Certificate = (
            _builder(
                x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "clock")]), authority.name, self, now - MONTH, now + MONTH
            )
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key.public_key()), critical=False)
            .sign(authority.key, hashes.SHA256())
        )
        self._folder = folder / "clock"
        self._folder.mkdir()
        (self._folder / "key.pem").write_bytes(self.private_key)
        (self._folder / "clock.pem").write_text(pem(self.certificate))
        (self._folder / "clock.cnf").write_text(
            "[clock]\nserial = serial\ndefault_policy = 1.3.6.1.4.1.57264.2\ndigests = sha256\nsigner_digest = sha256\n"
            "ess_cert_id_alg = sha256\n"
        )

    def stamp(self, data: bytes) -> bytes:
        """The signed time at which it has seen these bytes: now."""
        (self._folder / "data").write_bytes(data)
        self._openssl("-query", "-data", "data", "-sha256", "-cert", "-out", "query")
        signer = ["-inkey", "key.pem", "-signer", "clock.pem"]
        self._openssl("-reply", "-config", "clock.cnf", "-section", "clock", "-queryfile", "query", *signer, "-out", "stamp")
        return (self._folder / "stamp").read_bytes()

    def _openssl(self, *arguments: str) -> None:
        subprocess.run(["openssl", "ts", *arguments], cwd=self._folder, check=True, capture_output=True)


class ByHand:
    """The real cosign, as a person runs it, offline; relative paths are in `folder`."""

    def __init__(self, program: Path, folder: Path) -> None:
        self._program = program
        self.folder = folder / "by-hand"
        self.folder.mkdir()
        self._keys: dict[Holder, Path] = {}
        self.run("signing-config", "create", "--out", "signing.json")

    def run(self, *arguments: str | Path) -> None:
        environment = {"HOME": str(self.folder), "COSIGN_PASSWORD": PASSWORD}
        subprocess.run([self._program, *arguments], cwd=self.folder, env=environment, check=True, capture_output=True, timeout=60)

    def sign(self, reference: str, who: Holder, *, old: bool = False) -> None:
        """Sign `host/repository@sha256:...`; in the old format under its `.sig` tag."""
        self.run("sign", *self._who(who), *_format(old=old), reference)

    def attest(self, reference: str, who: Holder, kind: str, predicate: Any, *, old: bool = False) -> None:
        """Attest, by cosign's word for the predicate type (`spdxjson`, `cyclonedx`, `vuln`) or the type itself."""
        (self.folder / "predicate.json").write_text(json.dumps(predicate))
        self.run("attest", *self._who(who), "--type", kind, "--predicate", "predicate.json", *_format(old=old), reference)

    def _who(self, who: Holder) -> list[str | Path]:
        """Whose key signs. With a trusted root, or cosign looks for one on the internet; it refuses a certificate not of it."""
        key = self._keys.get(who)
        if key is None:
            name = f"key{len(self._keys)}"
            (self.folder / f"{name}.pem").write_bytes(who.private_key)
            self.run("import-key-pair", "--key", f"{name}.pem", "--output-key-prefix", name)
            key = self._keys[who] = self.folder / f"{name}.key"
        (self.folder / "root.json").write_text(who.trust)
        if who.certificate is None:
            return ["--key", key, "--trusted-root", "root.json"]
        key.with_suffix(".crt").write_text(pem(who.certificate))
        return ["--key", key, "--trusted-root", "root.json", "--certificate", key.with_suffix(".crt")]


def _format(*, old: bool) -> list[str]:
    if old:
        how = ["--new-bundle-format=false", "--use-signing-config=false", "--tlog-upload=false"]
    else:
        how = ["--signing-config", "signing.json"]
    return [*how, "--allow-http-registry", "-y"]


def _builder(
    subject: x509.Name, issuer: x509.Name, holder: Holder, since: dt.datetime, until: dt.datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(holder.key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(since)
        .not_valid_after(until)
    )


def _extension(identifier: str, value: bytes) -> x509.UnrecognizedExtension:
    return x509.UnrecognizedExtension(ObjectIdentifier(identifier), value)


def _authority(chain: Sequence[x509.Certificate], root: x509.Certificate) -> dict[str, Any]:
    valid = {"start": root.not_valid_before_utc.isoformat().replace("+00:00", "Z")}
    certificates = [{"rawBytes": der(certificate)} for certificate in chain]
    return {"uri": "https://authority.example", "certChain": {"certificates": certificates}, "validFor": valid}


def _canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _counted(data: bytes) -> bytes:
    return len(data).to_bytes(2, "big") + data
