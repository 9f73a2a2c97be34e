from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, cast

import pytest

from reconciler.adapters.git import Repository
from reconciler.model.errors import ConfigurationError, NotFoundError, UnavailableError
from reconciler.model.policy_removal import MARKER_FILE
from reconciler.services.policies.policy_sources import DirectoryPolicySource, GitPolicySource
from reconciler.services.policies.trust_policy_loader import FOLDER, read_policies, trust_policies_at
from tests.support.environment_files import Latch
from tests.support.git_server import bare, commit
from tests.support.public_keys import public_key
from tests.support.trust_policies import indented, trust_policy

if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.domain.trust.trust_policies import TrustPolicies


def names(directory: Path) -> list[str]:
    return [p.metadata.name for p in read_policies(directory).policies]


def test_every_yaml_file_of_the_directory_is_read(tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_text(trust_policy("two"))
    (tmp_path / "a.yml").write_text(trust_policy("one"))
    (tmp_path / "README.md").write_text("not a policy")
    assert names(tmp_path) == ["one", "two"]


def test_one_file_may_hold_several(tmp_path: Path) -> None:
    (tmp_path / "all.yaml").write_text(trust_policy("one") + "---\n" + trust_policy("two"))
    assert names(tmp_path) == ["one", "two"]


def test_a_missing_directory_says_so(tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere"
    with pytest.raises(ConfigurationError, match="nowhere cannot be read: No such file"):
        read_policies(nowhere)
    with pytest.raises(ConfigurationError, match="nowhere cannot be read: No such file"):
        DirectoryPolicySource(nowhere, read_policies)()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("kind: [", "bad.yaml:1:8: not YAML"),
        ("kind: TrustPolicy\n", "bad.yaml:1:1: "),
        (trust_policy("x", key="ssh-rsa AAAA"), "bad.yaml:8:10: spec.authorities.0.key: not a PEM public key"),
        (
            trust_policy("x").replace("artifacts", "artefacts"),
            "bad.yaml:5:3: unknown field spec.artefacts; did you mean artifacts?",
        ),
        (trust_policy("x").replace("TrustPolicy", "Environment"), "bad.yaml:2:7: kind is 'Environment'"),
    ],
)
def test_a_broken_policy_stops_all_rather_than_being_left_out(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "good.yaml").write_text(trust_policy("good"))
    (tmp_path / "bad.yaml").write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        read_policies(tmp_path)
    assert message in str(caught.value)


def test_one_authority_name_stands_for_one_key(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(trust_policy("one"))
    (tmp_path / "b.yaml").write_text(trust_policy("two"))
    assert len(read_policies(tmp_path).policies) == 2
    (tmp_path / "b.yaml").write_text(trust_policy("two", key=indented(public_key("other"))))
    with pytest.raises(ConfigurationError, match="the authority release names two different signers"):
        read_policies(tmp_path)


def test_a_change_is_seen_at_the_next_question(tmp_path: Path) -> None:
    (tmp_path / MARKER_FILE).touch()
    files = DirectoryPolicySource(tmp_path, read_policies)
    assert files().policies == ()
    (tmp_path / "a.yaml").write_text(trust_policy("one"))
    first = files()
    assert [p.metadata.name for p in first.policies] == ["one"]
    assert files() is first
    (tmp_path / "a.yaml").write_text(trust_policy("one", artifacts="*"))
    assert files().digest != first.digest
    (tmp_path / "a.yaml").write_text("broken: [")
    with pytest.raises(ConfigurationError):
        files()


def test_a_configmaps_way_of_changing_all_files_at_once_is_seen(tmp_path: Path) -> None:
    for version, name in (("v1", "one"), ("v2", "two")):
        (tmp_path / version).mkdir()
        (tmp_path / version / "a.yaml").write_text(trust_policy(name))
    mount = tmp_path / "mount"
    mount.mkdir()
    (mount / MARKER_FILE).touch()
    (mount / "..data").symlink_to(tmp_path / "v1")
    (mount / "a.yaml").symlink_to("..data/a.yaml")
    files = DirectoryPolicySource(mount, read_policies)
    assert [p.metadata.name for p in files().policies] == ["one"]
    (mount / "..new").symlink_to(tmp_path / "v2")
    (mount / "..new").rename(mount / "..data")
    with pytest.raises(ConfigurationError, match="TrustPolicies that were in force are missing: one"):
        files()
    (mount / MARKER_FILE).write_text("removed: one\n")
    assert [p.metadata.name for p in files().policies] == ["two"]


def test_threads_get_whole_answers(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(trust_policy("n0"))
    (tmp_path / MARKER_FILE).touch()
    files = DirectoryPolicySource(tmp_path, read_policies)

    def ask(_: int) -> int:
        return len(files().policies)

    with ThreadPoolExecutor(4) as pool:
        answers = pool.map(ask, range(200))
        for number in range(20):
            (tmp_path / ".new").write_text(trust_policy("n0", artifacts=f"registry.example/{number}/*"))
            (tmp_path / ".new").replace(tmp_path / "a.yaml")
        assert set(answers) == {1}


def test_the_digest_does_not_depend_on_file_names(tmp_path: Path) -> None:
    for folder, first, second in (("x", "a", "b"), ("y", "b", "a")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / f"{first}.yaml").write_text(trust_policy("one"))
        (tmp_path / folder / f"{second}.yaml").write_text(trust_policy("two"))
    assert read_policies(tmp_path / "x").digest == read_policies(tmp_path / "y").digest
    (tmp_path / "y" / "a.yaml").write_text(trust_policy("two", artifacts="*"))
    assert read_policies(tmp_path / "x").digest != read_policies(tmp_path / "y").digest


# The system repository


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    return bare(tmp_path / "served" / "catalyst-config.git")


def source(origin: Path, *, every: float = 0.0, stands: float = 3600.0) -> GitPolicySource[TrustPolicies]:
    return GitPolicySource(
        Repository(origin.parent / "clone", origin.as_uri()), FOLDER, trust_policies_at, every=every, max_staleness=stands
    )


def test_policies_come_from_the_folder_trust_of_main(origin: Path) -> None:
    commit(
        origin,
        "main",
        {"trust/a.yaml": trust_policy("one"), "other/b.yaml": trust_policy("two"), "c.yaml": "[", "trust/README.md": "["},
    )
    policies = source(origin)
    assert [p.metadata.name for p in policies().policies] == ["one"]
    first = policies()
    assert policies() is first, "nothing is read again while nothing changes"
    commit(origin, "main", {"trust/a.yaml": trust_policy("one"), "trust/b.yml": trust_policy("two")})
    assert [p.metadata.name for p in policies().policies] == ["one", "two"]


def test_a_broken_policy_in_the_repository_stops_all_until_it_is_mended(origin: Path) -> None:
    commit(origin, "main", {"trust/a.yaml": trust_policy("one")})
    policies = source(origin)
    policies()
    commit(origin, "main", {"trust/a.yaml": trust_policy("one"), "trust/b.yaml": "kind: ["})
    for _ in range(2):
        with pytest.raises(ConfigurationError, match=r"b\.yaml:1:8: not YAML"):
            policies()
    commit(origin, "main", {"trust/a.yaml": trust_policy("one")})
    assert len(policies().policies) == 1


def test_without_main_nothing_is_trusted(origin: Path) -> None:
    with pytest.raises(ConfigurationError, match="has no branch main"):
        source(origin)()


def test_a_repository_that_is_away_is_done_without_for_a_while(origin: Path) -> None:
    commit(origin, "main", {"trust/a.yaml": trust_policy("one")})
    patient, strict = source(origin), source(origin, stands=0.0)
    strict._repository = Repository(origin.parent / "clone-2", origin.as_uri())
    first = patient()
    strict()
    origin.rename(origin.with_suffix(".away"))
    assert patient() is first
    with pytest.raises(NotFoundError):
        strict()
    fresh = source(origin)
    fresh._repository = Repository(origin.parent / "clone-3", origin.as_uri())
    with pytest.raises(NotFoundError):
        fresh()
    origin.with_suffix(".away").rename(origin)
    assert len(strict().policies) == len(fresh().policies) == 1


def test_policies_that_stood_too_long_do_not_come_back_between_looks(origin: Path) -> None:
    commit(origin, "main", {"trust/a.yaml": trust_policy("one")})
    policies = source(origin, every=3600.0, stands=60.0)
    policies()
    policies._refreshed -= 61
    policies._attempted -= 3601
    origin.rename(origin.with_suffix(".away"))
    for _ in range(3):
        with pytest.raises(NotFoundError):
            policies()


class Away:
    """A repository that never answers, and counts how often it was asked."""

    name = "system"

    def __init__(self) -> None:
        self.asked = 0

    def heads(self) -> dict[str, str]:
        self.asked += 1
        raise UnavailableError("it is away")


def test_threads_do_not_queue_for_a_repository_that_is_away() -> None:
    away = Away()
    policies = GitPolicySource(cast("Repository", away), FOLDER, trust_policies_at, every=3600.0, max_staleness=3600.0)
    with ThreadPoolExecutor(8) as pool:
        faults = [one.exception() for one in [pool.submit(policies) for _ in range(8)]]
    assert (away.asked, {type(fault) for fault in faults}) == (1, {UnavailableError})


def test_it_is_looked_at_only_now_and_then(origin: Path) -> None:
    commit(origin, "main", {"trust/a.yaml": trust_policy("one")})
    policies = source(origin, every=3600.0)
    policies()
    commit(origin, "main", {"trust/a.yaml": trust_policy("two")})
    assert [p.metadata.name for p in policies().policies] == ["one"]


def test_when_told_so_it_looks_again_at_once(origin: Path) -> None:
    commit(origin, "main", {"trust/a.yaml": trust_policy("a")})
    slow = source(origin, every=3600)
    assert [p.metadata.name for p in slow().policies] == ["a"]
    commit(origin, "main", {"trust/b.yaml": trust_policy("b")})
    assert len(slow().policies) == 1
    slow.request_refresh()
    assert [p.metadata.name for p in slow().policies] == ["b"]
    commit(origin, "main", {"trust/a.yaml": trust_policy("a")})
    assert len(slow().policies) == 1, "once"


class Gated:
    """A system repository that answers once its gate is open, with what it holds then."""

    name = "system/catalyst-config"

    def __init__(self, real: Repository) -> None:
        self.real, self.gate = real, Latch()

    def heads(self) -> dict[str, str]:
        self.gate.wait()
        return self.real.heads()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)


def test_after_a_change_nobody_goes_on_with_the_old_policies(origin: Path, tmp_path: Path) -> None:
    commit(origin, "main", {"trust/a.yaml": trust_policy("a")})
    gated = Gated(Repository(tmp_path / "clone", origin.as_uri()))
    slow = GitPolicySource(cast("Repository", gated), FOLDER, trust_policies_at, every=3600.0, max_staleness=3600.0)
    gated.gate.open.set()
    slow()
    gated.gate = Latch()
    commit(origin, "main", {"trust/b.yaml": trust_policy("b")})
    slow.request_refresh()
    with ThreadPoolExecutor() as pool:
        answers = [pool.submit(slow) for _ in range(3)]
        assert gated.gate.reached.wait(15)
        assert not any(one.done() for one in answers)
        gated.gate.open.set()
        assert [[p.metadata.name for p in one.result(15).policies] for one in answers] == [["b"]] * 3


def test_two_policies_cannot_share_a_name(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(trust_policy("one") + "---\n" + trust_policy("one", artifacts="x/*"))
    with pytest.raises(ConfigurationError, match="two trust policies one"):
        read_policies(tmp_path)
