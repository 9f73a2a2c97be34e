"""The commands."""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import sys
from pathlib import Path
from typing import NoReturn

import build
import checks
import own_cosign
import places
import python_env
import signals
import tools
from sandbox import CONTEXT, PARTS, Description, Sandbox
from trouble import Trouble

_INTERRUPTED = 130

_DESCRIPTION = """\
Every server that the reconciler works with, for real, on this machine alone: no containers, nothing outside
127.0.0.1, no root. It needs Linux, git, Python 3.11 and a C compiler; the servers are built from pinned sources
once, into a cache (CATALYST_SANDBOX_CACHE, or ~/.cache/catalyst-sandbox).
"""

_EXAMPLES = """\
examples:
  python3 deploy/sandbox demo             the main story in a few minutes, without a cluster; uses your cosign if it can
  python3 deploy/sandbox demo --live      the same story on every server
  python3 deploy/sandbox test             all tests, in several processes with servers of their own
  python3 deploy/sandbox test -k publish  some of them, with the servers that they need; what follows `test` goes to pytest
  python3 deploy/sandbox check            all that must hold before a change lands, which is what .ci/run calls
  python3 deploy/sandbox python -m ruff check .
  python3 deploy/sandbox up               start every server and print where it is
  python3 deploy/sandbox down             stop them and remove their data

exit codes: 0 done, 1 something is wrong and the message says what, 2 wrong usage, 130 interrupted
"""


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code."""
    options = _parsed(sys.argv[1:] if arguments is None else arguments)
    signals.interrupt_on_every_ending()
    try:
        _require_machine()
        code: int = options.run(options)
    except Trouble as trouble:
        print(f"sandbox: {trouble}", file=sys.stderr)
        return 1
    except OSError as error:  # a full disk, a folder without rights, a server that stopped answering
        print(f"sandbox: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("sandbox: interrupted", file=sys.stderr)
        return _INTERRUPTED
    return code


def _parsed(arguments: list[str]) -> argparse.Namespace:
    # What follows `test` is pytest's and what follows `python` is Python's; argparse would claim the options among it.
    rest = arguments[1:] if arguments[:1] in (["test"], ["python"]) and arguments[1:2] not in (["-h"], ["--help"]) else []
    options = _parser().parse_args(arguments[: len(arguments) - len(rest)])
    options.rest = rest
    return options


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python3 deploy/sandbox",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    command = commands.add_parser("demo", help="show what the reconciler does, from a push to the status")
    command.add_argument("--live", action="store_true", help="on every server, with a cluster and Flux")
    command.set_defaults(run=_demo)

    command = commands.add_parser(
        "test",
        usage="%(prog)s [PYTEST ARGUMENT ...]",
        help="run the tests on the real servers; what follows goes to pytest, and nothing means all in several processes",
    )
    command.set_defaults(run=_test)

    command = commands.add_parser(
        "check", help="run the tests, the linters and the type checker beside each other, and say how long each took"
    )
    command.set_defaults(run=_check)

    command = commands.add_parser(
        "python",
        usage="%(prog)s [PYTHON ARGUMENT ...]",
        help="run the Python that has all the project needs, to lint or to measure; builds nothing",
    )
    command.set_defaults(run=_python)

    command = commands.add_parser("build", help="build the servers that the cache has not got")
    command.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(tools.BY_NAME)}; all for none")
    command.set_defaults(run=_build)

    state = argparse.ArgumentParser(add_help=False)
    state.add_argument(
        "--state",
        type=Path,
        metavar="DIR",
        help="where this sandbox keeps what it is; another folder is another sandbox beside it (default: in the cache)",
    )
    state.add_argument("--json", action="store_true", help="print one JSON object")

    command = commands.add_parser("up", parents=[state], help="start the servers and print where they are")
    command.add_argument(
        "--only",
        action="append",
        choices=list(PARTS),
        help="start only this; repeat it for more (default: all)",
    )
    command.add_argument(
        "--context",
        action="append",
        type=_context,
        metavar="NAME",
        help=f"write a kubeconfig of this context name, Catalyst's name of the cluster (default: {CONTEXT})",
    )
    command.add_argument(
        "--cosign",
        type=_program,
        metavar="FILE",
        help="the cosign to use, as an absolute path; none is built then (default: the one that `build` makes)",
    )
    command.set_defaults(run=_up)

    command = commands.add_parser(
        "status",
        parents=[state],
        help="show each server; exits with 1 unless all of them run",
    )
    command.set_defaults(run=_status)

    command = commands.add_parser("down", parents=[state], help="stop the servers and remove their data; logs stay")
    command.set_defaults(run=_down)
    return parser


def _context(name: str) -> str:
    # It becomes a file's name.
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        raise argparse.ArgumentTypeError(f"{name!r} is not made of letters, digits, '.', '_' and '-'")
    return name


def _program(name: str) -> Path:
    path = Path(name)
    if not (path.is_absolute() and os.access(path, os.X_OK)):
        raise argparse.ArgumentTypeError(f"{name!r} is not the absolute path of a program")
    return path


def _require_machine() -> None:
    if not sys.platform.startswith("linux"):
        raise Trouble(f"the sandbox looks after its servers through Linux's /proc, and this is {sys.platform}")
    if not shutil.which("git"):
        raise Trouble("there is no git on PATH: install it")


def _demo(options: argparse.Namespace) -> int:
    cosign = own_cosign.on_path()
    needed = [name for name in tools.BY_NAME if name not in PARTS["oracles"]] if options.live else tools.EMBEDDED
    build.build(tools.named([name for name in needed if name != "cosign" or not cosign]), tell_cached=False)
    story: list[str | Path] = [places.SANDBOX / "story.py"]
    story += ["--live"] if options.live else []
    story += ["--cosign", cosign] if cosign else []
    _replace_by(story)


def _test(options: argparse.Namespace) -> int:
    build.build(tools.TOOLS, tell_cached=False)
    os.chdir(places.CHECKOUT)
    _replace_by(["-m", "pytest", *(options.rest or checks.WHOLE)])


def _check(_options: argparse.Namespace) -> int:
    build.build(tools.TOOLS, tell_cached=False)
    checks.run()
    return 0


def _python(options: argparse.Namespace) -> NoReturn:
    _replace_by(options.rest)


def _replace_by(arguments: list[str | Path]) -> NoReturn:
    """Become the project's Python; the variables tell it where this sandbox is, to be called for servers."""
    python = python_env.project()
    os.execve(python, [str(argument) for argument in (python, *arguments)], python_env.environment())  # noqa: S606  # a fixed program


def _build(options: argparse.Namespace) -> int:
    build.build(tools.named(options.names))
    return 0


def _up(options: argparse.Namespace) -> int:
    parts = [part for part in PARTS if not options.only or part in options.only]
    description = _sandbox(options).up(parts, options.context or [], options.cosign)
    print(json.dumps(description, indent=2) if options.json else _listed(description))
    return 0


def _status(options: argparse.Namespace) -> int:
    rows = [server.row() for server in _sandbox(options).servers.all()]
    if options.json:
        print(json.dumps({"servers": rows}, indent=2))
    elif not rows:
        print("not running")
    for row in [] if options.json else rows:
        ports = " ".join(f"{name}:{port}" for name, port in row["ports"].items())
        print(f"{row['name']:<24} {row['state']:<8} pid {row['pid']:<8} {ports:<40} {row['log']}")
    return 0 if rows and all(row["state"] == "running" for row in rows) else 1


def _down(options: argparse.Namespace) -> int:
    stopped = [server.name for server in _sandbox(options).down()]
    if options.json:
        print(json.dumps({"stopped": stopped}))
    else:
        print(f"stopped {', '.join(stopped)}" if stopped else "nothing was running")
    return 0


def _sandbox(options: argparse.Namespace) -> Sandbox:
    return Sandbox(options.state or places.default_state())


def _listed(description: Description, indent: str = "") -> str:
    lines = []
    for name, value in description.items():
        if isinstance(value, dict):
            lines += [f"{indent}{name}:", _listed(value, indent + "  ")]
        else:
            lines.append(f"{indent}{name}: {value}")
    return "\n".join(lines)
