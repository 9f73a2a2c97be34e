"""`reconciler publish`."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from reconciler.bootstrap.clients import open_publisher
from reconciler.cli import console, logs
from reconciler.cli.problems import by_lines, on_disk, show_problems
from reconciler.commands.publish import Published, SigningKey
from reconciler.commands.publish import publish as publish_folder
from reconciler.commands.validate import BLUEPRINT_FILE, load_blueprint_folder
from reconciler.model.blueprint import Blueprint
from reconciler.model.errors import ConfigurationError
from reconciler.model.problem import Problem, has_errors
from reconciler.model.source import Source

PASSWORD = "COSIGN_PASSWORD"  # noqa: S105 - the variable's name, cosign's own


def publish(
    directories: Annotated[list[Path], typer.Argument(metavar="DIR...", help="Catalog folders: blueprint.yaml and chart/.")],
    registry: Annotated[
        str, typer.Option(metavar="HOST/PREFIX", help="The target registry and prefix, such as registry.example/openova.")
    ],
    key: Annotated[
        Path | None, typer.Option(metavar="FILE", help="cosign's private key; its password is in COSIGN_PASSWORD.")
    ] = None,
    unsigned: Annotated[bool, typer.Option("--unsigned", help="Do not sign. No Environment will accept the result.")] = False,
    plain_http: Annotated[bool, typer.Option("--plain-http", help="Connect to the registry without TLS.")] = False,
    credentials: Annotated[Path | None, typer.Option(metavar="FILE", help="A docker config.json.")] = None,
    cosign: Annotated[Path, typer.Option(metavar="PROGRAM", help="The cosign program.")] = Path("cosign"),
    format_: console.FormatOption = console.Format.text,
) -> None:
    """Validate, package, push and sign Blueprints. A second run changes nothing; a published version never changes.

    Exit codes: 0 all are published; 1 one is not valid, and nothing was pushed; 3 the registry or cosign failed.

    Example: reconciler publish fixtures/catalog/* --registry registry.example/openova --key cosign.key
    """
    logs.configure(verbose=False)
    if (key is None) is not unsigned:
        raise typer.BadParameter("give either --key or --unsigned")
    prefix = registry.removeprefix("oci://").rstrip("/")
    checked = [(folder, *_validated(folder)) for folder in directories]
    problems = [problem for _, _, of_folder, _ in checked for problem in of_folder]
    if has_errors(problems):
        if format_ is console.Format.json:
            console.print_json({"problems": [p.model_dump() for p in problems]})
        else:
            show_problems(problems, by_lines(on_disk))
        raise typer.Exit(console.REFUSED)
    results: list[Published] = []
    host = prefix.partition("/")[0]
    with open_publisher(host, cosign, plain_http=plain_http, credentials=credentials) as tools:
        signer = SigningKey.load(tools.cosign, key, os.environ.get(PASSWORD, "")) if key else None
        for folder, blueprint, _, chart in checked:
            if blueprint is None:
                raise ConfigurationError(f"{folder} has no Blueprint")
            published = publish_folder(
                folder,
                name=blueprint.name,
                version=blueprint.version,
                chart=chart.data,
                prefix=prefix,
                registry=tools.registry,
                cosign=tools.cosign,
                signer=signer,
            )
            results.append(published)
            if format_ is console.Format.text:
                done = [word for word, did in (("pushed", published.pushed), ("signed", published.signed)) if did]
                console.print_line(f"{blueprint.name} {blueprint.version}  {published.digest}  {', '.join(done) or 'as it was'}")
    if format_ is console.Format.json:
        console.print_json([asdict(published) for published in results])


def _validated(folder: Path) -> tuple[Blueprint | None, tuple[Problem, ...], Source]:
    if not (folder / BLUEPRINT_FILE).is_file():
        problem = Problem(code="NothingToPublish", message=f"holds no {BLUEPRINT_FILE}", file=str(folder))
        return None, (problem,), Source(str(folder))
    return load_blueprint_folder(folder)
