from __future__ import annotations

import pytest

from reconciler.domain.admission.environment_policies import EnvironmentPolicies, environment_policies
from reconciler.formats.yaml.documents import load, load_all
from tests.support.paths import FIXTURES

WINDOW = '{kind: change-window, cron: "0 14 * * 2,4", duration: 2h}'


def text(rule: str = WINDOW, name: str = "p", environments: str = "[acme-prod]") -> str:
    return (
        "apiVersion: catalyst.openova.io/v1alpha1\nkind: EnvironmentPolicy\n"
        f"metadata: {{name: {name}}}\nspec:\n  appliesTo: {{environments: {environments}}}\n  rules:\n    - {rule}\n"
    )


def read(*texts: str) -> EnvironmentPolicies:
    return environment_policies(one for n, each in enumerate(texts) for one in load_all(each.encode(), f"{n}.yaml"))


def test_the_example_is_read() -> None:
    found = environment_policies([load((FIXTURES / "policies" / "acme-prod.yaml").read_bytes(), "acme-prod.yaml")])
    assert found.broken == ()
    assert [one.rule.kind for one in found.rules_for("acme-prod")] == ["pr-required", "soak", "change-window", "re-score-gate"]
    assert found.rules_for("acme-stg") == ()


def test_all_rules_of_all_policies_that_name_it_apply() -> None:
    found = read(text(name="a", environments='["*-prod"]'), text(name="b"), text(name="c", environments="[other]"))
    assert [one.policy for one in found.rules_for("acme-prod")] == ["a", "b"]
    assert [one.policy for one in found.rules_for("Acme-Prod")] == ["a", "b"], "to a forge it is the same repository"


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("{kind: change-windows}", "0.yaml:7:14: spec.rules.0.kind is 'change-windows'; it must be one of "),
        ("{kind: change-windows}", "did you mean change-window?"),
        ("{cron: x}", "spec.rules.0.kind is required"),
        ("{kind: soak, sourceEnvironment: acme-stg}", "0.yaml:7:7: spec.rules.0.duration is required"),
        ("{kind: soak, sourceEnvironment: acme-stg, duration: 3d}", "0.yaml:7:59: spec.rules.0.duration is '3d'"),
        ("{kind: soak, sourceEnvironment: acme-stg, duration: 0h}", "longer than zero"),
        ("{kind: soak, sourceEnvironment: acme-stg, duration: 72}", "must be a string, not 72; quote it"),
        ("{kind: pr-required, approvers: []}", "must have at least 1 item"),
        ("{kind: pr-required, approvers: [a], minApprovals: 0}", "must be at least 1"),
        ("{kind: pr-required, approvers: [a/b/c]}", "must match"),
        ("{kind: pr-required, approvers: [a], minAprovals: 2}", "did you mean minApprovals?"),
        ("{kind: re-score-gate, minScore: 101}", "must be at most 100"),
        ('{kind: change-window, cron: "0 0 30 2 *", duration: 2h}', "0.yaml:7:35: spec.rules.0.cron: is not a cron expression"),
        (WINDOW.replace("}", ", timeZone: Mars/Base}"), "spec.rules.0.timeZone: is not a known time zone"),
    ],
)
def test_a_broken_one_holds_those_that_it_names_and_says_where(rule: str, message: str) -> None:
    found = read(text(rule))
    assert message in "\n".join(str(p) for p in found.problems("acme-prod"))
    assert found.problems("acme-stg") == ()
    assert found.rules_for("acme-prod") == ()


@pytest.mark.parametrize(
    "broken",
    ["kind: [", "kind: TrustPolicy\n", "", text(environments="[]"), text(environments="[a, 1]"), text(environments="acme-dev")],
)
def test_one_that_does_not_say_whom_it_is_for_holds_all(broken: str) -> None:
    found = read(text(), broken or "# nothing\n") if broken else environment_policies([load(b"", "0.yaml")])
    assert found.problems("acme-prod")
    assert found.problems("whoever")


def test_a_pattern_that_could_match_nobody_is_refused() -> None:
    assert "must match" in str(read(text(environments="['acme-[prod']")).problems("acme-[prod")[0])


def test_two_of_one_name_hold_those_of_both() -> None:
    found = read(text(environments="[a]"), text(environments="[b]"))
    assert "0.yaml:3:18: two policies are named p" in str(found.problems("a")[0])
    assert found.problems("b")
    assert not found.problems("c")
    assert found.policies == ()


def test_the_digest_is_of_what_they_say() -> None:
    one, two = text(name="a"), text(name="b")
    assert read(one, two).digest == read(two, one).digest
    assert len({read().digest, read(one).digest, read(two).digest, read(one, "kind: [").digest}) == 4
