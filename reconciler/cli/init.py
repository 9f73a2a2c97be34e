"""`reconciler init`."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from reconciler.bootstrap.clients import create_signing_key, open_forge, repository
from reconciler.cli import console, logs
from reconciler.cli.options import ConfigOption
from reconciler.cli.problems import by_lines, on_disk, show_problems
from reconciler.commands.prepare_environment import PreparationRequest, PreparationStep, prepare_environment
from reconciler.config.secrets import webhook_endpoint
from reconciler.config.settings import Settings, read_settings
from reconciler.controller.discovery import gitea_of, target_on_gitea
from reconciler.domain.onboarding.scaffold import environment_problems
from reconciler.model.errors import ReconcilerError
from reconciler.model.problem import Problem


def init(
    environment: Annotated[
        str,
        typer.Argument(
            metavar="ORG/ENV", help="The Environment's repository on Gitea, such as acme/acme-prod.", show_default=False
        ),
    ],
    config: ConfigOption,
    placement: Annotated[
        list[str] | None,
        typer.Option(
            metavar="CLUSTER", help="A cluster for a new environment.yaml, such as hz-fsn-rtz-prod-acme. Repeat it for more."
        ),
    ] = None,
    format_: console.FormatOption = console.Format.text,
) -> None:
    """Prepare a repository on Gitea for an Environment: first commit, branch protection, webhook, topic.

    Makes the key file that `signing.keyFile` names, if it is missing. Afterwards only the reconciler can push `resolved`,
    `status` and `plan/**`, and `main` changes only by pull requests whose checks succeed. Existing documents and stricter
    settings are preserved; a second run changes nothing. It needs the token of an administrator of the repository: set
    CATALYST_GITEA__TOKEN if the reconciler's own token is not one.

    Exit codes: 0 it is prepared; 1 something is left for people to do, or it cannot be an Environment; 2 the command was used
    wrongly; 3 something outside failed.

    Example: reconciler init -c reconciler.yaml acme/acme-prod --placement hz-fsn-rtz-prod-acme
    """
    logs.configure(verbose=False)
    if not re.fullmatch(r"[A-Za-z0-9._-]+/[A-Za-z0-9._-]+", environment):
        raise typer.BadParameter(f"{environment!r} is not ORG/ENV", param_hint="ORG/ENV")
    settings = read_settings(config)
    steps: list[PreparationStep] = []
    fault: ReconcilerError | None = None
    problems = environment_problems(environment, placement or [])
    try:
        with tempfile.TemporaryDirectory(prefix="reconciler-") as folder:
            for step in _steps(settings, environment, placement or [], Path(folder)) if not problems else ():
                steps.append(step)
                if format_ is console.Format.text:
                    console.print_line(_line(step))
    except ReconcilerError as error:
        fault = error
    if format_ is console.Format.json:
        console.print_json(
            {
                "repository": environment,
                "steps": [{"step": step.name, "what": step.result, "detail": step.detail} for step in steps],
                "problems": [p.model_dump() for p in problems],
                "fault": fault and {"kind": fault.reason, "message": str(fault)},
            }
        )
    else:
        show_problems(problems, by_lines(on_disk))
        if fault is not None:
            raise fault
    raise typer.Exit(_code(steps, problems, fault))


def _steps(settings: Settings, environment: str, clusters: list[str], folder: Path) -> Iterator[PreparationStep]:
    gitea = gitea_of(settings)
    if create_signing_key(settings) and settings.signing is not None:
        yield PreparationStep("signing key", "created", f"{settings.signing.key_file}: keep a copy of it")
    clone = repository(settings, target_on_gitea(environment, settings), folder)
    with open_forge(settings) as forge:
        yield from prepare_environment(
            PreparationRequest(forge, clone, environment, gitea.username, gitea.topic, webhook_endpoint(settings.http), clusters)
        )


def _line(step: PreparationStep) -> str:
    return f"{step.name}: {step.result}" + (f" ({step.detail})" if step.detail else "")


def _code(steps: list[PreparationStep], problems: tuple[Problem, ...], fault: ReconcilerError | None) -> int:
    if fault is not None:
        return console.OUTSIDE
    return console.REFUSED if problems or any(step.result == "missing" for step in steps) else console.OK
