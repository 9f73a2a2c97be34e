"""The attacks, and how each must end. Whatever is told to a person is looked for by a pattern of its words."""

from __future__ import annotations

import tarfile
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from tests.live.support import attack_artifacts, hostile_artifacts
from tests.live.support.hostile_artifacts import BUNDLE, ArtifactForge, Layer, as_json, manifest, member, tarred, zipped
from tests.live.support.lying_registry_proxy import Lie, at, chunked, dropped, first, flipped, gone_to, paged
from tests.support.registry_server import Reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.live.support.attack_artifacts import AttackedArtifact, Lay


@dataclass(frozen=True)
class Ending:
    """How a pass must end.

    Attributes:
        code: its exit code: 1, the commit is refused; 3, it cannot be told.
        reason: the word for it.
        words: a pattern of what is said.
    """

    code: int
    reason: str
    words: str


untrusted = partial(Ending, 1, "Untrusted")
invalid = partial(Ending, 1, "InvalidBlueprint")
corrupt = partial(Ending, 3, "Corrupt")
denied = partial(Ending, 3, "Denied")
unavailable = partial(Ending, 3, "Unavailable")

FOREVER = 10**9  # seconds
BOMB = hostile_artifacts.bomb(b"", 1 << 30)
_UNACCEPTED = "is signed, but by no accepted key"
_OTHER = "the registry sent content with another digest"
_TOO_LONG = r"sends more than the \d+ bytes that are accepted"
_MANIFEST_TOO_LONG = "sends more than the 4194304 bytes that are accepted"
_ENDLESS = "the list does not end within 10000 tags or 50 pages"


def _tags(number: int, minor: int = 0) -> bytes:
    """A list of tags."""
    return as_json({"tags": [f"1.{minor}.{n}" for n in range(number)]})


def _referrers(number: int) -> bytes:
    """An index of referrers."""
    return b'{"manifests":[%s]}' % b",".join(b'{"digest":"sha256:%064x","size":9}' % n for n in range(number))


# What is done on the way to bp-app, which the right key signed.
WIRE: dict[str, tuple[Callable[[AttackedArtifact], Lie], Ending]] = {
    # other bytes
    "tag-flipped": (lambda s: s.spoil(s.at_tag, flipped), invalid("not found in the registry")),
    "manifest-flipped": (lambda s: s.spoil(s.at_manifest, flipped), invalid(_OTHER)),
    "chart-flipped": (lambda s: s.spoil(s.at_chart, flipped), invalid(_OTHER)),
    "document-flipped": (lambda s: s.spoil(s.at_document, flipped), invalid(_OTHER)),
    "signature-flipped": (lambda s: s.spoil(s.at_signature, flipped), invalid(_OTHER)),
    "bundle-flipped": (lambda s: s.spoil(s.at_bundle, flipped), invalid(_OTHER)),
    "chart-of-another": (lambda s: s.answer(s.at_chart, s.other_chart), invalid(f"bytes where|{_TOO_LONG}|{_OTHER}")),
    "manifest-of-another": (lambda s: s.answer(s.at_manifest, s.other), invalid(_OTHER)),
    "repository-of-another": (lambda s: gone_to(s.between, f"{s.path}/bp-app", f"{s.path}/bp-other"), invalid("bp-other")),
    "index": (lambda s: s.answer(s.at_tag, hostile_artifacts.index(s.app)), invalid("not found in the registry")),
    # another length
    "chart-shorter": (
        lambda s: s.spoil(s.at_chart, lambda b: Reply(body=b[:-9])),
        invalid(r"bytes where the manifest declares \d"),
    ),
    "chart-empty": (lambda s: s.answer(s.at_chart, b""), invalid("0 bytes where the manifest declares")),
    "chart-cut-off": (
        lambda s: s.spoil(s.at_chart, lambda b: Reply(body=b[:-9], length=len(b))),
        unavailable("the connection to .* failed"),
    ),
    "chart-longer": (lambda s: s.spoil(s.at_chart, lambda b: Reply(body=b + b"x")), invalid(_TOO_LONG)),
    "chart-longer-unsaid": (lambda s: s.spoil(s.at_chart, lambda b: chunked(b + bytes(9 << 20))), invalid(_TOO_LONG)),
    "manifest-of-100-mb": (lambda s: s.answer(s.at_tag, bytes(100 << 20)), invalid(_MANIFEST_TOO_LONG)),
    "manifest-of-100-mb-unsaid": (lambda s: at(s.at_tag, chunked(bytes(100 << 20))), invalid(_MANIFEST_TOO_LONG)),
    "bundle-of-100-mb": (lambda s: at(s.at_bundle, chunked(bytes(100 << 20))), invalid(_TOO_LONG)),
    "bundle-compressed": (lambda s: s.answer(s.at_bundle, BOMB, Content_Encoding="gzip"), invalid("sends it compressed")),
    # lists
    "tags-compressed": (lambda s: s.answer(s.at_tags, BOMB, Content_Encoding="gzip"), corrupt("sends it compressed")),
    "tags-nested": (lambda s: s.answer(s.at_tags, b"[" * (1 << 20)), corrupt("not JSON")),
    "tags-without-end": (lambda s: paged(s.at_tags, lambda page: _tags(100, page)), corrupt(_ENDLESS)),
    "tags-in-a-circle": (lambda s: paged(s.at_tags, lambda _: _tags(100)), corrupt(_ENDLESS)),
    "tags-250-000": (lambda s: s.answer(s.at_tags, _tags(250_000)), corrupt(_ENDLESS)),
    "tags-1-000-000": (lambda s: at(s.at_tags, chunked(_tags(10**6))), corrupt(_MANIFEST_TOO_LONG)),
    "tags-elsewhere": (
        lambda s: s.answer(s.at_tags, _tags(9), Link='<http://127.0.0.1:9/v2/x/tags/list>; rel="next"'),
        corrupt("the next page is on another host"),
    ),
    "signatures-20-000": (lambda s: s.answer(s.at_referrers, _referrers(20_000)), invalid("more than the limit of 64")),
    "signatures-1-000-000": (lambda s: at(s.at_referrers, chunked(_referrers(10**6))), invalid(_MANIFEST_TOO_LONG)),
    "signatures-without-end": (
        lambda s: paged(s.at_referrers, lambda _: hostile_artifacts.index(s.signature)),
        invalid("the list does not fit on one page"),
    ),
    # withheld
    "signatures-withheld": (
        lambda s: at(f"{s.at_referrers}|{s.at_fallback}", Reply(404)),
        untrusted("bp-app@.* has no signature"),
    ),
    "signature-withheld": (lambda s: at(s.at_signature, Reply(404)), untrusted("has no signature; 1 not usable: .* or gone")),
    "bundle-withheld": (lambda s: at(s.at_bundle, Reply(404)), untrusted("has no signature; 1 not usable: .* or gone")),
    # no answers
    "down-after-tags": (lambda _: dropped("/bp-app/(?!tags/)"), unavailable("the connection to .* failed")),
    "down-at-the-signature": (lambda s: dropped(s.at_bundle), unavailable("the connection to .* failed")),
    "down-at-the-chart": (lambda s: dropped(s.at_chart), unavailable("the connection to .* failed")),
    "failing-referrers": (lambda s: at(s.at_referrers, Reply(500)), unavailable("responds 500")),
    "failing-fallback": (lambda s: at(s.at_fallback, Reply(503)), unavailable("responds 503")),
    "failing-old": (lambda s: first(at(s.at_old, Reply(502)), at(s.at_fallback, Reply(404))), unavailable("responds 502")),
    "failing-bundle": (lambda s: at(s.at_bundle, Reply(500)), unavailable("responds 500")),
    "throttled": (lambda s: at(s.at_referrers, Reply(429, headers={"Retry-After": str(FOREVER)})), unavailable("responds 429")),
    "forbidden": (lambda s: at(s.at_referrers, Reply(403)), denied("responds 403")),
    "locked": (
        lambda s: at(s.at_referrers, Reply(401, headers={"WWW-Authenticate": 'Basic realm="x"'})),
        denied("requires credentials, and none are configured"),
    ),
    "redirected-in-a-circle": (
        lambda s: at(s.at_chart[:-1], Reply(307, headers={"Location": "?again"})),
        unavailable("redirects more than 5 times"),
    ),
    "redirected-without-tls": (
        lambda s: at(s.at_chart, Reply(307, headers={"Location": "http://127.0.0.1:9/"})),
        denied("without TLS, which is not followed"),
    ),
}


def _chart(*members: Callable[[str], tarfile.TarInfo]) -> Callable[[ArtifactForge, str], bytes]:
    """Push an artifact whose chart has these members too."""
    return lambda forge, name: forge.artifact(name, zipped(tarred(name, *(make(name) for make in members))))


def _archive(make: Callable[[str], bytes]) -> Callable[[ArtifactForge, str], bytes]:
    """Push an artifact with such a chart archive."""
    return lambda forge, name: forge.artifact(name, make(name))


def _document(make: Callable[[str], bytes]) -> Callable[[ArtifactForge, str], bytes]:
    """Push an artifact with such a blueprint.yaml."""
    return lambda forge, name: forge.artifact(name, zipped(tarred(name)), make(name))


_LINKS = invalid("contains a link, a device or another special file")
_OUTSIDE = invalid("a path that leads out of it")

# What is pushed as it is, and signed by the right key: even then.
SIGNED: dict[str, tuple[Callable[[ArtifactForge, str], bytes], Ending]] = {
    "link": (_chart(lambda n: member(f"{n}/templates/evil", tarfile.SYMTYPE, "/etc/passwd")), _LINKS),
    "hard-link": (_chart(lambda n: member(f"{n}/evil", tarfile.LNKTYPE, "/etc/passwd")), _LINKS),
    "character-device": (_chart(lambda n: member(f"{n}/evil", tarfile.CHRTYPE)), _LINKS),
    "block-device": (_chart(lambda n: member(f"{n}/evil", tarfile.BLKTYPE)), _LINKS),
    "fifo": (_chart(lambda n: member(f"{n}/evil", tarfile.FIFOTYPE)), _LINKS),
    "absolute": (_chart(lambda _: member("/evil")), _OUTSIDE),
    "upwards": (_chart(lambda n: member(f"{n}/../../evil")), _OUTSIDE),
    "upwards-folder": (_chart(lambda n: member(f"{n}/../..", tarfile.DIRTYPE)), _OUTSIDE),
    "two-folders": (_chart(lambda _: member("evil/values.yaml")), invalid("does not contain exactly one folder")),
    "twice": (_chart(lambda n: member(f"{n}/Chart.yaml")), invalid("contains a file twice")),
    "long-name": (_archive(hostile_artifacts.long_named), invalid("names or attributes that are too long")),
    "many-files": (_archive(lambda n: hostile_artifacts.repeated(n, 6_000)), invalid("too many files")),
    "many-folders": (
        _archive(lambda n: hostile_artifacts.repeated(n, 25_000, tarfile.DIRTYPE)),
        invalid("too many files and folders"),
    ),
    "bomb": (_archive(hostile_artifacts.huge), invalid("unpacks to more than 33554432 bytes")),
    "bomb-inside": (
        _archive(lambda n: zipped(tarred(n, files={"charts/db-1.0.0.tgz": hostile_artifacts.huge("db")}))),
        invalid(r"unpacks to more than \d+ bytes"),
    ),
    "nested": (_archive(lambda n: hostile_artifacts.nested(n, 9)), invalid("charts nested more than 8 deep")),
    "two-in-one": (_archive(lambda n: zipped(tarred(n)) * 2), invalid("other data follows it")),
    "cut-short": (_archive(lambda n: zipped(tarred(n))[:-9]), invalid("is truncated")),
    "chart-of-33-mb": (_archive(lambda _: bytes(33 << 20)), invalid("34603008 bytes where at most 33554432 are accepted")),
    "document-of-2-mb": (_document(lambda _: b"#" * (2 << 20)), invalid("2097152 bytes where at most 1048576 are accepted")),
    "aliases": (_document(hostile_artifacts.aliases), invalid(r"blueprint\.yaml is not valid")),
    "brackets": (_document(lambda _: b"[" * 100_000), invalid(r"blueprint\.yaml is not valid")),
    "name-of-another": (_document(lambda _: hostile_artifacts.blueprint("bp-app")), invalid("bp-app")),
    "two-charts": (lambda f, n: f.doubled(n), invalid("there must be one")),
    "no-chart": (
        lambda f, n: f.push(n, manifest(hostile_artifacts.EMPTY), hostile_artifacts.EMPTY, tag="1.0.0"),
        invalid("contains no Helm chart"),
    ),
    "index": (lambda f, n: f.indexed(n), invalid("not an image manifest")),
}

# What is laid beside an artifact that the right key did not sign.
UNSIGNED: dict[str, tuple[Lay, Ending]] = {
    "nothing": (attack_artifacts.nothing, untrusted("has no signature$")),
    "unknown-key": (attack_artifacts.stranger, untrusted(_UNACCEPTED)),
    "borrowed": (attack_artifacts.borrowed, untrusted(_UNACCEPTED)),
    "borrowed-whole": (attack_artifacts.borrowed_whole, untrusted(_UNACCEPTED)),
    "borrowed-as-before": (attack_artifacts.borrowed_as_before, untrusted(_UNACCEPTED)),
    "spoiled": (attack_artifacts.spoiled_signature, untrusted(_UNACCEPTED)),
    "attested": (attack_artifacts.attested, untrusted("has only attestations, which do not count as signatures")),
    "disguised": (attack_artifacts.disguised, untrusted(_UNACCEPTED)),
    "disguised-by-silence": (partial(attack_artifacts.disguised, claim=None), untrusted(_UNACCEPTED)),
    "retold": (attack_artifacts.retold, untrusted(_UNACCEPTED)),
    "compressed": (attack_artifacts.beside(Layer(BOMB, f"{BUNDLE}+gzip")), untrusted("no signature; 1 not usable: .*compressed")),
    "compressed-unsaid": (attack_artifacts.beside(Layer(BOMB[: 1 << 19], BUNDLE)), untrusted(_UNACCEPTED)),
    "bundle-of-17-mb": (
        attack_artifacts.beside(Layer(bytes(17 << 20), BUNDLE)),
        untrusted("no signature; 1 not usable: too large"),
    ),
    "brackets": (attack_artifacts.beside(Layer(b"[" * (1 << 19), BUNDLE)), untrusted(_UNACCEPTED)),
    "crowd-as-before": (attack_artifacts.crowd_as_before, untrusted(_UNACCEPTED)),
}
