"""Runs cosign as a program: verifies that a signature or an attestation is by a signer, and signs.

The only module that imports `sh`. Verification is offline: the caller fetches a signature through `adapters.registry.client`,
bounded and checked byte by byte, and cosign verifies that file alone. So cosign needs no credentials, contacts no registry,
cannot verify a half-fetched set, and its result is about exactly the file that it was given.

The program is not trusted to behave: it gets its arguments as a list without a shell or a terminal, and an environment that is
empty except for a private home; its whole process group is killed at the time-out; memory and output are limited. Only whether
its exit code is zero is used: neither the number nor the text is a reliable reason.
"""

from __future__ import annotations

import contextlib
import json
import re
import resource
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

import sh

from reconciler.adapters.cosign.arguments import signer_flags
from reconciler.formats.legacy_signatures import SIGNATURE, attestation_bundle, signature_bundle
from reconciler.formats.trusted_root import NO_ROOT, WitnessRequirements, invalid_trusted_root, requirements_for
from reconciler.model.errors import ConfigurationError, UnavailableError
from reconciler.model.public_key import USABLE, unusable_kind
from reconciler.model.trust import PREDICATE, Signer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

OLDEST: Final = (3, 0, 6)

_MEMORY = 512 << 20  # bytes of data that one run may allocate; a usual verification takes 65 MB
_NEAR = 0.9  # of the time-out: a failure that took longer than this may be a time-out of cosign's own
_BUFFERS = 64  # of 4096 bytes: the last part of each output stream that is stored
_LEGACY_TYPE = "cosign container image signature"

# An empty signing config: no transparency log, no time stamps, no request to the internet.
_SIGNING_CONFIG = '{"mediaType":"application/vnd.dev.sigstore.signingconfig.v0.2+json","rekorTlogConfig":{},"tsaConfig":{}}'

# A valid signature of an empty payload: when cosign does not accept it, it cannot read the trusted root given with it.
_PROBE_KEY = """-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE7gX78CUr7ZxDw36lvMo8ahgHCeb2
OksvUMEH+csrsF8cN0JkDtASyWlAjyShjwSWvzv6IYVQeWdIwwoSFuXkeA==
-----END PUBLIC KEY-----
"""
_PROBE_SIGNATURE = "MEQCIAGLU/v1mso2a0UneBnBcnMF9wXIwI4XhlUF4THHF6iSAiBS24Z8hdjICrn7eOt3q9M8uHB+W3MAP8h2R57fHThK8w=="


@dataclass(frozen=True)
class _Outcome:
    """The result of a run: the exit code, and the last part of each output stream."""

    code: int
    out: bytes
    err: bytes


class Cosign:
    """One cosign program; one object serves all threads.

    Every method raises `ConfigurationError` when the program is missing, cannot be executed or is older than 3.0.6, and
    `UnavailableError` when it was killed or used up nearly all of its time.

    Args:
        program: the path of the program.
        timeout: seconds that one run may take.
        credentials: a docker `config.json`, used for pushing signatures only.
    """

    def __init__(self, program: Path | str, *, timeout: float = 30.0, credentials: Path | None = None) -> None:
        self._program = str(program)
        self._timeout = timeout
        self._credentials = credentials
        self._version: tuple[int, int, int] | None = None
        self._readable: set[str] = set()  # trusted roots that cosign has accepted

    def version(self) -> tuple[int, int, int]:
        """Returns the program's version; read once, before any other run."""
        if self._version is None:
            with _scratch_dir() as home:
                self._version = self._read_version(home)
        return self._version

    def verify_bundle(self, bundle: bytes, digest: str, signer: Signer, predicate_type: str = PREDICATE) -> bool:
        """Whether a Sigstore bundle is a signature of `digest` by `signer`, or an attestation of another predicate type.

        An attestation is not accepted as a signature: the signed statement's predicate type must be the given one, and the digest
        must be among its subjects. Like every verification, raises ConfigurationError when the signer's key or trusted root is
        invalid.
        """
        arguments = (f"--type={predicate_type}", f"--digest={digest.removeprefix('sha256:')}", "--digestAlg=sha256")
        return self._verify(signer, bundle, "verify-blob-attestation", *arguments)

    def verify_legacy(self, payload: bytes, annotations: Mapping[str, str], digest: str, signer: Signer) -> bool:
        """Whether an old signature (a layer of a `.sig` tag and its annotations) is one of `digest` by `signer`.

        cosign verifies the signature over the payload; only then is the payload parsed, for the digest that it names.
        """
        bundle = signature_bundle(payload, annotations, requirements_for(signer))
        accepted = bundle is not None and self._verify(signer, bundle, "verify-blob", payload=payload)
        return accepted and _claimed_digest(payload) == digest

    def verify_legacy_attestation(
        self, envelope: bytes, annotations: Mapping[str, str], digest: str, signer: Signer, predicate_type: str
    ) -> bool:
        """Whether an old attestation (a layer of an `.att` tag and its annotations) is one of `digest` by `signer`.

        False for two kinds that cosign 2 could write: one with several signatures and, where a signed time is required, one whose
        time stamp is over the whole envelope; in a bundle it is over the signature.
        """
        bundle = attestation_bundle(envelope, annotations, requirements_for(signer))
        return bundle is not None and self.verify_bundle(bundle, digest, signer, predicate_type)

    def sign(self, reference: str, key: Path, *, password: str, plain_http: bool) -> None:
        """Signs `host/repository@sha256:...` with a private key file and pushes the signature next to it.

        Signing again adds a signature. Two signers of one digest at the same time may lose one signature, because registries
        without the referrers API store them in one tag that is rewritten: the caller serialises them.
        """
        self.version()
        with _scratch_dir() as home:
            (home / "config.json").write_text(_SIGNING_CONFIG, encoding="utf-8")
            (home / "root.json").write_text(NO_ROOT, encoding="utf-8")
            if self._credentials is not None:
                (home / ".docker").mkdir()
                (home / ".docker" / "config.json").symlink_to(self._credentials.absolute())
            outcome = self._run(
                home,
                "sign",
                f"--key={key.absolute()}",
                f"--signing-config={home / 'config.json'}",
                f"--trusted-root={home / 'root.json'}",
                f"--allow-http-registry={'true' if plain_http else 'false'}",
                "--yes",
                reference,
                password=password,
            )
        if outcome.code != 0:
            raise ConfigurationError(
                f"cosign did not sign {reference} with {key}: {_last_line(outcome.err)}",
                "check the key file, its password and the right to push to that repository",
            )

    def generate_key(self, directory: Path, password: str, name: str = "cosign") -> tuple[Path, Path]:
        """Generates a key pair; returns the paths of `<name>.key` (encrypted with the password) and `<name>.pub`."""
        self.version()
        prefix = directory.absolute() / name
        with _scratch_dir() as home:
            outcome = self._run(home, "generate-key-pair", f"--output-key-prefix={prefix}", password=password)
        if outcome.code != 0:
            raise ConfigurationError(f"cosign did not generate the key pair {prefix}: {_last_line(outcome.err)}")
        return prefix.with_name(f"{name}.key"), prefix.with_name(f"{name}.pub")

    def public_key(self, key: Path, password: str) -> str:
        """Returns the public key (PEM) that belongs to a private key file; ConfigurationError for one that verifies nothing."""
        self.version()
        with _scratch_dir() as home:
            outcome = self._run(home, "public-key", f"--key={key.absolute()}", password=password)
        if outcome.code != 0:
            raise ConfigurationError(
                f"cosign cannot read the key {key}: {_last_line(outcome.err)}", "check the key file and its password"
            )
        public_key = outcome.out.decode("ascii", "replace")
        if kind := unusable_kind(public_key):
            raise ConfigurationError(f"the key {key} is {kind}, by which cosign can sign but not verify", f"sign with {USABLE}")
        return public_key

    def _verify(self, signer: Signer, bundle: bytes, command: str, *arguments: str, payload: bytes | None = None) -> bool:
        """Whether cosign accepts a bundle as the signer's; `payload` is the signed content, unless the bundle contains it."""
        self.version()
        with _scratch_dir() as home:
            flags = [*signer_flags(home, signer), f"--bundle={home / 'bundle.json'}", *arguments]
            (home / "bundle.json").write_bytes(bundle)
            if payload is not None:
                (home / "payload").write_bytes(payload)
                flags.append(str(home / "payload"))
            accepted = self._run(home, command, *flags).code == 0
        if not accepted and not signer.key:
            self._check_trusted_root(signer)
        return accepted

    def _check_trusted_root(self, signer: Signer) -> None:
        """Raises ConfigurationError when cosign cannot read a trusted root: it then rejects everything, without the reason."""
        if signer.root not in self._readable:
            bundle = signature_bundle(b"", {SIGNATURE: _PROBE_SIGNATURE}, WitnessRequirements()) or b""
            probe = Signer(signer.name, key=_PROBE_KEY, root=signer.root)
            if not self._verify(probe, bundle, "verify-blob", payload=b""):
                raise invalid_trusted_root(signer, "cannot be read by cosign")
            self._readable.add(signer.root)

    def _read_version(self, home: Path) -> tuple[int, int, int]:
        outcome = self._run(home, "version", "--json")
        match = re.search(rb'"gitVersion":\s*"v(\d{1,4})\.(\d{1,4})\.(\d{1,4})', outcome.out)
        oldest = ".".join(map(str, OLDEST))
        hint = f"install cosign {oldest} or newer, and give its path in the configuration"
        if outcome.code != 0 or match is None:
            raise ConfigurationError(f"{self._program} does not report a version of cosign", hint)
        version = (int(match[1]), int(match[2]), int(match[3]))
        if version < OLDEST:
            raise ConfigurationError(f"{self._program} is cosign {'.'.join(map(str, version))}, which is too old", hint)
        return version

    def _run(self, home: Path, command: str, *arguments: str, password: str | None = None) -> _Outcome:
        """Runs until the program ends or the time-out kills it."""
        environment = {"HOME": str(home), "TMPDIR": str(home)}
        if password is not None:
            environment["COSIGN_PASSWORD"] = password  # not an argument: those are in every process list
        started = time.monotonic()
        outcome = self._finish(self._start([command, f"--timeout={self._timeout}s", *arguments], environment))
        timed_out = outcome.code != 0 and time.monotonic() - started > _NEAR * self._timeout
        if timed_out or outcome.code < 0:
            raise UnavailableError(
                f"cosign {command} gave no result: it "
                + (f"took all of its {self._timeout:g} s" if timed_out else f"was killed by signal {-outcome.code}"),
                "try again; if it stays so, give it more time or memory",
            )
        return outcome

    def _start(self, arguments: list[str], environment: dict[str, str]) -> sh.RunningCommand:
        hint = "give the path of cosign in the configuration"
        try:
            command = sh.Command(self._program)(
                *arguments,
                _env=environment,
                _in=b"",
                _tty_out=False,
                _out_bufsize=4096,
                _err_bufsize=4096,
                _internal_bufsize=_BUFFERS,
                _no_pipe=True,  # or sh stores all output a second time, without a bound
                _new_group=True,
                _bg=True,
                _bg_exc=False,
            )
        except sh.CommandNotFound:
            raise ConfigurationError(f"there is no cosign at {self._program}", hint) from None
        except sh.ForkException:  # its text is a traceback of the child
            raise ConfigurationError(f"{self._program} cannot be executed on this machine", hint) from None
        except OSError as error:
            raise UnavailableError(f"cosign cannot be started now: {error.strerror}") from error
        if sys.platform == "linux":
            with contextlib.suppress(ProcessLookupError):
                resource.prlimit(command.pid, resource.RLIMIT_DATA, (_MEMORY, _MEMORY))
        return command

    def _finish(self, command: sh.RunningCommand) -> _Outcome:
        """Waits for the end; kills the process group at the time-out.

        sh's own `_timeout` is not used: it kills the one process and not its children, and rounds every run up to 0.1 s.
        """
        timer = threading.Timer(self._timeout, _kill, [command])
        timer.daemon = True  # it must not prevent the process from exiting
        timer.start()
        try:
            command.wait()
        except sh.ErrorReturnCode:  # its text is the command line and all output
            pass
        finally:
            timer.cancel()
        return _Outcome(command.exit_code, command.process.stdout, command.process.stderr)


def _kill(command: sh.RunningCommand) -> None:
    with contextlib.suppress(ProcessLookupError):
        command.kill_group()


@contextlib.contextmanager
def _scratch_dir() -> Iterator[Path]:
    """Yields a private directory for one run."""
    with TemporaryDirectory(prefix="cosign-", ignore_cleanup_errors=True) as name:
        yield Path(name)


def _claimed_digest(payload: bytes) -> str | None:
    """Returns the digest that a simple-signing payload (containers/image, signature format) names, or None."""
    try:
        critical = json.loads(payload)["critical"]
        digest = critical["image"]["docker-manifest-digest"]
        return digest if isinstance(digest, str) and critical["type"] == _LEGACY_TYPE else None
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def _last_line(text: bytes) -> str:
    """Returns the last line of an error output, shortened, without control characters and credentials."""
    lines = text.decode("utf-8", "replace").split("\n")
    last = next((line for line in reversed(lines) if line.strip()), "it printed nothing")
    last = "".join(char for char in last if char.isprintable())
    # a registry may echo credentials, or redirect to an address that contains them
    return re.sub(r"(?i)\b(basic|bearer) [^\s:,;]+|\?[^\s\"']+", lambda match: f"{match[1] or '?'} ...", last)[-300:]
