"""HelmReleases as a cluster's API shows them, by the kubernetes client: list, then watch, for ever.

Rules that this module keeps: a watch that closes silently is opened again where it stopped; a 410 (also one that arrives inside
the stream) means list again; nothing that was seen is forgotten because of a failure, but `age` tells how long ago the API was
last known to answer; an exec plugin in a kubeconfig is never run unless the configuration allows it.
"""

from __future__ import annotations

import contextlib
import hashlib
import random
import threading
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import urllib3.exceptions
from kubernetes import client, config, watch

from reconciler.model.faults import Denied, Fault, Misconfigured, Missing, Unavailable
from reconciler.model.observation import Failure, Observation
from reconciler.world.documents import load

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

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


class Observer:
    """Keeps what one cluster's HelmReleases are, in a thread of its own."""

    def __init__(
        self, kubeconfig: bytes, context: str, *, stale_after: float, allow_exec: bool, on_change: Callable[[], None]
    ) -> None:
        self.context = context
        self.fingerprint = hashlib.sha256(kubeconfig).hexdigest()
        self._kubeconfig = kubeconfig
        self._allow_exec = allow_exec
        self._window = max(1, int(stale_after / 3))  # each window that ends well proves that the server still answers
        self._on_change = on_change
        self._lock = threading.Lock()
        self._releases: Releases = {}
        self._failure: Failure | None = None
        self._listed = False
        self._last_good = time.monotonic()
        self._stop = threading.Event()
        self._first_answer = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"observe {context}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End observing; the thread ends by itself at the latest when its watch window does."""
        self._stop.set()

    def wait(self, seconds: float) -> None:
        """Wait until the cluster has been listed, or could not be."""
        self._first_answer.wait(seconds)

    def observe(self, namespace: str, name: str) -> Observation:
        """What is known now of one HelmRelease."""
        with self._lock:
            age = time.monotonic() - self._last_good
            return Observation(self._failure, self._listed, age, self._releases.get((namespace, name)))

    def _run(self) -> None:
        pause = 1.0
        while not self._stop.is_set():
            try:
                cluster = ClusterClient(self._kubeconfig, self.context, allow_exec=self._allow_exec)
                with contextlib.closing(cluster):
                    self._follow(cluster)
            except Fault as fault:
                self._failed(failure_of(fault))
            except Exception as error:  # noqa: BLE001 - a thread that died in silence would leave an old answer standing
                self._failed(Failure("WatchFailed", f"what {self.context} answered was not understood ({type(error).__name__})"))
            pause = 1.0 if self._failure is None else min(pause * 2, 15.0)
            self._stop.wait(pause * random.uniform(0.5, 1.0))  # noqa: S311 - jitter, not a secret

    def _follow(self, cluster: ClusterClient) -> None:
        while not self._stop.is_set():
            releases, version = cluster.releases()
            self._set(releases)
            try:
                while not self._stop.is_set():
                    version = self._window_from(cluster, version)
            except Expired:
                continue

    def _window_from(self, cluster: ClusterClient, version: str) -> str:
        newest = version

        def on_event(kind: str, item: Mapping[str, Any]) -> None:
            nonlocal newest
            newest = item["metadata"]["resourceVersion"]
            self._event(kind, item)

        cluster.watch(version, self._window, on_event)
        self._alive()
        return newest

    def _set(self, releases: Releases) -> None:
        with self._lock:
            changed = not self._listed or self._failure is not None or releases != self._releases
            self._releases, self._listed, self._failure = releases, True, None
            self._last_good = time.monotonic()
        self._first_answer.set()
        if changed:
            self._on_change()

    def _event(self, kind: str, item: Mapping[str, Any]) -> None:
        changed = False
        with self._lock:
            self._last_good = time.monotonic()
            if kind in {"ADDED", "MODIFIED"}:
                key, release = trim(item)
                changed = self._releases.get(key) != release
                self._releases[key] = release
            elif kind == "DELETED":
                changed = self._releases.pop(trim(item)[0], None) is not None
        if changed:
            self._on_change()

    def _alive(self) -> None:
        with self._lock:
            self._last_good = time.monotonic()

    def _failed(self, failure: Failure) -> None:
        """Note a failure. One that says "no answer" is left to age: what was seen still counts until it is stale."""
        with self._lock:
            transient = failure.reason == "WatchFailed" and self._listed
            changed = not transient and failure != self._failure
            if not transient:
                self._failure = failure
        self._first_answer.set()
        if changed:
            self._on_change()


class Clusters:
    """All clusters whose kubeconfigs lie in a directory, by context name; a file may come, change or go at any time.

    A file `<context>`, `<context>.yaml` or `<context>.kubeconfig` is the kubeconfig of that context.
    """

    def __init__(
        self, directory: Path | None, *, stale_after: float, allow_exec: bool, on_change: Callable[[str], None] = lambda _: None
    ) -> None:
        self._directory = directory
        self._stale_after = stale_after
        self._allow_exec = allow_exec
        self._on_change = on_change
        self._lock = threading.Lock()
        self._observers: dict[str, Observer] = {}

    def close(self) -> None:
        """Stop all observing."""
        with self._lock:
            for observer in self._observers.values():
                observer.stop()
            self._observers.clear()

    def kubeconfig(self, context: str) -> bytes | None:
        """The content of a context's kubeconfig, or None when there is none."""
        if self._directory is None:
            return None
        for name in (context, f"{context}.yaml", f"{context}.kubeconfig"):
            with contextlib.suppress(OSError):
                return (self._directory / name).read_bytes()
        return None

    def ensure(self, context: str, *, wait: float = 0.0) -> None:
        """See to it that a cluster is observed as its kubeconfig now is; wait some seconds for a first answer."""
        content = self.kubeconfig(context)
        with self._lock:
            observer = self._observers.get(context)
            if observer is not None and (content is None or hashlib.sha256(content).hexdigest() != observer.fingerprint):
                observer.stop()
                observer = self._observers.pop(context, None) and None
            if observer is None and content is not None:
                observer = Observer(
                    content,
                    context,
                    stale_after=self._stale_after,
                    allow_exec=self._allow_exec,
                    on_change=lambda: self._on_change(context),
                )
                self._observers[context] = observer
        if observer is not None:
            observer.wait(wait)

    def observe(self, context: str, namespace: str, name: str) -> Observation:
        """What is known now of one HelmRelease on one cluster."""
        with self._lock:
            observer = self._observers.get(context)
        if observer is None:
            return Observation(failure=Failure("KubeconfigMissing", f"there is no kubeconfig for {context}"))
        return observer.observe(namespace, name)

    def look_now(self, context: str, namespace: str) -> None:
        """Ask Flux on a cluster to fetch the Environment's repository at once. Raises a Fault; Missing where there is none."""
        content = self.kubeconfig(context)
        if content is None:
            raise Missing(f"there is no kubeconfig for {context}")
        with contextlib.closing(ClusterClient(content, context, allow_exec=self._allow_exec)) as cluster:
            cluster.look_now(namespace)
