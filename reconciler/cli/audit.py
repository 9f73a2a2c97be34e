"""`reconciler audit`."""

from __future__ import annotations

import contextlib
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reconciler.bootstrap.clients import local_repository, open_auditor, repository
from reconciler.bootstrap.policy_sources import policy_source
from reconciler.cli import console, logs
from reconciler.cli.environment_reader import find_environment
from reconciler.cli.problems import by_lines, show_problems
from reconciler.commands.audit import AuditReport, PackageAudit, snapshot_of_branch, snapshot_of_resolved
from reconciler.commands.audit import audit as audited
from reconciler.config.settings import read_settings
from reconciler.model.errors import ConfigurationError, ReconcilerError
from reconciler.model.git import Snapshot
from reconciler.model.layout import LOCK_FILE
from reconciler.services.policies.trust_policy_loader import read_policies
from reconciler.services.verification.evidence_store import EvidenceFolder, EvidenceStore, RecordingStore

if TYPE_CHECKING:
    from reconciler.config.settings import Settings
    from reconciler.domain.trust.trust_policies import TrustPolicies
    from reconciler.services.verification.signatures import SignatureVerifier

_SHORT = len("sha256:") + 12  # of a digest, in a table


@dataclass(frozen=True)
class _AuditContext:
    """The inputs of every audit. `settings` locates Environments; None when only folders can be audited."""

    settings: Settings | None
    policies: TrustPolicies
    store: EvidenceStore
    cosign: SignatureVerifier


def audit(
    where: Annotated[
        list[str],
        typer.Argument(
            metavar="PATH|ENV...", help="A clone, a checked-out `resolved`, or with -c an Environment.", show_default=False
        ),
    ],
    config: Annotated[Path | None, typer.Option("--config", "-c", metavar="FILE", help="The configuration file.")] = None,
    trust: Annotated[Path | None, typer.Option(metavar="DIR", help="TrustPolicy documents, without -c.")] = None,
    save: Annotated[Path | None, typer.Option(metavar="DIR", help="Save the fetched evidence in this folder.")] = None,
    bundles: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Read evidence saved by --save; send no request to a registry.", exists=True),
    ] = None,
    plain_http: Annotated[
        list[str] | None, typer.Option(metavar="HOST", help="Without -c: a registry to use without TLS.")
    ] = None,
    credentials: Annotated[Path | None, typer.Option(metavar="FILE", help="Without -c: a docker config.json.")] = None,
    cosign: Annotated[Path | None, typer.Option(metavar="PROGRAM", help="Without -c: the cosign program.")] = None,
    format_: console.FormatOption = console.Format.text,
) -> None:
    """Verify `resolved` independently of the reconciler: each file follows from the lock, each signature is valid.

    Reads `resolved` and the trust policies, and no stored state of the reconciler. From the registry it fetches only objects that
    the lock names by digest: each artifact's manifest, its signature's manifest, and the signature.

    To verify with cosign alone, use a file of --save (named by its digest, see `bundles` in JSON) and an artifact's HEX digits:
    cosign verify-blob-attestation --key KEY --bundle FILE --type https://sigstore.dev/cosign/sign/v1 --digest HEX
    --digestAlg sha256 --insecure-ignore-tlog

    Exit codes: 0 there is no gap; 1 there is one; 3 something outside failed, so that it cannot be told.

    Example: reconciler audit ./acme-prod --trust ./trust
    """
    logs.configure(verbose=False)
    if (config is None) is (trust is None):
        raise typer.BadParameter("give either -c FILE or --trust DIR")
    if config is not None and (plain_http or credentials or cosign):
        raise typer.BadParameter("with -c, registry and cosign are as configured")
    if save is not None and bundles is not None:
        raise typer.BadParameter("give either --save or --bundles")
    settings = read_settings(config) if config else None
    with open_auditor(settings, plain_http=plain_http or (), credentials=credentials, cosign=cosign) as tools:
        registry: EvidenceStore = tools.registry
        store = EvidenceFolder(bundles) if bundles else RecordingStore(registry, EvidenceFolder(save)) if save else registry
        with contextlib.ExitStack() as closing:
            policies = policy_source(settings, closing)() if settings else read_policies(trust or Path())
        context = _AuditContext(settings, policies, store, tools.cosign)
        results = {name: _audit(name, context) for name in dict.fromkeys(where)}
    if format_ is console.Format.json:
        console.print_json([_as_json(name, result) for name, (_, result) in results.items()])
    else:
        for name, (snapshot, result) in results.items():
            _show(name, snapshot, result)
    raise typer.Exit(max(_code(result) for _, result in results.values()))


def _audit(where: str, context: _AuditContext) -> tuple[Snapshot, AuditReport]:
    snapshot = Snapshot("", {}, ())
    try:
        snapshot = _snapshot(where, context.settings)
    except ReconcilerError as error:
        return snapshot, AuditReport("", "", (), (), error)
    return snapshot, audited(snapshot, context.policies, context.store, context.cosign)


def _snapshot(where: str, settings: Settings | None) -> Snapshot:
    """The files of `resolved` at a folder, or of an Environment when there is no such folder; a clone is made for it alone."""
    folder = Path(where)
    if (folder / LOCK_FILE).is_file():
        return snapshot_of_resolved(folder)
    signed = settings is not None and settings.signing is not None
    with tempfile.TemporaryDirectory(prefix="reconciler-") as own:
        if folder.is_dir():
            return snapshot_of_branch(local_repository(settings, folder, Path(own) / "clone"), signed=signed)
        if settings is None:
            raise ConfigurationError(f"there is no folder {folder}", "an Environment can be named with -c FILE")
        return snapshot_of_branch(repository(settings, find_environment(settings, str(folder)), Path(own)), signed=signed)


def _code(result: AuditReport) -> int:
    if result.fault is not None:
        return console.OUTSIDE
    return console.REFUSED if result.gaps else console.OK


def _show(where: str, snapshot: Snapshot, result: AuditReport) -> None:
    commit = f" at {result.commit[:10]}" if result.commit else ""
    if result.environment:
        console.print_line(f"{result.environment}{commit}, {where}: {_summary(result)}")
    console.print_table(
        ("APPLICATION", "ARTIFACT", "AUTHORITY", "SIGNATURE", "RESULT"),
        (
            (
                row.package.application,
                _short(row.package.artifact.removeprefix("oci://")),
                ", ".join(dict.fromkeys(evidence.authority for evidence in row.package.evidence)),
                ", ".join(dict.fromkeys(_short(evidence.signature) for evidence in row.package.evidence)),
                _result(row),
            )
            for row in result.rows
        ),
    )
    show_problems(result.gaps, by_lines(snapshot.files.get))
    if result.fault is not None:
        console.print_error(f"{where}: {result.fault}")


def _summary(result: AuditReport) -> str:
    gaps = f"gaps: {len(result.gaps)}" if result.gaps else "no gap"
    unverified = sum(not row.verified for row in result.rows)
    return f"packages: {len(result.rows)}, {gaps}" + (f", signatures not checked: {unverified}" if unverified else "")


def _result(row: PackageAudit) -> str:
    codes = [*dict.fromkeys(problem.code for problem in row.problems), *([] if row.verified else ["not checked"])]
    return ", ".join(codes) or "ok"


def _short(reference: str) -> str:
    """A reference whose digest is shortened, for people's eyes: the whole of it is in the lock and in JSON."""
    head, at, digest = reference.rpartition("@")
    return f"{head}{at}{digest[:_SHORT]}"


def _as_json(where: str, result: AuditReport) -> dict[str, Any]:
    return {
        "where": where,
        "environment": result.environment,
        "commit": result.commit,
        "ok": _code(result) == console.OK,
        "packages": [
            {
                "application": row.package.application,
                "artifact": row.package.artifact,
                "evidence": [evidence.model_dump(mode="json", by_alias=True) for evidence in row.package.evidence],
                "bundles": row.bundles,
                "verified": row.verified,
                "problems": [p.model_dump() for p in row.problems],
            }
            for row in result.rows
        ],
        "problems": [p.model_dump() for p in result.problems],
        "fault": {"kind": result.fault.reason, "message": str(result.fault)} if result.fault else None,
    }
