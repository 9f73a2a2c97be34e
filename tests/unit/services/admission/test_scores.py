"""Score gates read from the commit statuses of a change."""

from __future__ import annotations

from tests.support.environment_files import application
from tests.support.environment_policies import SCORE, environment_policy, read_policies
from tests.support.governed_environment import BLOG, SITE, GovernedEnvironment


def test_a_score_must_be_there_and_high_enough(house: GovernedEnvironment) -> None:
    house.policies = read_policies(environment_policy(SCORE))
    head = house.plan(1, BLOG)
    made = house.merge(1)
    house.held(house.run(), "ScoreMissing")
    house.forge.mark(head, "re-score", "score 79")
    assert f"re-score of {head[:10]} is 79; it must be at least 80 of 100" in house.held(house.run(), "ScoreTooLow")
    house.forge.mark(made, "re-score", "99/100", state="failure")
    house.held(house.run(), "ScoreTooLow")
    house.forge.mark(made, "re-score", "83/100")
    assert "resolved" in house.run().pushed


def test_no_change_rides_on_the_score_of_another(house: GovernedEnvironment) -> None:
    house.policies = read_policies(environment_policy(SCORE))
    bad, good = house.plan(1, SITE), house.plan(2, BLOG)
    house.forge.mark(bad, "re-score", "10/100")
    house.forge.mark(good, "re-score", "95/100")
    house.merge(1)
    house.held(house.run(), "ScoreTooLow")
    made = house.merge(2)
    assert f"re-score of {bad[:10]} is 10" in house.held(house.run(), "ScoreTooLow")
    made = house.push({"applications/shop.yaml": f"# a comment\n{application('shop')}"})
    assert f"re-score of {bad[:10]} is 10" in house.held(house.run(), "ScoreTooLow"), "comments need none"
    house.forge.mark(made, "re-score", "81/100")
    assert "resolved" in house.run().pushed, "the score of the head is of all that is on it"


def test_a_score_counts_of_those_who_are_named(house: GovernedEnvironment) -> None:
    house.policies = read_policies(environment_policy(SCORE.replace("80", "80, setBy: [Scorer]")))
    made = house.push(BLOG)
    house.forge.mark(made, "re-score", "100/100", person="eve")
    house.held(house.run(), "ScoreMissing")
    house.forge.mark(made, "re-score", "12/100", person="scorer")
    house.forge.mark(made, "re-score", "100/100", person="eve")
    house.held(house.run(), "ScoreTooLow")
    house.forge.mark(made, "re-score", "83/100", person="scorer")
    assert "resolved" in house.run().pushed
