"""The first files of an Environment's repository."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from reconciler.domain.validation.environment import validate
from reconciler.model.base import API_VERSION, ENV_TYPES
from reconciler.model.layout import ENVIRONMENT_FILE
from reconciler.model.problem import Problem
from reconciler.model.source import KeyPath, Location, Source

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

README_FILE: Final = "README.md"
CLUSTER_HINT: Final = "a cluster is named provider-region-block-envType-organization, such as hz-fsn-rtz-prod-acme"
NO_LOCATION: Final = Location(0, 0, 0, 0)
_CLUSTER_PARTS: Final = 5

EXAMPLE: Final = """\
apiVersion: catalyst.openova.io/v1alpha1
kind: Application
metadata:
  name: marketing-site
spec:
  blueprint:
    name: bp-wordpress
    version: ^1.3
"""

_README: Final = """\
# {name}

What runs in the Environment {name} is written here, on `main`, by people; the Catalyst reconciler does the rest.

| branch | written by | holds |
|---|---|---|
| `main` | people, by pull requests | `environment.yaml`, and an `applications/<name>.yaml` for each Application |
| `resolved` | the reconciler | the same, pinned by digest and checked, as Flux applies it |
| `status` | the reconciler | [what really runs](/:root/{repository}/src/branch/status/README.md) |
| `plan/pr-<n>` | the reconciler | what `resolved` would be if pull request *n* were merged |

To install something, open a pull request that adds a file such as `applications/marketing-site.yaml`:

```yaml
{example}```

The reconciler comments on what merging it would do. `reconciler validate .` tells before you push whether it is written right.
"""


def environment_problems(repository: str, clusters: Sequence[str]) -> tuple[Problem, ...]:
    """Why a repository (owner/name) cannot be that of an Environment on these clusters, of which there may be none."""
    owner, _, name = repository.partition("/")
    if name not in {f"{owner}-{kind}" for kind in ENV_TYPES}:
        message = f"{repository} cannot be an Environment's repository: it is called organization/organization-envType"
        return (Problem(code="NameMismatch", message=message, hint=f"the types are {', '.join(ENV_TYPES)}"),)
    document, problems = environment_of(clusters) if clusters else (None, ())
    if document is not None and document["metadata"]["name"] != name:
        message = f"{clusters[0]} is not a cluster of {name}: its name says {document['metadata']['name']}"
        return (Problem(code="NameMismatch", message=message, hint=CLUSTER_HINT),)
    return problems


def readme(repository: str) -> str:
    """A page for the people of a new repository (owner/name), with an example that nothing is installed by."""
    return _README.format(name=repository.rpartition("/")[2], repository=repository, example=EXAMPLE)


def environment_of(clusters: Sequence[str]) -> tuple[dict[str, Any] | None, tuple[Problem, ...]]:
    """The environment.yaml of an Environment that is placed on these clusters, of which there is at least one.

    Returns:
        The document, whose Organization and type are told by the clusters' names; or None and what is wrong with these.
    """
    parts = [cluster.split("-", _CLUSTER_PARTS - 1) for cluster in clusters]
    for cluster, part in zip(clusters, parts, strict=True):
        if len(part) != _CLUSTER_PARTS:
            return None, (Problem(code="InvalidCluster", message=f"{cluster} is not a cluster's name", hint=CLUSTER_HINT),)
    _provider, _region, _block, env_type, organization = parts[0]
    placements = [{"cluster": cluster, "region": part[1]} for cluster, part in zip(clusters, parts, strict=True)]
    document = {
        "apiVersion": API_VERSION,
        "kind": "Environment",
        "metadata": {"name": f"{organization}-{env_type}"},
        "spec": {"organization": organization, "envType": env_type, "placements": placements},
    }
    places = dict(uniform_locations(document, NO_LOCATION))
    refused = validate({ENVIRONMENT_FILE: Source(ENVIRONMENT_FILE, document, places)})[1]
    # they stand in no file yet
    return (None if refused else document), tuple(p.model_copy(update={"file": ""}) for p in refused)


def uniform_locations(data: Any, place: Location, way: KeyPath = ()) -> Iterable[tuple[KeyPath, Location]]:
    """One place for every part of a document that stands in no file: problems name a part only where it has a place."""
    yield way, place
    parts = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for step, part in parts:
        yield from uniform_locations(part, place, (*way, step))
