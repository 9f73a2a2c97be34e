"""`reconciler once`."""

from __future__ import annotations

import contextlib
import functools
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reconciler.bootstrap.runtime import Runtime
from reconciler.bootstrap.state_lock import state_lock
from reconciler.cli import blockers, console, logs, sarif
from reconciler.cli.options import CLUSTER_TIMEOUT, ConfigOption, EnvironmentsArgument
from reconciler.cli.problems import ProblemFormat, ProblemFormatOption, by_lines, show_problems
from reconciler.config.settings import read_settings
from reconciler.controller.discovery import select_targets
from reconciler.domain.blocker import Refused, problems_of
from reconciler.domain.status.environment_status import status_subject
from reconciler.model.errors import ReconcilerError
from reconciler.model.layout import WANTED
from reconciler.services.containment import contained

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from reconciler.cli.problem_report import Lines
    from reconciler.controller.discovery import EnvironmentTarget
    from reconciler.model.git import Snapshot
    from reconciler.services.reconcile.outcome import ReconcileOutcome

NO_MAIN = "the repository has no branch main; push one"


def once(
    config: ConfigOption,
    environments: EnvironmentsArgument = None,
    format_: ProblemFormatOption = ProblemFormat.text,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log each step.")] = False,
) -> None:
    """Reconcile each Environment once: resolve `main`, observe the clusters, commit the lock and the status. Then stop.

    A pass that fails is repeated once; when it fails again the status says that nothing is known, and the others go on.

    Exit codes: 0 every commit of main is resolved; 1 one is refused; 3 something outside failed, or one is held by a policy.
    """
    logs.configure(verbose=verbose)
    settings = read_settings(config)
    with state_lock(settings.state):
        runtime = Runtime(settings)
        try:
            runtime.check()
            targets = select_targets(runtime.targets(), environments)
            results = {key: _pass(runtime, target) for key, target in targets.items()}
            runtime.publish_policies()
        finally:
            runtime.close()
        if format_ is ProblemFormat.text:
            for key, result in results.items():
                _show(key, result, by_lines(_committed(result, runtime.clone(targets[key]).read)))
        elif format_ is ProblemFormat.json:
            console.print_json([_as_json(key, result) for key, result in results.items()])
        else:
            console.print_json(sarif.sarif(_as_run(key, result) for key, result in results.items()))
    raise typer.Exit(max((_code(result) for result in results.values()), default=console.OK))


def _pass(runtime: Runtime, target: EnvironmentTarget) -> ReconcileOutcome | ReconcilerError:
    """Make a pass, and repeat it once if it fails; a failure with one Environment is its result, and keeps no other back."""
    try:
        with contained("the work on an Environment", environment=target.display_name):
            environment_pass = runtime.environment_pass(target)
            with contextlib.suppress(ReconcilerError):
                return environment_pass.run(wait=CLUSTER_TIMEOUT)
            return environment_pass.run(wait=CLUSTER_TIMEOUT)
    except ReconcilerError as error:
        return error


def _code(result: ReconcileOutcome | ReconcilerError) -> int:
    if isinstance(result, ReconcilerError) or result.main is None:
        return console.OUTSIDE
    return blockers.exit_code(result.blocker)


def _committed(
    result: ReconcileOutcome | ReconcilerError, read: Callable[[str, Sequence[str]], Snapshot]
) -> Callable[[str], bytes | None]:
    """The documents of `main`, by file, as the pass left them in the clone that `read` reads."""

    @functools.cache
    def files() -> Mapping[str, bytes]:
        if isinstance(result, ReconcilerError) or result.main is None:
            return {}
        try:
            return read(result.main, WANTED).files
        except ReconcilerError:  # the problems are printed without excerpts, then
            return {}

    return lambda file: files().get(file)


def _show(key: str, result: ReconcileOutcome | ReconcilerError, lines: Lines) -> None:
    if isinstance(result, ReconcilerError):
        console.print_error(f"{key}: {result}")
        return
    if result.main is None:
        console.print_error(f"{key}: {NO_MAIN}")
        return
    line = status_subject(result.status) if result.status else result.name
    console.print_line(f"{line} [{', '.join(result.pushed) + ' pushed' if result.pushed else 'nothing to push'}]")
    problems = (*problems_of(result.blocker), *result.warnings)
    show_problems(problems, lines)
    if not isinstance(result.blocker, Refused):
        blockers.show(key, result.blocker)


def _as_run(key: str, result: ReconcileOutcome | ReconcilerError) -> dict[str, Any]:
    """An Environment's run in SARIF; what is outside its files is a failure of the run, not a result."""
    if isinstance(result, ReconcilerError) or result.main is None:
        return sarif.sarif_run(
            (), sarif.repository_address, about=key, failure=str(result) if isinstance(result, ReconcilerError) else NO_MAIN
        )
    blocker = result.blocker
    failure = "" if blocker is None or isinstance(blocker, Refused) else f"{blocker.reason}: {blocker.message}"
    problems = (*problems_of(blocker), *result.warnings)
    return sarif.sarif_run(problems, sarif.repository_address, about=key, failure=failure)


def _as_json(key: str, result: ReconcileOutcome | ReconcilerError) -> dict[str, Any]:
    if isinstance(result, ReconcilerError):
        return {"environment": key, "fault": {"kind": result.reason, "message": str(result)}}
    blocker = result.blocker
    return {
        "environment": key,
        "main": result.main,
        "resolved": result.resolved,
        "pushed": list(result.pushed),
        "refused": isinstance(blocker, Refused),
        "blocker": blockers.as_json(blocker),
        "problems": [p.model_dump() for p in (*problems_of(blocker), *result.warnings)],
        "status": result.status.model_dump(mode="json", by_alias=True, exclude_none=True) if result.status else None,
    }
