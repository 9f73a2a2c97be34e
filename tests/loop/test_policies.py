from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from reconciler.loop.policies import PolicyFiles, read_policies
from reconciler.model.faults import Misconfigured

if TYPE_CHECKING:
    from pathlib import Path

KEY = "-----BEGIN PUBLIC KEY-----\n      AAAA\n      -----END PUBLIC KEY-----"


def policy(name: str, *, authority: str = "release", key: str = KEY, artifacts: str = "registry.example/*") -> str:
    return (
        "apiVersion: catalyst.openova.io/v1alpha1\nkind: TrustPolicy\n"
        f"metadata: {{name: {name}}}\n"
        f'spec:\n  artifacts: ["{artifacts}"]\n'
        f"  authorities:\n  - name: {authority}\n    key: |\n      {key}\n"
    )


def names(directory: Path) -> list[str]:
    return [p.metadata.name for p in read_policies(directory).policies]


def test_every_yaml_file_of_the_directory_is_read(tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_text(policy("two"))
    (tmp_path / "a.yml").write_text(policy("one"))
    (tmp_path / "README.md").write_text("not a policy")
    assert names(tmp_path) == ["one", "two"]


def test_one_file_may_hold_several(tmp_path: Path) -> None:
    (tmp_path / "all.yaml").write_text(policy("one") + "---\n" + policy("two"))
    assert names(tmp_path) == ["one", "two"]


def test_an_empty_directory_trusts_nobody(tmp_path: Path) -> None:
    assert read_policies(tmp_path).covering("registry.example/openova/bp-shop") == ()


def test_a_missing_directory_says_so(tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere"
    with pytest.raises(Misconfigured, match="nowhere cannot be read: No such file"):
        read_policies(nowhere)
    with pytest.raises(Misconfigured, match="nowhere cannot be read: No such file"):
        PolicyFiles(nowhere)()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("kind: [", "bad.yaml:1:8: not YAML"),
        ("kind: TrustPolicy\n", "bad.yaml:1:1: "),
        (policy("x", key="ssh-rsa AAAA"), "bad.yaml:8:10: spec.authorities.0.key: not a PEM public key"),
        (policy("x").replace("artifacts", "artefacts"), "bad.yaml:5:3: unknown field spec.artefacts; did you mean artifacts?"),
        (policy("x").replace("TrustPolicy", "Environment"), "bad.yaml:2:7: kind is 'Environment'"),
    ],
)
def test_a_broken_policy_stops_all_rather_than_being_left_out(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "good.yaml").write_text(policy("good"))
    (tmp_path / "bad.yaml").write_text(text)
    with pytest.raises(Misconfigured) as caught:
        read_policies(tmp_path)
    assert message in str(caught.value)


def test_one_authority_name_stands_for_one_key(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(policy("one"))
    (tmp_path / "b.yaml").write_text(policy("two"))
    assert len(read_policies(tmp_path).policies) == 2
    (tmp_path / "b.yaml").write_text(policy("two", key=KEY.replace("AAAA", "BBBB")))
    with pytest.raises(Misconfigured, match="the authority release has two different keys"):
        read_policies(tmp_path)


def test_a_change_is_seen_at_the_next_question(tmp_path: Path) -> None:
    files = PolicyFiles(tmp_path)
    assert files().policies == ()
    (tmp_path / "a.yaml").write_text(policy("one"))
    first = files()
    assert [p.metadata.name for p in first.policies] == ["one"]
    assert files() is first
    (tmp_path / "a.yaml").write_text(policy("two"))
    assert [p.metadata.name for p in files().policies] == ["two"]
    (tmp_path / "a.yaml").write_text("broken: [")
    with pytest.raises(Misconfigured):
        files()
    (tmp_path / "a.yaml").unlink()
    assert files().policies == ()


def test_a_configmaps_way_of_changing_all_files_at_once_is_seen(tmp_path: Path) -> None:
    for version, name in (("v1", "one"), ("v2", "two")):
        (tmp_path / version).mkdir()
        (tmp_path / version / "a.yaml").write_text(policy(name))
    mount = tmp_path / "mount"
    mount.mkdir()
    (mount / "..data").symlink_to(tmp_path / "v1")
    (mount / "a.yaml").symlink_to("..data/a.yaml")
    files = PolicyFiles(mount)
    assert [p.metadata.name for p in files().policies] == ["one"]
    (mount / "..new").symlink_to(tmp_path / "v2")
    (mount / "..new").rename(mount / "..data")
    assert [p.metadata.name for p in files().policies] == ["two"]


def test_threads_get_whole_answers(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(policy("n0"))
    files = PolicyFiles(tmp_path)

    def ask(_: int) -> int:
        return len(files().policies)

    with ThreadPoolExecutor(4) as pool:
        answers = pool.map(ask, range(200))
        for number in range(20):
            (tmp_path / "new").write_text(policy(f"n{number}"))
            (tmp_path / "new").replace(tmp_path / "a.yaml")
        assert set(answers) == {1}


def test_the_digest_does_not_depend_on_file_names(tmp_path: Path) -> None:
    for folder, first, second in (("x", "a", "b"), ("y", "b", "a")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / f"{first}.yaml").write_text(policy("one"))
        (tmp_path / folder / f"{second}.yaml").write_text(policy("two"))
    assert read_policies(tmp_path / "x").digest == read_policies(tmp_path / "y").digest
    (tmp_path / "y" / "a.yaml").write_text(policy("two", artifacts="*"))
    assert read_policies(tmp_path / "x").digest != read_policies(tmp_path / "y").digest
