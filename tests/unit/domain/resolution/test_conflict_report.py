"""What people read when there is no consistent choice, whole: each is to say who, what, through whom, and what would help."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from reconciler.domain.resolution.resolver import resolve
from tests.support.builders import BlueprintCatalog, application, blueprint, need, package, prior, wish

if TYPE_CHECKING:
    from reconciler.domain.validation.environment import ValidatedInput
    from reconciler.model.blueprint import Blueprint
    from reconciler.model.problem import Problem


def many(name: str, *versions: str, **spec: Any) -> list[Blueprint]:
    return [blueprint(name, version, **spec) for version in versions]


def shown(problems: tuple[Problem, ...]) -> str:
    """Problems as a compiler prints them, with what is related to them."""
    lines = []
    for problem in problems:
        lines += [f"{problem.place}: {problem.severity}[{problem.code}]: {problem.message}"]
        lines += [f"  hint: {problem.hint}"] if problem.hint else []
        lines += [f"  {one.place}: {one.message}" for one in problem.related]
    return "\n".join(lines)


MESSAGES = [
    pytest.param(
        wish(application("blog", version="^2"), application("shop")),
        BlueprintCatalog(
            blueprint("blog", "1.4.0", depends=[need("db", "^14")]),
            blueprint("blog", "2.0.0", depends=[need("db", "^15")]),
            blueprint("blog", "2.1.0", depends=[need("db", "^15")]),
            *many("shop", "3.0.0", "3.1.0", depends=[need("db", "^14")]),
            *many("db", "14.0.0", "14.2.0", "15.0.0"),
        ),
        {},
        [
            (
                "applications/blog.yaml:10:15: error[Conflict]: no version of db meets all requirements: blog "
                "needs bp-db ^15 (bp-blog@2.0.0); shop needs bp-db ^14 (bp-shop@3.1.0 and another version of it); "
                "found 3, in all these ranges 0"
            ),
            ("  hint: request bp-blog 1.4.0 for blog instead of ^2 at applications/blog.yaml:10:15"),
            ("  applications/blog.yaml:10:15: blog requests bp-blog ^2"),
            ("  applications/shop.yaml:10:15: shop requests bp-shop *"),
        ],
        id="two ranges on one shared",
    ),
    pytest.param(
        wish(application("web"), application("shop")),
        BlueprintCatalog(
            blueprint("web", depends=["api"]),
            blueprint("api", depends=[need("db", "^1")]),
            blueprint("shop", depends=[need("cart")]),
            blueprint("cart", depends=[need("db", "^2")]),
            *many("db", "1.0.0", "2.0.0"),
        ),
        {},
        [
            (
                "applications/shop.yaml:10:15: error[Conflict]: no version of db meets all requirements: shop -> "
                "cart needs bp-db ^2 (bp-cart@1.0.0); web -> api needs bp-db ^1 (bp-api@1.0.0); found 2, in all these "
                "ranges 0"
            ),
            ("  hint: another version of only one of these does not resolve this"),
            ("  applications/shop.yaml:10:15: shop requests bp-shop *"),
            ("  applications/web.yaml:10:15: web requests bp-web *"),
        ],
        id="deep chains",
    ),
    pytest.param(
        wish(application("web"), application("shop")),
        BlueprintCatalog(
            blueprint("web", depends=[need("db", "^1")]),
            blueprint("shop", depends=[need("db", "^2")]),
            *many("db", "1.0.0", "2.0.0"),
        ),
        {},
        [
            (
                "applications/shop.yaml:10:15: error[Conflict]: no version of db meets all requirements: shop "
                "needs bp-db ^2 (bp-shop@1.0.0); web needs bp-db ^1 (bp-web@1.0.0); found 2, in all these ranges 0"
            ),
            ("  hint: give shop its own: declare shop-db of bp-db ^2, and set spec.bind.db to shop-db in applications/shop.yaml"),
            ("  applications/shop.yaml:10:15: shop requests bp-shop *"),
            ("  applications/web.yaml:10:15: web requests bp-web *"),
        ],
        id="own dependency helps",
    ),
    pytest.param(
        wish(application("db", version="~1.2"), application("shop")),
        BlueprintCatalog(blueprint("shop", depends=[need("db", "^2")]), *many("db", "1.2.0", "1.3.0", "2.0.0")),
        {},
        [
            (
                "applications/db.yaml:10:15: error[Conflict]: no version of db meets all requirements: db needs "
                "bp-db ~1.2 (applications/db.yaml); shop needs bp-db ^2 (bp-shop@1.0.0); found 3, in all these ranges "
                "0"
            ),
            ("  hint: request bp-db 2.0.0 for db instead of ~1.2 at applications/db.yaml:10:15"),
            ("  applications/db.yaml:10:15: db requests bp-db ~1.2"),
            ("  applications/shop.yaml:10:15: shop requests bp-shop *"),
        ],
        id="declared db clashes",
    ),
    pytest.param(
        wish(application("web"), application("shop", version="^2")),
        BlueprintCatalog(
            blueprint("web", depends=[need("db", "^1")]),
            blueprint("shop", "1.0.0", depends=[need("db", "^1")]),
            blueprint("shop", "2.0.0", depends=[need("db", "^2")]),
            *many("db", "1.0.0", "2.0.0"),
        ),
        prior(package("web"), package("db")),
        [
            (
                "applications/shop.yaml:10:15: error[Conflict]: no version of db meets all requirements: shop "
                "needs bp-db ^2 (bp-shop@2.0.0); web needs bp-db ^1 (bp-web@1.0.0); found 2, in all these ranges 0"
            ),
            ("  hint: request bp-shop 1.0.0 for shop instead of ^2 at applications/shop.yaml:10:15"),
            ("  applications/shop.yaml:10:15: shop requests bp-shop ^2"),
            ("  applications/web.yaml:10:15: web requests bp-web *"),
        ],
        id="newcomer asks too new",
    ),
    pytest.param(
        wish(application("web", version="^1")),
        BlueprintCatalog(*many("web", "1.0.0", "1.1.0", "2.0.0"), untrusted=[("web", "1.0.0"), ("web", "1.1.0")]),
        {},
        [
            (
                "applications/web.yaml:10:15: error[Untrusted]: web needs bp-web ^1; found 3, in range 2, signed 0: "
                "1.1.0: no signature holds; 1.0.0: no signature holds"
            ),
        ],
        id="unsigned",
    ),
    pytest.param(
        wish(application("web", version="^2")),
        BlueprintCatalog(
            blueprint("web", "2.0.0", depends=[need("db", "^2")]),
            blueprint("web", "1.0.0", depends=[need("db", "^1")]),
            *many("db", "1.0.0", "2.0.0", "2.1.0"),
            untrusted=[("db", "2.0.0"), ("db", "2.1.0")],
        ),
        {},
        [
            (
                "applications/web.yaml:9:12: error[Untrusted]: web needs bp-db ^2 (through web, in bp-web@2.0.0); "
                "found 3, in range 2, signed 0: 2.1.0: no signature holds; 2.0.0: no signature holds"
            ),
            ("  hint: request bp-web 1.0.0 for web instead of ^2 at applications/web.yaml:10:15"),
            ("  applications/web.yaml:10:15: web requests bp-web ^2"),
        ],
        id="unsigned dependency",
    ),
    pytest.param(
        wish(application("web", version="^1")),
        BlueprintCatalog(*many("web", "1.0.0", "1.1.0", "1.2.0"), untrusted=[("web", "1.2.0")]),
        {},
        [
            ("applications/web.yaml:8:3: warning[PassedOver]: bp-web 1.2.0 is passed over for 1.1.0: no signature holds"),
        ],
        id="passed over",
    ),
    pytest.param(
        wish(application("web", version="^3")),
        BlueprintCatalog(*many("web", "1.0.0", "1.1.0", "2.0.0")),
        {},
        [
            ("applications/web.yaml:10:15: error[NoVersion]: web needs bp-web ^3; found 3 versions, in range 0"),
            ("  hint: the newest are 2.0.0, 1.1.0, 1.0.0"),
        ],
        id="range of nothing",
    ),
    pytest.param(
        wish(application("wbe"), application("web")),
        BlueprintCatalog(blueprint("web")),
        {},
        [
            ("applications/wbe.yaml:9:12: error[UnknownBlueprint]: wbe needs bp-wbe *, which is not in any catalog"),
            ("  hint: did you mean web?"),
        ],
        id="unknown",
    ),
    pytest.param(
        wish(application("web")),
        BlueprintCatalog(blueprint("web", depends=["db"])),
        {},
        [
            (
                "applications/web.yaml:9:12: error[UnknownBlueprint]: web needs bp-db * (through web, in "
                "bp-web@1.0.0), which is not in any catalog"
            ),
            ("  hint: another version of only one of these does not resolve this"),
            ("  applications/web.yaml:10:15: web requests bp-web *"),
        ],
        id="unknown dep",
    ),
    pytest.param(
        wish(application("web"), application("shop")),
        BlueprintCatalog(blueprint("web"), blueprint("shop", depends=[need("db", "~1.2")]), *many("db", "1.2.0", "1.5.0")),
        prior(package("web"), package("db", "1.5.0")),
        [
            (
                "applications/shop.yaml:9:12: error[Downgrade]: shop needs bp-db ~1.2 (through shop, in "
                "bp-shop@1.0.0); found 2, in range 1, usable 0: 1.2.0: it is older than the locked 1.5.0, and no document "
                "requests a downgrade"
            ),
            (
                "  hint: give shop its own: declare shop-db of bp-db ~1.2, and set spec.bind.db to shop-db in "
                "applications/shop.yaml; to downgrade, declare it: applications/db.yaml with bp-db 1.2.0"
            ),
            ("  applications/shop.yaml:10:15: shop requests bp-shop *"),
        ],
        id="downgrade of a dependency",
    ),
    pytest.param(
        wish(application("db", version="^3")),
        BlueprintCatalog(
            blueprint("db", "1.0.0"), blueprint("db", "2.0.0"), blueprint("db", "3.0.0", upgrades={"blocks": ["<2"]})
        ),
        prior(package("db", "1.0.0")),
        [
            (
                "applications/db.yaml:10:15: error[UpgradeBlocked]: db needs bp-db ^3; found 3, in range 1, usable 0: "
                "3.0.0: its upgrades.blocks forbids upgrades from <2, and 1.0.0 is locked"
            ),
            ("  hint: upgrade to 2.0.0 first"),
        ],
        id="upgrade blocked",
    ),
    pytest.param(
        wish(application("db", version="^3")),
        BlueprintCatalog(blueprint("db", "1.0.0"), blueprint("db", "3.0.0", upgrades={"from": ["^2"]})),
        prior(package("db", "1.0.0")),
        [
            ("applications/db.yaml:8:3: warning[UnusualUpgrade]: db moves from 1.0.0 to 3.0.0, which supports upgrades from ^2"),
        ],
        id="upgrade unusual",
    ),
    pytest.param(
        wish(application("web")),
        BlueprintCatalog(blueprint("web", depends=["db"]), *many("db", "1.0.0", "1.1.0"), untrusted=[("db", "1.0.0")]),
        prior(package("web"), package("db")),
        [
            (
                "applications/web.yaml:9:12: error[Untrusted]: db (through web) is locked to bp-db 1.0.0, which may "
                "no longer be used: no signature holds"
            ),
            ("  hint: what runs is left running; to replace it, declare it: applications/db.yaml with bp-db 1.1.0"),
        ],
        id="lost trust",
    ),
    pytest.param(
        wish(application("web")),
        BlueprintCatalog(blueprint("web"), homes={"registry.example/acme": [blueprint("web", "2.0.0")]}),
        {},
        [
            (
                "applications/web.yaml:10:15: error[AmbiguousBlueprint]: bp-web is in more than one catalog: "
                "registry.example/acme, registry.example/openova"
            ),
            ("  hint: select one with spec.blueprint.catalog"),
        ],
        id="two catalogs",
    ),
    pytest.param(
        wish(application("web")),
        BlueprintCatalog(blueprint("web", depends=["api"]), blueprint("api", depends=["db"]), blueprint("db", depends=["api"])),
        {},
        [
            (
                "applications/web.yaml:8:3: error[Cycle]: these Applications depend on each other in a cycle: api -> db "
                "-> api; api needs db (bp-api@1.0.0), db needs api (bp-db@1.0.0)"
            ),
            ("  hint: bind one of these dependencies to an Application of its own"),
        ],
        id="circle",
    ),
    pytest.param(
        wish(application("web")),
        BlueprintCatalog(blueprint("web", depends=[need("db", when="{{ .config.db.mode == 'own' }}")]), blueprint("db")),
        {},
        [
            (
                "applications/web.yaml:10:15: error[InvalidExpression]: web needs bp-web *; found 1, in range 1, "
                "usable 0: 1.0.0: `.config.db.mode == 'own'` cannot be evaluated: there is no key db; test for it "
                "with `has(...)`"
            ),
        ],
        id="expression",
    ),
    pytest.param(
        wish(application("web")),
        BlueprintCatalog(
            blueprint("web", depends=[need("db", "^1", values={}), need("db", "^2", values={}, alias="db2")]),
            *many("db", "1.0.0", "2.0.0"),
        ),
        {},
        [
            (
                "applications/web.yaml:10:15: error[Conflict]: no version of web-db meets all requirements: web "
                "needs bp-db ^1 (bp-web@1.0.0); web needs bp-db ^2 (bp-web@1.0.0); found 2, in all these ranges 0"
            ),
            ("  hint: another version of only one of these does not resolve this"),
            ("  applications/web.yaml:10:15: web requests bp-web *"),
        ],
        id="two dedicated",
    ),
    pytest.param(
        wish(application("web"), application("web-db", "bp-db", "^2")),
        BlueprintCatalog(blueprint("web", depends=[need("db", "^1", values={"a": 1})]), *many("db", "1.0.0", "2.0.0")),
        {},
        [
            (
                "applications/web.yaml:10:15: error[Conflict]: no version of web-db meets all requirements: web-db "
                "needs bp-db ^2 (applications/web-db.yaml); web needs bp-db ^1 (bp-web@1.0.0); found 2, in all these "
                "ranges 0"
            ),
            ("  hint: request bp-db 1.0.0 for web-db instead of ^2 at applications/web-db.yaml:10:15"),
            ("  applications/web.yaml:10:15: web requests bp-web *"),
            ("  applications/web-db.yaml:10:15: web-db requests bp-db ^2"),
        ],
        id="dedicated onto declared",
    ),
    pytest.param(
        wish(application("web", version="^2")),
        BlueprintCatalog(*many("web", "1.0.0", "2.0.0-rc.1", "2.0.0-rc.2")),
        {},
        [
            ("applications/web.yaml:10:15: error[NoVersion]: web needs bp-web ^2; found 3 versions, in range 0"),
            ("  hint: 2.0.0-rc.2 is a pre-release, which only a range that names a pre-release includes, such as ^2.0.0-rc.2"),
        ],
        id="prerelease only",
    ),
    pytest.param(
        wish(application("a"), application("b"), application("c")),
        BlueprintCatalog(
            blueprint("a", depends=[need("x", "1.0.0 || 1.1.0")]),
            blueprint("b", depends=[need("x", "1.1.0 || 1.2.0")]),
            blueprint("c", depends=[need("x", "1.0.0 || 1.2.0")]),
            *many("x", "1.0.0", "1.1.0", "1.2.0"),
        ),
        {},
        [
            (
                "applications/a.yaml:10:15: error[Conflict]: no version of x meets all requirements: a needs bp-x "
                "1.0.0 || 1.1.0 (bp-a@1.0.0); b needs bp-x 1.1.0 || 1.2.0 (bp-b@1.0.0); c needs bp-x 1.0.0 || 1.2.0 "
                "(bp-c@1.0.0); found 3, in all these ranges 0"
            ),
            ("  hint: give a its own: declare a-x of bp-x 1.0.0 || 1.1.0, and set spec.bind.x to a-x in applications/a.yaml"),
            ("  applications/a.yaml:10:15: a requests bp-a *"),
            ("  applications/b.yaml:10:15: b requests bp-b *"),
            ("  applications/c.yaml:10:15: c requests bp-c *"),
        ],
        id="three way",
    ),
]


@pytest.mark.parametrize(("wanted", "shelf", "before", "lines"), MESSAGES)
def test_the_message(wanted: ValidatedInput, shelf: BlueprintCatalog, before: dict[str, Any], lines: list[str]) -> None:
    resolution, problems = resolve(wanted, before, shelf)
    assert shown(problems if resolution is None else resolution.warnings).split("\n") == lines
