"""The commit statuses of policies on a pull request."""

from __future__ import annotations

from reconciler.domain.admission.environment_policies import EnvironmentPolicies, InvalidPolicy
from reconciler.domain.admission.rules import Admission, broken, no_forge
from reconciler.domain.review.commit_statuses import policies_status, policy_status
from reconciler.model.problem import Problem
from tests.support.builders import rule_result

# where it is told


def test_the_mark_of_a_pull_request() -> None:
    problem = Problem(code="X", message="bad", file="policies/p.yaml", line=3, column=1)
    waits = Admission((rule_result("False", "OutsideWindow", 9), rule_result("True", "")))
    assert policy_status(Admission((broken((problem,)),))).state == "failure"
    assert policy_status(Admission()).description == "merged now, it would be applied at once: no EnvironmentPolicy applies"
    assert policy_status(waits).state == "success"
    assert policy_status(waits).description == "merged now, it would wait: p: outsidewindow"
    assert policy_status(Admission((rule_result("False", "Soaking", 9),))).state == "pending"
    assert policy_status(Admission((rule_result("Unknown", "Denied"),))).state == "pending"
    assert policy_status(Admission((no_forge("p", "pr-required"),))).state == "pending"
    assert (
        policies_status(EnvironmentPolicies((), (InvalidPolicy((problem, problem)),))).description
        == "policies/p.yaml:3:1: bad; and 1 more"
    )
    assert policies_status(EnvironmentPolicies()).state == "success"
