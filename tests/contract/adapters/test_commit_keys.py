"""Keys and signatures of commits, with git and ssh-keygen as the oracles."""

from __future__ import annotations

import shutil
import stat
import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.adapters.commit_keys import CommitKeys, create_key_file
from reconciler.adapters.git import Repository
from reconciler.formats import ssh_signature
from reconciler.model.errors import ConfigurationError
from tests.support.git_server import bare
from tests.support.signing import allowed_signers, git_verifies, new_keys

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is the oracle")

COMMIT = b"tree " + b"0" * 40 + b"\nauthor a <a@b> 1 +0000\ncommitter a <a@b> 1 +0000\n\nhello\n\nworld\n"


def ssh_keygen(*arguments: object, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["ssh-keygen", *map(str, arguments)], input=stdin, capture_output=True, check=False)


def test_a_signature_is_what_ssh_keygen_makes_of_the_same_key(tmp_path: Path) -> None:
    keys = new_keys(tmp_path / "key")
    split = ssh_signature.split_commit(keys.sign(COMMIT))
    assert split is not None
    (tmp_path / "content").write_bytes(COMMIT)
    assert ssh_keygen("-Y", "sign", "-f", tmp_path / "key", "-n", "git", tmp_path / "content").returncode == 0
    assert split == (COMMIT, (tmp_path / "content.sig").read_text())
    assert ssh_keygen("-y", "-f", tmp_path / "key").stdout.split()[:2] == str(keys.public_key).encode().split()
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600


@settings(max_examples=30, deadline=None)
@given(content=st.binary(max_size=200))
def test_ssh_keygen_verifies_what_is_signed_and_nothing_else(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    folder = tmp_path_factory.mktemp("keys")
    keys = new_keys(folder / "key")
    signed = keys.sign(COMMIT + content)
    split = ssh_signature.split_commit(signed)
    assert split is not None
    allowed = allowed_signers(folder / "allowed", keys)
    (folder / "signature").write_text(split[1])
    verify = ("-Y", "verify", "-f", allowed, "-I", "reconciler@catalyst.openova.io", "-n", "git", "-s", folder / "signature")
    assert ssh_keygen(*verify, stdin=COMMIT + content).returncode == 0
    assert keys.is_accepted(signed)
    assert ssh_keygen(*verify, stdin=COMMIT + content + b"x").returncode != 0
    assert not keys.is_accepted(signed + b"x")


@settings(max_examples=300, deadline=None)
@given(position=st.integers(0, 10_000), value=st.integers(0, 255))
def test_a_signed_commit_with_another_byte_is_not_accepted(
    tmp_path_factory: pytest.TempPathFactory, position: int, value: int
) -> None:
    keys = new_keys(tmp_path_factory.getbasetemp() / "key")
    signed = bytearray(keys.sign(COMMIT))
    position %= len(signed)
    changed, signed[position] = signed[position] != value, value
    assert keys.is_accepted(bytes(signed)) is not changed


@settings(deadline=None)
@given(text=st.text() | st.binary().map(lambda value: value.decode("latin-1")))
def test_any_text_is_read_without_an_error(text: str) -> None:
    assert ssh_signature.parse(text) is None
    assert ssh_signature.parse_public_key(text) is None
    assert not CommitKeys(None).is_accepted(text.encode())


def test_git_accepts_a_commit_by_the_key_and_a_foreign_one_not(tmp_path: Path) -> None:
    origin, keys = bare(tmp_path / "origin.git"), new_keys(tmp_path / "key")
    signing = Repository(tmp_path / "clone", origin.as_uri(), keys=keys)
    first = signing.write({"a": b"1"}, parent=None, message="first\n\nbody\n", time=1)
    second = signing.write_over({"a": b"2"}, parent=first.id, message="second", time=2)
    other = Repository(tmp_path / "other", origin.as_uri(), keys=new_keys(tmp_path / "another"))
    foreign = other.write({"a": b"1"}, parent=None, message="x", time=1)
    unsigned = Repository(tmp_path / "none", origin.as_uri()).write({"a": b"1"}, parent=None, message="y", time=1)
    signing.push(second.id, "main", expect=None)
    other.push(foreign.id, "foreign", expect=None)
    allowed = allowed_signers(tmp_path / "allowed", keys)
    assert [git_verifies(origin, commit.id, allowed) for commit in (first, second, foreign)] == [True, True, False]
    signing.fetch(signing.heads())
    assert [signing.is_own_commit(commit) for commit in (first, second, foreign)] == [True, True, False]
    assert [signing.needs_signature(commit) for commit in (first, foreign)] == [False, True]
    assert unsigned.committer == first.committer


def test_a_key_that_was_replaced_is_accepted_while_it_is_named(tmp_path: Path) -> None:
    before = new_keys(tmp_path / "before")
    after = new_keys(tmp_path / "after", f"{before.public_key} from last year")
    signed = before.sign(COMMIT)
    assert (after.is_accepted(signed), after.is_own(signed)) == (True, False)
    assert not new_keys(tmp_path / "after").is_accepted(signed)
    reader = CommitKeys.read(None, [str(before.public_key)])
    assert (reader.can_sign, reader.is_accepted(signed), reader.sign(COMMIT)) == (False, True, COMMIT)


@pytest.mark.parametrize("kind", ["rsa", "ecdsa"])
def test_a_key_that_cannot_sign_here_is_refused_in_words(tmp_path: Path, kind: str) -> None:
    ssh_keygen("-q", "-t", kind, "-N", "", "-f", tmp_path / "key")
    with pytest.raises(ConfigurationError, match="no Ed25519 key"):
        CommitKeys.read(tmp_path / "key", ())
    with pytest.raises(ConfigurationError, match="is no Ed25519 key"):
        CommitKeys.read(None, [(tmp_path / "key.pub").read_text()])


def test_a_key_file_that_is_missing_locked_or_open_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="reconciler init"):
        CommitKeys.read(tmp_path / "none", ())
    ssh_keygen("-q", "-t", "ed25519", "-N", "secret", "-f", tmp_path / "locked")
    with pytest.raises(ConfigurationError, match="without a passphrase"):
        CommitKeys.read(tmp_path / "locked", ())
    assert (create_key_file(tmp_path / "key"), create_key_file(tmp_path / "key")) == (True, False)
    (tmp_path / "key").chmod(0o604)
    with pytest.raises(ConfigurationError, match="chmod 600"):
        CommitKeys.read(tmp_path / "key", ())
