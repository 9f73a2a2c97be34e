"""How fast documents are read and checked. By hand:

    python3 deploy/sandbox python tests/bench/bench_documents.py [FOLDER of Blueprints] [a kubeconform]

Goals: the Blueprints of a folder are checked warm (their content was seen before) faster than kubeconform checks them against the
same schema, and cold in <= 5x of it; an Environment of 500 Applications is checked again in < 200 ms when one file changed.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.decide.blueprints import blueprint_faults
from reconciler.decide.shape import shape
from reconciler.decide.validate import validate
from reconciler.model.blueprint import Blueprint
from reconciler.world import documents
from tests.decide.builders import application, environment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

ROOT = Path(__file__).parents[2]
APPLICATIONS = 500


def best(call: Callable[[], object], times: int = 7) -> float:
    """The least of several times, in milliseconds."""
    took = []
    for _ in range(times):
        began = time.perf_counter()
        call()
        took.append((time.perf_counter() - began) * 1000)
    return min(took)


def checked(texts: Iterable[bytes]) -> None:
    """Check Blueprints as the reconciler does."""
    for text in texts:
        blueprint, problems = shape(documents.recall(text, "blueprint.yaml"), Blueprint)
        assert blueprint is not None, problems
        assert not list(blueprint_faults(blueprint))


def blueprints(folder: Path, kubeconform: str) -> None:
    """Against kubeconform's whole run, which is what its users wait for."""
    texts = [file.read_bytes() for file in sorted(folder.glob("*.yaml"))]
    cold = best(lambda: checked(text + b"\n# " + str(time.perf_counter_ns()).encode() for text in texts))
    checked(texts)
    warm = best(lambda: checked(texts))
    with tempfile.TemporaryDirectory() as name:
        shutil.copy(ROOT / "schemas" / "Blueprint.json", Path(name) / "blueprint.json")
        command = [kubeconform, "-strict", "-schema-location", f"{name}/{{{{.ResourceKind}}}}.json", str(folder)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        floor = best(lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL))
    print(f"kubeconform on {len(texts)} Blueprints        {floor:7.1f} ms")
    print(f"warm                              {warm:7.1f} ms   ratio {warm / floor:.2f}   goal < 1    {met(warm < floor)}")
    print(f"cold                              {cold:7.1f} ms   ratio {cold / floor:.2f}   goal <= 5   {met(cold <= 5 * floor)}")


def one_of_many() -> None:
    """An Environment in which one file changes after the other."""
    texts = {f"applications/a{n}.yaml": documents.dump(application(f"a{n}", "bp-web", "^1")) for n in range(APPLICATIONS)}
    texts["environment.yaml"] = documents.dump(environment())

    def again() -> None:
        texts["applications/a7.yaml"] += f"# {time.perf_counter_ns()}\n".encode()
        wish, problems = validate({file: documents.recall(text, file) for file, text in texts.items()})
        assert wish is not None, problems

    first = best(again, 1)
    took = best(again)
    print(f"{APPLICATIONS} Applications, first            {first:7.1f} ms")
    print(f"{APPLICATIONS} Applications, one changed      {took:7.1f} ms   goal < 200 ms   {met(took < 200)}")


def met(good: bool) -> str:
    return "met" if good else "MISSED"


if __name__ == "__main__":
    one_of_many()
    if sys.argv[1:]:
        blueprints(Path(sys.argv[1]), sys.argv[2])
