"""Which files of a folder of policies are policies, which may lie beside them, and that no accident opens anything."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.domain.admission.environment_policies import EnvironmentPolicies
from reconciler.model.errors import ConfigurationError
from reconciler.model.git import Snapshot
from reconciler.model.policy_removal import MARKER_FILE, StatedRemovals, removals_in
from reconciler.services.policies.environment_policy_loader import environment_policies_at, read_environment_policies
from reconciler.services.policies.policy_sources import DirectoryPolicySource
from reconciler.services.policies.trust_policy_loader import read_policies, trust_policies_at
from tests.support.environment_policies import REQUIRED, environment_policy
from tests.support.trust_policies import trust_policy

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from reconciler.domain.trust.trust_policies import TrustPolicies

TEXT = environment_policy(REQUIRED).encode()


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("prod.yaml", ""),
        ("prod.yml", ""),
        ("README.md", ""),
        (".gitkeep", ""),
        (MARKER_FILE, ""),
        (".prod.yaml.swp", ""),
        ("prod.YAML", "policies/prod.YAML: would be ignored"),
        ("prod.Yml", "policies/prod.Yml: would be ignored"),
        ("prod.yaml.txt", "policies/prod.yaml.txt: would be ignored"),
        ("prod.yaml~", "policies/prod.yaml~: would be ignored"),
        ("prod.json", "policies/prod.json: would be ignored"),
        ("prod", "policies/prod: would be ignored"),
        (".prod.YAML", "policies/.prod.YAML: would be ignored"),
    ],
)
def test_a_name_that_is_not_known_is_a_problem(tmp_path: Path, name: str, problem: str) -> None:
    found = environment_policies_at(Snapshot("0" * 40, {f"policies/{name}": TEXT}, ()))
    assert "".join(str(one) for one in found.problems("whoever")).startswith(problem)
    assert bool(found.problems("whoever")) == bool(problem)
    (tmp_path / name).write_bytes(TEXT)
    on_disk = read_environment_policies(tmp_path)
    assert bool(on_disk.problems("whoever")) == bool(problem)


def test_a_folder_among_the_policies_is_a_problem(tmp_path: Path) -> None:
    (tmp_path / "prod").mkdir()
    assert str(read_environment_policies(tmp_path).problems("whoever")[0]).startswith("prod: is a folder")
    with pytest.raises(ConfigurationError, match="prod: is a folder where only files are read"):
        read_policies(tmp_path)


@pytest.mark.parametrize("text", [b"", b"# moved elsewhere\n", b"---\n", b"\n\n"])
def test_a_file_without_a_policy_holds_all(text: bytes) -> None:
    found = environment_policies_at(Snapshot("0" * 40, {"policies/prod.yaml": text}, ()))
    assert found.problems("whoever")
    trust = trust_policies_at(Snapshot("0" * 40, {"trust/a.yaml": trust_policy("one").encode(), "trust/b.yaml": text}, ()))
    assert isinstance(trust, ConfigurationError)


@pytest.mark.parametrize("name", ["b.YAML", "b", "b.yaml.bak"])
def test_a_trust_policy_under_another_name_is_not_lost_in_silence(tmp_path: Path, name: str) -> None:
    files = {"trust/a.yaml": trust_policy("one").encode(), f"trust/{name}": trust_policy("two").encode()}
    assert isinstance(trust_policies_at(Snapshot("0" * 40, files, ())), ConfigurationError)
    (tmp_path / name).write_text(trust_policy("two"))
    with pytest.raises(ConfigurationError, match="would be ignored"):
        read_policies(tmp_path)


def test_a_commit_removes_only_when_all_of_it_is_valid() -> None:
    both = {"policies/p.yaml": TEXT, "policies/q.yaml": TEXT.replace(b"name: p", b"name: q")}
    first = environment_policies_at(Snapshot("1" * 40, both, ()))
    assert environment_policies_at(Snapshot("2" * 40, {"policies/q.yaml": both["policies/q.yaml"]}, ()), first).lost == ()
    elsewhere = b"kind: EnvironmentPolicy\nspec: {appliesTo: {environments: [acme-dev]}}\n"
    broken = environment_policies_at(
        Snapshot("3" * 40, {"policies/p.yaml": elsewhere, **dict(list(both.items())[1:])}, ()), first
    )
    assert "the EnvironmentPolicy p was in force, and is missing" in str(broken.problems("acme-prod"))
    assert broken.missing(["p", "q"]) == ("p",)
    again = environment_policies_at(Snapshot("4" * 40, {}, ()), broken)
    assert again.problems("acme-prod", ["p", "q"]) == ()


def test_a_removal_is_stated_in_the_marker_file_of_a_folder_on_disk(tmp_path: Path) -> None:
    (tmp_path / MARKER_FILE).touch()
    (tmp_path / "p.yaml").write_bytes(TEXT)
    source = DirectoryPolicySource(tmp_path, read_environment_policies)
    assert source().problems("acme-prod") == ()
    (tmp_path / "p.yaml").unlink()
    (problem,) = source().problems("acme-prod")
    assert "the EnvironmentPolicy p was in force, and is missing" in str(problem)
    assert f"`removed: p` in {MARKER_FILE}" in problem.hint
    assert source().problems("acme-dev") == (), "it did not apply there"
    (tmp_path / MARKER_FILE).write_text("  removed: p\n")
    assert source() == EnvironmentPolicies(removals=StatedRemovals(frozenset({"p"})))
    assert source().problems("acme-prod", ["p"]) == ()
    (tmp_path / "p.yaml").write_bytes(TEXT)
    assert f"{MARKER_FILE}: lists p as removed, and there is a policy p" in str(source().problems("acme-prod")[0])


@pytest.mark.parametrize(
    ("marker", "names"),
    [("", ()), ("these are the policies\n", ()), ("removed: a\nremoved:b\n", ("a", "b")), ("removed:\n# removed: c\n", ())],
)
def test_a_line_that_is_not_understood_removes_nothing(marker: str, names: tuple[str, ...]) -> None:
    assert removals_in(marker.encode() + b"\xff\n").names == set(names)


RULES = {
    "p.yaml": TEXT,
    "q.yml": environment_policy("{kind: re-score-gate, minScore: 80}").replace("name: p", "name: q").encode(),
}
TRUST = {"p.yaml": trust_policy("one").encode(), "q.yml": trust_policy("two", artifacts="*").encode()}

FILE_ACCIDENTS: dict[str, Callable[[Path], object]] = {
    "emptied": lambda file: file.write_bytes(b""),
    "emptied but for comments": lambda file: file.write_bytes(b"# nothing\n---\n"),
    "cut": lambda file: file.write_bytes(file.read_bytes()[:-40]),
    "renamed": lambda file: file.rename(file.with_name(file.name.upper())),
    "without a suffix": lambda file: file.rename(file.with_suffix("")),
    "deleted": lambda file: file.unlink(),
}


def unmount(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()


def restore(folder: Path, contents: Mapping[str, bytes]) -> None:
    folder.mkdir(exist_ok=True)
    unmount(folder)
    (folder / MARKER_FILE).touch()
    for name, content in contents.items():
        (folder / name).write_bytes(content)


def befall(folder: Path, accident: str, name: str, contents: Mapping[str, bytes]) -> None:
    """Let something happen to a folder of policies that nobody meant as a removal."""
    if accident in FILE_ACCIDENTS and (folder / name).exists():
        FILE_ACCIDENTS[accident](folder / name)
    elif accident == "restored":
        restore(folder, contents)
    elif accident in {"unmounted", "gone"} and folder.exists():
        unmount(folder)
        if accident == "gone":
            folder.rmdir()


ACCIDENTS = st.tuples(
    st.sampled_from([*FILE_ACCIDENTS, "unmounted", "gone", "restored", "restart"]), st.sampled_from(["p.yaml", "q.yml"])
)


@settings(max_examples=60, deadline=None)
@given(accidents=st.lists(ACCIDENTS, max_size=10))
def test_no_accident_opens_a_folder_on_disk(tmp_path_factory: pytest.TempPathFactory, accidents: list[tuple[str, str]]) -> None:
    """Whatever befalls the folder, each policy that was in force applies, or the Environment is held; also after a restart."""
    folder = tmp_path_factory.mktemp("accidents")
    rules, trust = folder / "policies", folder / "trust"
    restore(rules, RULES)
    restore(trust, TRUST)
    sources = DirectoryPolicySource(rules, read_environment_policies), DirectoryPolicySource(trust, read_policies)
    assert len(sources[0]().rules_for("acme-prod")) == 2
    assert sources[1]().in_force().keys() == {"one", "two"}
    for accident, name in accidents:
        befall(rules, accident, name, RULES)
        befall(trust, accident, name, TRUST)
        if accident == "restart":
            sources = DirectoryPolicySource(rules, read_environment_policies), DirectoryPolicySource(trust, read_policies)
        assert is_closed(sources[0])
        assert loses_none(sources[1])


def is_closed(source: DirectoryPolicySource[EnvironmentPolicies]) -> bool:
    try:
        policies = source()
    except ConfigurationError:
        return True
    return bool(policies.problems("acme-prod", ["p", "q"])) or len(policies.rules_for("acme-prod")) == 2


def loses_none(source: DirectoryPolicySource[TrustPolicies]) -> bool:
    try:
        policies = source()
        policies.require(["one", "two"])
    except ConfigurationError:
        return True
    return {found.metadata.name for found in policies.matching("registry.example/x")} == {"one", "two"}
