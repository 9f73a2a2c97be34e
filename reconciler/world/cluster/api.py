"""Calls to one cluster's API."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import urllib3.exceptions
from kubernetes import client, config, watch

from reconciler.model.faults import Denied, Fault, Misconfigured, Missing, Unavailable
from reconciler.model.observation import Failure
from reconciler.world.documents import load

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

GROUP: Final = "helm.toolkit.fluxcd.io"
VERSION: Final = "v2"
PLURAL: Final = "helmreleases"
PAGE: Final = 200
CONNECT_TIMEOUT: Final = 5.0
READ_TIMEOUT: Final = 30.0
HINT_TIMEOUT: Final = (2.0, 5.0)  # asking Flux to hurry is worth no long wait: it looks by itself
MAX_RELEASES: Final = 50_000
_GONE: Final = 410
_MISSING: Final = 404
_DENIED: Final = (401, 403)

Releases = dict[tuple[str, str], "Mapping[str, Any]"]


def connect(kubeconfig: bytes, context: str, *, allow_exec: bool) -> client.ApiClient:
    """Make a client from a kubeconfig's content.

    Raises:
        Misconfigured: the kubeconfig is not one, has no such context, or runs a program that is not allowed.
    """
    source = load(kubeconfig, f"the kubeconfig of {context}")
    if source.problems or not isinstance(source.data, dict):
        raise Misconfigured(f"the kubeconfig of {context} is not a kubeconfig", str(next(iter(source.problems), "")))
    users = source.data.get("users")
    for user in users if isinstance(users, list) else []:
        plugins = {"exec", "auth-provider"} & set(_mapping(_mapping(user).get("user")))
        if plugins and not allow_exec:
            raise Misconfigured(
                f"the kubeconfig of {context} wants to run a program ({', '.join(sorted(plugins))}) to log in",
                "use a token or a client certificate, or set clusters.allowExec",
            )
    try:
        api: client.ApiClient = config.new_client_from_config_dict(source.data, context=_context(source.data, context))
    except (config.ConfigException, TypeError, KeyError, ValueError, AttributeError, OSError) as error:
        raise Misconfigured(f"the kubeconfig of {context} cannot be used: {type(error).__name__}") from None
    api.configuration.retries = False
    return api


def _context(data: Mapping[str, Any], wanted: str) -> str:
    """The context named as the cluster, or the only one there is."""
    names = [c.get("name") for c in data.get("contexts") or [] if isinstance(c, dict)]
    return wanted if wanted in names or len(names) != 1 else str(names[0])


def fault_of(error: Exception, context: str) -> Fault:
    """What an exception of the client means; no header or body of the exchange is in the message."""
    if isinstance(error, client.ApiException):
        if error.status in _DENIED:
            return Denied(f"the API server of {context} refuses our credentials ({error.status} {error.reason})")
        if error.status == _MISSING:
            return Missing(f"the API server of {context} does not know {PLURAL}.{GROUP}/{VERSION}")
        return Unavailable(f"the API server of {context} answered {error.status} {error.reason}")
    if isinstance(error, urllib3.exceptions.HTTPError) and "certificate" in str(error).lower():
        return Denied(f"the certificate of the API server of {context} is refused")
    return Unavailable(f"the API server of {context} did not answer ({type(error).__name__})")


_FOREIGN: Final = (client.ApiException, urllib3.exceptions.HTTPError, OSError, ValueError)
_FAILURES: Final[dict[type[Fault], Any]] = {Denied: "AccessDenied", Missing: "FluxMissing"}


def failure_of(fault: Fault) -> Failure:
    """The row of readiness.md that a fault of a cluster is."""
    return Failure(_FAILURES.get(type(fault), "WatchFailed"), fault.message)


class ClusterClient:
    """Calls to one cluster's API. Not safe for use by several threads at once."""

    def __init__(self, kubeconfig: bytes, context: str, *, allow_exec: bool = False) -> None:
        self.context = context
        self._client = connect(kubeconfig, context, allow_exec=allow_exec)
        self._api = client.CustomObjectsApi(self._client)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def releases(self) -> tuple[Releases, str]:
        """All HelmReleases, by namespace and name, and the resourceVersion to watch from. Raises a Fault."""
        found: Releases = {}
        page: Any
        token = None
        while True:
            try:
                page = self._api.list_cluster_custom_object(
                    GROUP, VERSION, PLURAL, limit=PAGE, _continue=token, _request_timeout=(CONNECT_TIMEOUT, READ_TIMEOUT)
                )
            except _FOREIGN as error:
                raise fault_of(error, self.context) from None
            for item in page["items"]:
                key, release = trim(item)
                found[key] = release
            token = page["metadata"].get("continue")
            if not token:
                return found, page["metadata"]["resourceVersion"]
            if len(found) > MAX_RELEASES:
                raise Unavailable(f"{self.context} has more than {MAX_RELEASES} HelmReleases")

    def watch(self, version: str, seconds: int, on_event: Callable[[str, Mapping[str, Any]], None]) -> None:
        """Hand on each change since a resourceVersion, until the server closes the stream.

        Raises:
            Expired: the version is too old; list again.
            Fault: anything else.
        """
        stream = watch.Watch().stream(
            self._api.list_cluster_custom_object,
            GROUP,
            VERSION,
            PLURAL,
            resource_version=version,
            allow_watch_bookmarks=True,
            timeout_seconds=seconds,
            _request_timeout=(CONNECT_TIMEOUT, seconds + CONNECT_TIMEOUT),
        )
        try:
            for event in stream:
                if event["type"] == "ERROR":
                    raise Expired
                on_event(event["type"], event["object"])
        except client.ApiException as error:
            if error.status == _GONE:
                raise Expired from None
            raise fault_of(error, self.context) from None
        except _FOREIGN as error:
            raise fault_of(error, self.context) from None

    def look_now(self, namespace: str) -> None:
        """Ask Flux to fetch an Environment's repository at once, as `flux reconcile` does. Raises a Fault."""
        stamp = datetime.now(UTC).isoformat()
        body = {"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": stamp}}}
        try:
            self._api.patch_namespaced_custom_object(
                "source.toolkit.fluxcd.io",
                "v1",
                namespace,
                "gitrepositories",
                "environment",
                body,
                _request_timeout=HINT_TIMEOUT,
            )
        except _FOREIGN as error:
            raise fault_of(error, self.context) from None


class Expired(Exception):  # noqa: N818 - not an error: the watch must start from a new list
    """The resourceVersion to watch from is gone."""


def trim(item: Mapping[str, Any]) -> tuple[tuple[str, str], Mapping[str, Any]]:
    """A HelmRelease's namespace and name, and the parts of it that readiness needs: a thousand must fit in memory."""
    metadata, status = item["metadata"], _mapping(item.get("status"))
    kept = {k: metadata[k] for k in ("uid", "generation", "deletionTimestamp") if k in metadata}
    for words in ("labels", "annotations"):
        kept[words] = {k: v for k, v in _mapping(metadata.get(words)).items() if "openova.io/" in k or "managed-by" in k}
    seen = {k: status[k] for k in ("observedGeneration", "conditions", "lastAttemptedConfigDigest") if k in status}
    history = status.get("history")
    if isinstance(history, list) and history:
        latest = _mapping(history[0])
        seen["history"] = [{k: latest[k] for k in ("status", "ociDigest", "chartVersion", "configDigest") if k in latest}]
    release = {"metadata": kept, "spec": {"suspend": _mapping(item.get("spec")).get("suspend", False)}, "status": seen}
    return (metadata["namespace"], metadata["name"]), release


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
