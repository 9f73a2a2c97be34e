"""Writes the first files of an Environment's repository, and checks its name against its clusters."""

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

| branch | written by | contains |
|---|---|---|
| `main` | people, by pull requests | `environment.yaml`, and an `applications/<name>.yaml` for each Application |
| `resolved` | the reconciler | the same, pinned by digest and checked, as Flux applies it |
| `status` | the reconciler | [what really runs](/:root/{repository}/src/branch/status/README.md) |
| `plan/pr-<n>` | the reconciler | what `resolved` would be if pull request *n* were merged |

To install something, open a pull request that adds a file such as `applications/marketing-site.yaml`:

```yaml
{example}```

The reconciler comments on what merging it would do. Run `reconciler validate .` to check it before you push.
"""


def environment_problems(repository: str, clusters: Sequence[str]) -> tuple[Problem, ...]:
    """Returns why a repository (owner/name) cannot belong to an Environment on these clusters, which may be empty."""
    owner, _, name = repository.partition("/")
    if name not in {f"{owner}-{kind}" for kind in ENV_TYPES}:
        message = f"{repository} cannot be an Environment's repository: it is called organization/organization-envType"
        return (Problem(code="NameMismatch", message=message, hint=f"the types are {', '.join(ENV_TYPES)}"),)
    document, problems = environment_of(clusters) if clusters else (None, ())
    if document is not None and document["metadata"]["name"] != name:
        message = f"{clusters[0]} is not a cluster of {name}: its name belongs to {document['metadata']['name']}"
        return (Problem(code="NameMismatch", message=message, hint=CLUSTER_HINT),)
    return problems


def readme(repository: str) -> str:
    """Returns the README of a new repository (owner/name), with an example that installs nothing."""
    return _README.format(name=repository.rpartition("/")[2], repository=repository, example=EXAMPLE)


def environment_of(clusters: Sequence[str]) -> tuple[dict[str, Any] | None, tuple[Problem, ...]]:
    """Returns the environment.yaml of an Environment that is placed on these clusters, at least one.

    Returns:
        The document, with Organization and type from the clusters' names; or None with the problems of these.
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
    locations = dict(uniform_locations(document, NO_LOCATION))
    problems = validate({ENVIRONMENT_FILE: Source(ENVIRONMENT_FILE, document, locations)})[1]
    # the document is not in a file yet
    return (None if problems else document), tuple(problem.model_copy(update={"file": ""}) for problem in problems)


def uniform_locations(data: Any, location: Location, path: KeyPath = ()) -> Iterable[tuple[KeyPath, Location]]:
    """Yields one location for every part of a document without a file: problems name only parts with a location."""
    yield path, location
    parts = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, part in parts:
        yield from uniform_locations(part, location, (*path, key))
