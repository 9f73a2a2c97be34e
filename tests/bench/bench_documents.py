"""How fast documents are read and checked. By hand: python3 deploy/sandbox python tests/bench/bench_documents.py [FOLDER]

FOLDER holds Blueprints (`*.yaml`, at any depth); without it, those of the catalog in fixtures/ are taken. They are checked by
`reconciler validate`'s own function and by kubeconform, which is built for this, against the same schema. Goals:

- warm, in a process that has seen these texts (the service): faster than kubeconform's whole command
- cold, in a process that has not: <= 5 times kubeconform's whole command
- the whole command `reconciler validate`, Python's start included: the same
- an Environment of 500 Applications, of which one file changed since the last look: < 200 ms to be read and validated
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

CHECKOUT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(CHECKOUT / "deploy" / "sandbox"))  # it knows how tools are built

import build  # noqa: E402
from tools import Tool  # noqa: E402

from reconciler.commands.validate import validate_text  # noqa: E402
from reconciler.domain.blueprints.blueprint_rules import blueprint_faults  # noqa: E402
from reconciler.domain.validation.document_parser import parse_document  # noqa: E402
from reconciler.domain.validation.environment import validate  # noqa: E402
from reconciler.formats.yaml.documents import MAX_DEPTH, MAX_PARTS, dump, load, load_cached  # noqa: E402
from reconciler.formats.yaml.limits import YamlLimits  # noqa: E402
from reconciler.formats.yaml.reader import read_documents  # noqa: E402
from reconciler.model.blueprint import Blueprint  # noqa: E402
from reconciler.model.layout import ENVIRONMENT_FILE  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

APPLICATIONS = 500
KUBECONFORM = Tool("kubeconform", package="github.com/yannh/kubeconform/cmd/kubeconform", source="github.com/yannh/kubeconform")


def best(times: int, run: Callable[[], Any]) -> float:
    """The shortest of some runs, seconds: what is longer was disturbed."""
    took = []
    for _ in range(times):
        started = time.perf_counter()
        run()
        took.append(time.perf_counter() - started)
    return min(took)


def show(what: str, seconds: float, goal: float | None = None) -> None:
    """Print a figure, with its goal when it has one."""
    verdict = "" if goal is None else f"goal <= {goal * 1000:6.1f} ms   {'met' if seconds <= goal else 'MISSED'}"
    print(f"{what:68} {seconds * 1000:8.1f} ms   {verdict}".rstrip())


def command(*words: str | Path) -> Callable[[], Any]:
    """A command that must succeed."""
    return lambda: subprocess.run(words, check=True, stdout=subprocess.DEVNULL)


def checked(texts: Sequence[tuple[bytes, str]]) -> None:
    """Check Blueprints as the service does, which remembers what it has read."""
    for text, file in texts:
        blueprint, problems = parse_document(load_cached(text, file), Blueprint)
        assert blueprint is not None, problems
        assert not list(blueprint_faults(blueprint))


def blueprints(files: Sequence[Path]) -> None:
    """Some Blueprints, by kubeconform and by us."""
    texts = [(file.read_bytes(), str(file)) for file in files]
    found = [str(problem) for text, file in texts for problem in validate_text(text, file)]
    print(
        f"{len(files)} Blueprints, {sum(len(text) for text, _ in texts) / 1024:.0f} KiB, {len(found)} problems",
        *found,
        sep="\n  ",
    )
    kubeconform = build.build([KUBECONFORM])["kubeconform"].binary
    with TemporaryDirectory() as folder:
        shutil.copy(CHECKOUT / "schemas" / "Blueprint.json", Path(folder, "blueprint.json"))
        location = f"{folder}/{{{{.ResourceKind}}}}.json"
        theirs = best(20, command(kubeconform, "-strict", "-schema-location", location, *files))
    show("kubeconform, the whole command", theirs)
    checked(texts)
    show("warm", best(20, lambda: checked(texts)), theirs)
    show("cold", best(20, lambda: [validate_text(*one) for one in texts]), 5 * theirs)
    show(
        "reconciler validate, the whole command",
        best(10, command(sys.executable, "-m", "reconciler", "validate", *files)),
        5 * theirs,
    )
    show("  of which Python and pydantic", best(10, command(sys.executable, "-c", "import pydantic; pydantic.create_model('M')")))


def reading(files: Sequence[Path]) -> None:
    """The reader, by the megabyte, and what costs it most: as many parts as a document may have, behind aliases."""
    text = b"---\n".join(file.read_bytes() for file in files)
    limits = YamlLimits(len(text), MAX_DEPTH, MAX_PARTS)
    show("to read a MiB", best(3, lambda: list(read_documents(text.decode(), "f", limits))) * (1 << 20) / len(text))
    parts = MAX_PARTS - 2_000
    aliased = ("a: &a [" + "x," * 1_000 + "]\nb: [" + "*a," * (parts // 1_001) + "]\n").encode()
    plain = b"[" + b"xxxxxxxxxxxxxxxxxxx," * (MAX_PARTS - 3) + b"]\n"
    for name, largest in (("behind aliases", aliased), ("written out", plain)):
        assert not load(largest, "f").problems
        show(f"the largest document, {name}", best(3, partial(load, largest, "f")), 1.0)


def environment() -> None:
    """An Environment of many Applications, of which one changes before each look."""
    head = {"apiVersion": "catalyst.openova.io/v1alpha1"}
    placements = [{"cluster": "hz-fsn-rtz-prod-acme", "region": "fsn"}]
    spec = {"organization": "acme", "envType": "prod", "placements": placements}
    files = {ENVIRONMENT_FILE: dump(head | {"kind": "Environment", "metadata": {"name": "acme-prod"}, "spec": spec})}
    for number in range(APPLICATIONS):
        config = {"domain": f"a{number}.example", "replicas": number, "mail": {"from": "a@example.com", "ports": [25, 587]}}
        wish = {"blueprint": {"name": "bp-wordpress", "version": "^1.3"}, "size": "small", "config": config}
        name = {"metadata": {"name": f"a{number}"}}
        files[f"applications/a{number}.yaml"] = dump(head | {"kind": "Application"} | name | {"spec": wish})

    def look() -> None:
        files["applications/a7.yaml"] += b"# changed\n"
        wish, problems = validate({file: load_cached(text, file) for file, text in files.items()})
        assert wish is not None, problems

    show(f"{APPLICATIONS} Applications, first look", best(1, look))
    show(f"{APPLICATIONS} Applications, one of which changed", best(10, look), 0.2)


def main() -> None:
    """Print all figures."""
    folder = Path(sys.argv[1]) if sys.argv[1:] else CHECKOUT / "fixtures" / "catalog"
    files = sorted(folder.rglob("*.yaml" if sys.argv[1:] else "blueprint.yaml"))
    blueprints(files)
    reading(files)
    environment()


if __name__ == "__main__":
    main()
