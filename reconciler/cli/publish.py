"""`reconciler publish`."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from reconciler.adapters.cosign.runner import Cosign
from reconciler.adapters.registry.client import Registry
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
    registry: Annotated[str, typer.Option(metavar="HOST/PREFIX", help="Where to, such as registry.example/openova.")],
    key: Annotated[
        Path | None, typer.Option(metavar="FILE", help="cosign's private key; its password is in COSIGN_PASSWORD.")
    ] = None,
    unsigned: Annotated[bool, typer.Option("--unsigned", help="Do not sign. No Environment will accept the result.")] = False,
    plain_http: Annotated[bool, typer.Option("--plain-http", help="Speak to the registry without TLS.")] = False,
    credentials: Annotated[Path | None, typer.Option(metavar="FILE", help="A docker config.json.")] = None,
    cosign: Annotated[Path, typer.Option(metavar="PROGRAM", help="The cosign program.")] = Path("cosign"),
    format_: console.FormatOption = console.Format.text,
) -> None:
    """Check, package, push and sign Blueprints. Running it again changes nothing; a published version never changes.

    Exit codes: 0 all are published; 1 one is not valid, and nothing was pushed; 3 the registry or cosign failed.

    Example: reconciler publish fixtures/catalog/* --registry registry.example/openova --key cosign.key
    """
    logs.configure(verbose=False)
    if (key is None) is not unsigned:
        raise typer.BadParameter("give either --key or --unsigned")
    prefix = registry.removeprefix("oci://").rstrip("/")
    checked = [(folder, *_checked(folder)) for folder in directories]
    problems = [problem for _, _, found, _ in checked for problem in found]
    if has_errors(problems):
        if format_ is console.Format.json:
            console.print_json({"problems": [p.model_dump() for p in problems]})
        else:
            show_problems(problems, by_lines(on_disk))
        raise typer.Exit(console.REFUSED)
    client = Registry(plain_http={prefix.partition("/")[0]} if plain_http else (), credentials=credentials)
    program = Cosign(cosign, credentials=credentials)
    signer = SigningKey.load(program, key, os.environ.get(PASSWORD, "")) if key else None
    results: list[Published] = []
    for folder, blueprint, _, chart in checked:
        if blueprint is None:
            raise ConfigurationError(f"{folder} has no Blueprint")
        results.append(
            publish_folder(
                folder,
                name=blueprint.name,
                version=blueprint.version,
                chart=chart.data,
                prefix=prefix,
                registry=client,
                cosign=program,
                signer=signer,
            )
        )
        if format_ is console.Format.text:
            one = results[-1]
            done = [word for word, did in (("pushed", one.pushed), ("signed", one.signed)) if did]
            console.print_line(f"{blueprint.name} {blueprint.version}  {one.digest}  {', '.join(done) or 'as it was'}")
    client.close()
    if format_ is console.Format.json:
        console.print_json([asdict(one) for one in results])


def _checked(folder: Path) -> tuple[Blueprint | None, tuple[Problem, ...], Source]:
    if not (folder / BLUEPRINT_FILE).is_file():
        problem = Problem(code="NothingToPublish", message=f"holds no {BLUEPRINT_FILE}", file=str(folder))
        return None, (problem,), Source(str(folder))
    return load_blueprint_folder(folder)
