"""How cosign is run: by programs that are missing, old, hanging, noisy or killed. Real signatures are in tests/live."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import psutil
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from reconciler.adapters.cosign.runner import Cosign
from reconciler.model.errors import ConfigurationError, UnavailableError
from reconciler.model.trust import Signer
from tests.support.signers import CertificateAuthority, Holder

KEY = "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0=\n-----END PUBLIC KEY-----\n"
SIGNER = Signer("release", key=KEY)
CI = CertificateAuthority().signer()
DIGEST = "sha256:" + "0" * 64
VERSION = 'if [ "$1" = version ]; then echo \'{"gitVersion": "v3.0.6"}\'; exit 0; fi\n'


def program(tmp_path: Path, script: str, version: str = VERSION) -> Path:
    path = tmp_path / "cosign"
    path.write_text(f"#!/bin/sh\n{version}{script}\n")
    path.chmod(0o755)
    return path


def test_a_missing_program_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="there is no cosign at"):
        Cosign(tmp_path / "cosign").verify_bundle(b"{}", DIGEST, SIGNER)


def test_a_program_that_cannot_run_says_so(tmp_path: Path) -> None:
    path = tmp_path / "cosign"
    path.write_bytes(b"\x7fELF of another kind")
    path.chmod(0o755)
    with pytest.raises(ConfigurationError, match="cannot be executed on this machine") as caught:
        Cosign(path).version()
    assert "Traceback" not in str(caught.value)


@pytest.mark.parametrize(
    ("says", "message"), [("v3.0.5", "is cosign 3.0.5, which is too old"), ("v2.9.9", "too old"), ("devel", "does not report")]
)
def test_an_old_program_is_not_asked(tmp_path: Path, says: str, message: str) -> None:
    asked = tmp_path / "asked"
    path = program(
        tmp_path, f"> {asked}", version=f'if [ "$1" = version ]; then echo \'{{"gitVersion": "{says}"}}\'; exit 0; fi\n'
    )
    with pytest.raises(ConfigurationError, match=message):
        Cosign(path).verify_bundle(b"{}", DIGEST, SIGNER)
    assert not asked.exists()


def test_the_version_is_asked_once(tmp_path: Path) -> None:
    log = tmp_path / "log"
    cosign = Cosign(program(tmp_path, "exit 0", version=f'echo "$1" >> {log}\n{VERSION}'))
    assert cosign.version() == (3, 0, 6)
    assert cosign.verify_bundle(b"{}", DIGEST, SIGNER)
    assert cosign.verify_bundle(b"{}", DIGEST, SIGNER)
    assert log.read_text().split() == ["version", "verify-blob-attestation", "verify-blob-attestation"]


@pytest.mark.parametrize(("code", "holds"), [(0, True), (1, False), (10, False), (12, False), (126, False)])
def test_the_exit_code_is_zero_or_it_is_not(tmp_path: Path, code: int, holds: bool) -> None:
    assert Cosign(program(tmp_path, f"echo Verified OK; exit {code}")).verify_bundle(b"{}", DIGEST, SIGNER) is holds


def test_a_hanging_program_is_unavailable_in_time_and_leaves_nothing_behind(tmp_path: Path) -> None:
    path = program(tmp_path, "/bin/sleep 47.11 & wait")
    started = time.monotonic()
    with pytest.raises(UnavailableError, match=r"took all of its 0\.5 s"):
        Cosign(path, timeout=0.5).verify_bundle(b"{}", DIGEST, SIGNER)
    assert time.monotonic() - started < 2
    time.sleep(0.1)
    assert not [p for p in psutil.process_iter(["cmdline"]) if "47.11" in (p.info["cmdline"] or [])]


def test_a_no_that_took_all_the_time_is_no_answer_and_a_yes_is(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError):
        Cosign(program(tmp_path, "/bin/sleep 0.93; exit 1"), timeout=1).verify_bundle(b"{}", DIGEST, SIGNER)
    assert Cosign(program(tmp_path, "/bin/sleep 0.93; exit 0"), timeout=1).verify_bundle(b"{}", DIGEST, SIGNER)
    assert not Cosign(program(tmp_path, "/bin/sleep 0.2; exit 1"), timeout=1).verify_bundle(b"{}", DIGEST, SIGNER)


def test_a_killed_program_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="killed by signal 9"):
        Cosign(program(tmp_path, "kill -9 $$")).verify_bundle(b"{}", DIGEST, SIGNER)


def test_output_without_an_end_is_bounded(tmp_path: Path) -> None:
    before = psutil.Process().memory_info().rss
    path = program(tmp_path, "i=0; while [ $i -lt 3000 ]; do printf '%65536d\\n' 1; i=$((i+1)); done; exit 1")
    assert not Cosign(path).verify_bundle(b"{}", DIGEST, SIGNER)
    assert psutil.Process().memory_info().rss - before < 64 << 20


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can limit another process")
@pytest.mark.parametrize(("mebibytes", "holds"), [(300, True), (700, False)])
def test_memory_is_limited(tmp_path: Path, mebibytes: int, holds: bool) -> None:
    allocate = f"import time; time.sleep(.2); bytearray({mebibytes} << 20)"
    path = program(tmp_path, f"exec {sys.executable} -c '{allocate}'")
    assert Cosign(path).verify_bundle(b"{}", DIGEST, SIGNER) is holds


def test_the_environment_is_empty_but_for_a_private_home(tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    os.environ["CANARY"] = "1"
    try:
        Cosign(program(tmp_path, f'/usr/bin/env > {seen}; test -d "$HOME" && test ! -t 0 -a ! -t 1')).verify_bundle(
            b"{}", DIGEST, SIGNER
        )
    finally:
        del os.environ["CANARY"]
    environment = dict(line.partition("=")[::2] for line in seen.read_text().splitlines())
    assert set(environment) <= {"HOME", "TMPDIR", "PWD", "SHLVL", "_"}
    assert not Path(environment["HOME"]).exists(), "it is removed"


def test_the_password_is_in_no_message_and_in_no_argument(tmp_path: Path) -> None:
    path = program(tmp_path, 'echo "$@" >&2; test -n "$COSIGN_PASSWORD" || echo none >&2; exit 1')
    with pytest.raises(ConfigurationError) as caught:
        Cosign(path).sign(f"host.example/a@{DIGEST}", tmp_path / "key", password="canary-7d1", plain_http=False)  # noqa: S106
    assert "canary-7d1" not in str(caught.value)
    assert "--allow-http-registry=false" in str(caught.value), "the program's last line is shown"
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    "line", ["POST http://h/: Bearer canary-7d1: no", "Basic canary-7d1=", 'Get "http://h/?s=canary-7d1": refused']
)
def test_credentials_that_a_registry_says_back_are_not_shown(tmp_path: Path, line: str) -> None:
    path = program(tmp_path, f"echo '{line}' >&2; exit 1")
    with pytest.raises(ConfigurationError, match="cosign did not sign") as caught:
        Cosign(path).sign(f"host.example/a@{DIGEST}", tmp_path / "key", password="", plain_http=False)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("key", ["text", KEY.replace("PUBLIC", "PRIVATE"), KEY.replace("MFkw", "MF*w"), KEY + KEY])
def test_what_is_no_key_is_not_called_a_bad_signature(tmp_path: Path, key: str) -> None:
    with pytest.raises(ConfigurationError, match="the key of the authority release is not a PEM public key"):
        Cosign(program(tmp_path, "exit 1")).verify_bundle(b"{}", DIGEST, Signer("release", key=key))


def test_a_trusted_root_that_cosign_cannot_read_is_not_called_a_bad_signature(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="the trusted root of the authority ci cannot be read by cosign"):
        Cosign(program(tmp_path, "exit 1")).verify_bundle(b"{}", DIGEST, CI)


def test_whether_a_trusted_root_can_be_read_is_asked_after_a_no_and_once(tmp_path: Path) -> None:
    log = tmp_path / "log"
    script = f'echo "$1" >> {log}; case "$*" in *--key=*) exit 0;; *yes*) exit 0;; *) exit 1;; esac'
    cosign = Cosign(program(tmp_path, script))
    assert cosign.verify_bundle(b"{}", DIGEST, CI, "https://yes")
    assert not cosign.verify_bundle(b"{}", DIGEST, CI)
    assert not cosign.verify_bundle(b"{}", DIGEST, CI)
    assert log.read_text().split() == ["verify-blob-attestation"] * 2 + ["verify-blob"] + ["verify-blob-attestation"]


def test_an_attestation_is_asked_for_by_its_type_and_its_digest(tmp_path: Path) -> None:
    log = tmp_path / "log"
    cosign = Cosign(program(tmp_path, f'printf "%s\\n" "$@" > {log}'))
    assert cosign.verify_legacy_attestation(b"{}", {}, DIGEST, SIGNER, "https://spdx.dev/Document")
    assert {"--type=https://spdx.dev/Document", f"--digest={'0' * 64}", "--digestAlg=sha256"} <= set(log.read_text().split())


@pytest.mark.parametrize("payload", [b"", b"[]", b"[" * 100_000, b'{"critical": {"image": null}}'])
def test_a_signed_payload_that_names_no_digest_signs_nothing(tmp_path: Path, payload: bytes) -> None:
    assert not Cosign(program(tmp_path, "exit 0")).verify_legacy(payload, {}, DIGEST, SIGNER)


def test_without_the_certificate_that_is_demanded_cosign_is_not_asked(tmp_path: Path) -> None:
    cosign = Cosign(tmp_path / "there-is-none")
    payload, annotations = Holder().old_signature(DIGEST)
    envelope, others = Holder().old_attestation(DIGEST, "https://spdx.dev/Document")
    assert not cosign.verify_legacy(payload, annotations, DIGEST, CI)
    assert not cosign.verify_legacy_attestation(envelope, others, DIGEST, CI, "https://spdx.dev/Document")


def test_a_key_that_signs_what_nobody_can_verify_is_refused_when_it_is_read(tmp_path: Path) -> None:
    public = ec.generate_private_key(ec.SECP384R1()).public_key()
    key = tmp_path / "key.pub"
    key.write_bytes(public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo))
    with pytest.raises(ConfigurationError, match="is ECDSA P-384, by which cosign can sign but not verify"):
        Cosign(program(tmp_path, f"cat {key}")).public_key(tmp_path / "cosign.key", "")
