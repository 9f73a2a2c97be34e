"""The first files of an Environment's repository."""

from __future__ import annotations

import re

import pytest

from reconciler.commands.validate import validate_text
from reconciler.domain.onboarding.scaffold import EXAMPLE, environment_of, environment_problems, readme
from reconciler.formats.yaml.documents import dump

CLUSTER = "hz-fsn-rtz-prod-acme"


def test_the_first_files_are_valid() -> None:
    document, problems = environment_of([CLUSTER, "hz-hel-rtz-prod-acme"])
    assert problems == ()
    assert document is not None
    assert validate_text(dump(document), "environment.yaml") == ()
    (example,) = re.findall(r"```yaml\n(.*?)```", readme("acme/acme-prod"), re.DOTALL)
    assert example == EXAMPLE
    assert validate_text(example.encode(), "applications/marketing-site.yaml") == ()


@pytest.mark.parametrize(
    ("repository", "clusters", "words"),
    [
        ("acme/shop", [], "cannot be an Environment's repository"),
        ("acme/bolt-prod", [], "cannot be an Environment's repository"),
        ("acme/acme-stg", [CLUSTER], f"{CLUSTER} is not a cluster of acme-stg"),
        ("acme/acme-prod", ["prod"], "prod is not a cluster's name"),
        ("acme/acme-prod", [CLUSTER, CLUSTER], "placed twice"),
        ("system/system-prod", ["hz-fsn-rtz-prod-system"], "reserved"),
    ],
)
def test_what_can_be_no_environment_is_refused(repository: str, clusters: list[str], words: str) -> None:
    problems = environment_problems(repository, clusters)
    assert any(words in one.message for one in problems), problems


def test_what_can_be_one_is_not() -> None:
    assert environment_problems("acme/acme-prod", []) == environment_problems("acme/acme-prod", [CLUSTER]) == ()
