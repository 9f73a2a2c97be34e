"""What `validate` says of a folder is what the service says of the commit of it: the same problems at the same places."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from reconciler.adapters.git import Repository
from reconciler.commands.validate import discover_folders, validate_path
from reconciler.domain.blocker import Refused
from reconciler.domain.desired_state import DesiredState, compute_desired_state
from reconciler.domain.rendering.flux_objects import RenderContext
from reconciler.model.environment import EnvironmentIdentity
from reconciler.model.layout import WANTED
from reconciler.model.problem import has_errors
from reconciler.services.planning.namespace_claims import sole_claim
from tests.support.builders import BlueprintCatalog, blueprint
from tests.support.environment_files import application, environment, files
from tests.support.git_server import git

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from reconciler.model.problem import Problem

SHOP = application("shop")
GOOD = files("shop")

# Of each form: the files, and what else is done to the folder.
FORMS: dict[str, tuple[dict[str, str], Callable[[Path], object]]] = {
    "good": (GOOD, lambda _: None),
    "no environment": ({"applications/shop.yaml": SHOP}, lambda _: None),
    "no applications": ({"environment.yaml": environment()}, lambda _: None),
    "environment.yml": ({"environment.yml": environment(), "applications/shop.yaml": SHOP}, lambda _: None),
    "Environment.yaml": ({"Environment.yaml": environment(), "applications/shop.yaml": SHOP}, lambda _: None),
    "two cases of it": ({**GOOD, "Environment.yaml": environment()}, lambda _: None),
    "Applications": ({"environment.yaml": environment(), "Applications/shop.yaml": SHOP}, lambda _: None),
    "a folder in applications": ({**GOOD, "applications/team-a/blog.yaml": application("blog")}, lambda _: None),
    "a folder of other files": ({**GOOD, "applications/files/x.txt": "x"}, lambda _: None),
    "a folder named as a file": ({**GOOD, "applications/blog.yaml/x": "x"}, lambda _: None),
    "an empty folder": (GOOD, lambda top: (top / "applications" / "later" / "deeper").mkdir(parents=True)),
    "a hidden folder": ({**GOOD, "applications/.cache/x.yaml": "x"}, lambda _: None),
    "a hidden file": ({**GOOD, "applications/.hidden.yaml": application("hidden")}, lambda _: None),
    ".yml": ({**GOOD, "applications/blog.yml": application("blog")}, lambda _: None),
    ".YAML": ({**GOOD, "applications/blog.YAML": application("blog")}, lambda _: None),
    ".Yml": ({**GOOD, "applications/blog.Yml": "not: [even"}, lambda _: None),
    ".yaml.bak": ({**GOOD, "applications/blog.yaml.bak": "x"}, lambda _: None),
    "README": ({**GOOD, "applications/README.md": "x", "README.md": "x", "clusters/a.yaml": "kind: x"}, lambda _: None),
    "kustomization": ({**GOOD, "applications/kustomization.yaml": "kind: Kustomization\nresources: []\n"}, lambda _: None),
    "applications as a file": ({"environment.yaml": environment(), "applications": "x"}, lambda _: None),
    "environment as a folder": ({"environment.yaml/x": "x", "applications/shop.yaml": SHOP}, lambda _: None),
    "a link to a file": (GOOD, lambda top: (top / "applications" / "blog.yaml").symlink_to("shop.yaml")),
    "a link to nothing": (GOOD, lambda top: (top / "applications" / "blog").symlink_to("nowhere")),
    "a link to a folder": (GOOD, lambda top: (top / "applications" / "more").symlink_to("..")),
    "applications as a link": ({**GOOD, "x/a.yaml": SHOP}, lambda top: relink(top / "applications", "x")),
    "environment as a link": ({**GOOD, "x.yaml": environment()}, lambda top: relink(top / "environment.yaml", "x.yaml")),
    "a repository in it": (GOOD, lambda top: submodule(top / "applications" / "module")),
    "a pipe": (GOOD, lambda top: os.mkfifo(top / "applications" / "pipe.yaml")),
    "an executable": (GOOD, lambda top: (top / "applications" / "shop.yaml").chmod(0o755)),
    "names that collide": ({**GOOD, "applications/Shop.yaml": SHOP}, lambda _: None),
    "a name with a control character": ({**GOOD, "applications/a\x01b.yaml": SHOP}, lambda _: None),
    "a name that is not UTF-8": (GOOD, lambda top: (top / "applications" / os.fsdecode(b"\xff.yaml")).write_text("x")),
    "a name with a backslash": ({**GOOD, "applications/a\\b.yaml": SHOP}, lambda _: None),
    "a file that is too large": ({**GOOD, "applications/blog.yaml": "#" * (1024 * 1024 + 1)}, lambda _: None),
    "an empty file": ({**GOOD, "applications/blog.yaml": ""}, lambda _: None),
    "two documents": ({**GOOD, "applications/blog.yaml": f"{application('blog')}---\n{application('more')}"}, lambda _: None),
    "not YAML": ({**GOOD, "applications/blog.yaml": "kind: ["}, lambda _: None),
    "bytes": (GOOD, lambda top: (top / "applications" / "blog.yaml").write_bytes(b"\xff\xfe\x00")),
    "another kind": ({**GOOD, "applications/blog.yaml": environment()}, lambda _: None),
    "another name": ({**GOOD, "applications/blog.yaml": application("other")}, lambda _: None),
    "the same name twice": ({**GOOD, "applications/blog.yaml": SHOP}, lambda _: None),
    "a reserved name": ({**GOOD, "applications/kube-x.yaml": application("kube-x")}, lambda _: None),
    "not a range": ({**GOOD, "applications/blog.yaml": application("blog", version="latest")}, lambda _: None),
    "an unknown bind": ({**GOOD, "applications/blog.yaml": application("blog", more="  bind: {x: nothing}\n")}, lambda _: None),
    "a placeholder": ({**GOOD, "applications/blog.yaml": application("blog", more="  config: {a: '${B}'}\n")}, lambda _: None),
    "a secret": ({**GOOD, "applications/blog.yaml": application("blog", more="  config: {password: hunter2}\n")}, lambda _: None),
    "a cluster twice": (files("shop", clusters=("hz-fsn-rtz-prod-acme",) * 2), lambda _: None),
    "another Organization": (files("shop", organization="other"), lambda _: None),
}  # fmt: skip


def relink(path: Path, target: str) -> None:
    path.rename(path.with_name("before"))
    path.symlink_to(target)


def submodule(path: Path) -> None:
    path.mkdir()
    git(path, "init", "--quiet")
    git(path, "commit", "--quiet", "--allow-empty", "-m", "x")


def as_the_service_says(folder: Path, clone: Path) -> tuple[Problem, ...]:
    """The problems of a commit of everything in the folder."""
    git(folder, "init", "--quiet", "--initial-branch=main")
    git(folder, "add", "--all", "--force")
    git(folder, "commit", "--quiet", "-m", "x")
    head = git(folder, "rev-parse", "HEAD")
    repository = Repository(clone, str(folder))
    repository.fetch({"main": head})
    identity = EnvironmentIdentity("acme-prod")
    shelf = BlueprintCatalog(blueprint("shop", "1.0.0"))
    snapshot = repository.read(head, WANTED)
    state = compute_desired_state(snapshot, identity, None, shelf, RenderContext("acme", {}), sole_claim(identity).acquire)
    if isinstance(state, DesiredState):
        return state.warnings
    assert isinstance(state, Refused), state
    assert state.stage == "Valid", state
    return state.problems


def comparable(problems: tuple[Problem, ...], folder: Path) -> list[str]:
    return sorted(problem.model_dump_json().replace(f"{folder}/", "") for problem in problems)


@pytest.mark.parametrize("form", FORMS)
def test_a_folder_is_judged_before_it_is_pushed_as_it_is_afterwards(form: str, tmp_path: Path) -> None:
    folder = tmp_path / "env"
    contents, change = FORMS[form]
    for path, text in contents.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)
    change(folder)
    said = tuple(problem for place in discover_folders(folder) for problem in validate_path(place))
    pushed = as_the_service_says(folder, tmp_path / "clone")
    if {problem.code for problem in said} == {"NothingToValidate"}:  # not recognised as an Environment, and refused as none
        assert has_errors(pushed)
    else:
        assert comparable(said, folder) == comparable(pushed, folder)


@pytest.mark.parametrize(
    "text",
    [
        application("blog"),
        application("other"),
        application("kube-x"),
        application("blog", version="latest"),
        application("blog", more="  config: {password: hunter2, a: '${B}'}\n"),
        f"{application('blog')}---\n{application('more')}",
        environment(),
        "kind: [",
        "",
    ],
)
def test_a_single_file_is_judged_as_it_is_in_its_folder(text: str, tmp_path: Path) -> None:
    folder = tmp_path / "env"
    (folder / "applications").mkdir(parents=True)
    (folder / "environment.yaml").write_text(environment())
    (folder / "applications" / "blog.yaml").write_text(text)
    alone = comparable(validate_path(folder / "applications" / "blog.yaml"), folder)
    assert alone == comparable(validate_path(folder), folder)


@pytest.mark.parametrize("text", [environment(), environment(organization="other"), SHOP, f"{environment()}---\n{SHOP}", ""])
def test_an_environment_yaml_is_judged_alone_as_in_its_folder(text: str, tmp_path: Path) -> None:
    (tmp_path / "environment.yaml").write_text(text)
    assert comparable(validate_path(tmp_path / "environment.yaml"), tmp_path) == comparable(validate_path(tmp_path), tmp_path)
