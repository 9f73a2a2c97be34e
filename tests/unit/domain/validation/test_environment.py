"""Is what people wrote a whole and consistent wish?"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest

from reconciler.domain.validation.environment import MAX_APPLICATIONS, MAX_PROBLEMS, validate
from reconciler.formats.yaml.documents import load
from tests.support.builders import FSN, NBG, application, environment, files, source

if TYPE_CHECKING:
    from reconciler.model.source import Source


def told(sources: dict[str, Source]) -> list[str]:
    wish, problems = validate(sources)
    assert (wish is None) == bool(problems)
    return [f"{p.file}: {p.code}" for p in problems]


def test_a_whole_wish_is_valid() -> None:
    wish, problems = validate(files(application("web", bind={"db": "pg"}), application("pg"), env=environment(FSN, NBG)))
    assert problems == ()
    assert wish is not None
    assert sorted(wish.declared) == ["pg", "web"]


def test_an_environment_without_applications_is_valid() -> None:
    assert told(files()) == []


def test_environment_yaml_must_be_there_and_the_rest_is_checked_all_the_same() -> None:
    sources = files(application("web", version="banana"))
    del sources["environment.yaml"]
    assert told(sources) == ["applications/web.yaml: InvalidRange", "environment.yaml: EnvironmentMissing"]


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"metadata": {"name": "acme-stg"}}, "NameMismatch"),
        ({"spec": environment("hz-fsn-rtz-stg-acme")["spec"]}, "NameMismatch"),
        ({"spec": environment("hz-fsn-rtz-prod-other")["spec"]}, "NameMismatch"),
        ({"spec": environment()["spec"] | {"placements": [{"cluster": FSN, "region": "nbg"}]}}, "NameMismatch"),
        ({"spec": environment(FSN, FSN)["spec"]}, "Duplicate"),
        ({"spec": environment()["spec"] | {"placements": []}}, "InvalidValue"),
        ({"spec": environment()["spec"] | {"envType": "production"}}, "InvalidValue"),
        ({"spec": environment()["spec"] | {"placements": [{"cluster": "../../etc", "region": "fsn"}]}}, "InvalidValue"),
    ],
)
def test_what_is_wrong_with_an_environment(changed: dict[str, Any], code: str) -> None:
    assert told(files(env=environment() | changed)) == [f"environment.yaml: {code}"]


@pytest.mark.parametrize(
    "name", ["system", "flux", "crossplane", "catalyst", "gitea", "kube-acme", "prod", "stg", "uat", "dev", "poc"]
)
def test_reserved_organizations(name: str) -> None:
    env = environment(f"hz-fsn-rtz-prod-{name}", organization=name) | {"metadata": {"name": f"{name}-prod"}}
    assert told(files(env=env)) == ["environment.yaml: ReservedName"]


@pytest.mark.parametrize("name", ["default", "flux-system", "kube-system", "kube-public", "kustomization"])
def test_an_application_cannot_have_a_name_that_belongs_to_others(name: str) -> None:
    assert told(files(application(name))) == [f"applications/{name}.yaml: ReservedName"]


def test_an_application_cannot_be_called_as_the_namespace_that_flux_reads() -> None:
    assert told(files(application("gitops"), env=environment(fluxNamespace="gitops"))) == [
        "applications/gitops.yaml: ReservedName"
    ]


@pytest.mark.parametrize("name", ["trust", "environment", "kube", "clusters"])
def test_names_that_only_look_special_are_allowed(name: str) -> None:
    assert told(files(application(name))) == []


@pytest.mark.parametrize("name", ["", "-a", "a-", "A", "1a", "a.b", "a/b", "../a", "a\n", "é", "a" * 54])
def test_a_name_must_do_for_a_namespace_and_a_release(name: str) -> None:
    sources = files() | {"applications/x.yaml": source(application(name, "bp-x"), "applications/x.yaml")}
    assert told(sources) == ["applications/x.yaml: InvalidValue"]


def test_a_file_is_called_as_its_application() -> None:
    sources = files() | {"applications/web.yaml": source(application("shop"), "applications/web.yaml")}
    assert told(sources) == ["applications/web.yaml: NameMismatch"]


def test_one_name_in_two_files_is_a_duplicate_that_names_the_other() -> None:
    sources = files(application("web")) | {"applications/z.yaml": source(application("web"), "applications/z.yaml")}
    _, problems = validate(sources)
    assert "applications/web.yaml" in next(p.message for p in problems if p.code == "Duplicate")


def test_regions_and_bound_applications_must_exist() -> None:
    one = application("web", bind={"db": "postgre"}, placement={"regions": ["fsn", "nbgg"]})
    _, problems = validate(files(one, application("postgres"), env=environment(FSN, NBG)))
    assert [(p.code, p.hint) for p in problems] == [
        ("UnknownRegion", "did you mean nbg?"),
        ("UnknownApplication", "did you mean postgres?"),
    ] or [(p.code, p.hint) for p in problems] == [
        ("UnknownApplication", "did you mean postgres?"),
        ("UnknownRegion", "did you mean nbg?"),
    ]


def test_an_application_cannot_be_bound_to_itself() -> None:
    assert told(files(application("web", bind={"db": "web"}))) == ["applications/web.yaml: Cycle"]


@pytest.mark.parametrize("version", ["banana", "^^1", "1.2.3.4", "latest"])
def test_a_version_must_be_a_range(version: str) -> None:
    assert told(files(application("web", version=version))) == ["applications/web.yaml: InvalidRange"]


@pytest.mark.parametrize("text", [b"", b"a: 1\n---\nb: 1\n", b"a:\n\tb: 1\n", b"a: \xff\n"])
def test_a_file_that_cannot_be_read_refuses_the_commit_and_the_others_are_checked(text: bytes) -> None:
    sources = files(application("zoo", version="banana")) | {"applications/web.yaml": load(text, "applications/web.yaml")}
    assert told(sources)[1:] == ["applications/zoo.yaml: InvalidRange"]


def test_problems_are_told_in_the_order_of_files_and_lines_whatever_that_of_the_files() -> None:
    sources = files(*(application(n, version="x.y.z") for n in "abc"), env=environment() | {"metadata": {"name": "x"}})
    shuffled = list(sources.items())
    random.Random(1).shuffle(shuffled)  # noqa: S311 - any other order
    assert validate(dict(shuffled)) == validate(sources)


@pytest.mark.timeout(20)
def test_ten_thousand_applications_are_refused_quickly() -> None:
    one = source(application("web"), "applications/web.yaml")
    data = [one.data | {"metadata": {"name": f"a{i}"}} for i in range(10_000)]
    sources = files() | {
        f"applications/a{i}.yaml": type(one)(f"applications/a{i}.yaml", d, one.locations) for i, d in enumerate(data)
    }
    wish, problems = validate(sources)
    assert wish is None
    assert [p.code for p in problems] == ["TooMany"]
    assert str(MAX_APPLICATIONS) in problems[0].message


@pytest.mark.timeout(20)
def test_thousands_of_mistakes_are_told_up_to_a_limit() -> None:
    bound = {f"key-{i}": f"nowhere-{i}" for i in range(2000)}
    wish, problems = validate(files(application("web", bind=bound), *(application(f"app-{i}") for i in range(300))))
    assert wish is None
    assert len(problems) == MAX_PROBLEMS
