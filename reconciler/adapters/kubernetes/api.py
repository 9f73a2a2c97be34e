"""Calls to one cluster's API."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from kubernetes import client

from reconciler.adapters.kubernetes.errors import FOREIGN, error_from, malformed_response
from reconciler.adapters.kubernetes.kubeconfig import connect
from reconciler.adapters.kubernetes.release_projection import Releases, WatchEvent, project
from reconciler.adapters.kubernetes.stream import read_body, watch_events
from reconciler.model.errors import NotFoundError, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from urllib3.response import BaseHTTPResponse

GROUP: Final = "helm.toolkit.fluxcd.io"
HELM_API_VERSION: Final = "v2"
PLURAL: Final = "helmreleases"
LIST_PAGE_SIZE: Final = 100
CONNECT_TIMEOUT: Final = 5.0
READ_TIMEOUT: Final = 10.0
HINT_TIMEOUT: Final = (2.0, 5.0)  # asking Flux to hurry, or to explain, is worth no long wait
MAX_RELEASES: Final = 50_000

_SOURCE: Final = ("source.toolkit.fluxcd.io", "v1")
_KUSTOMIZE: Final = ("kustomize.toolkit.fluxcd.io", "v1")


class ClusterClient:
    """Calls to one cluster's API, by one thread; another one may interrupt. Every call is bounded in time and in size."""

    def __init__(self, kubeconfig: bytes, context: str, *, allow_exec: bool = False) -> None:
        self.context = context
        self._client = connect(kubeconfig, context, allow_exec=allow_exec)
        self._api = client.CustomObjectsApi(self._client)
        self._answer: BaseHTTPResponse | None = None

    def close(self) -> None:
        """Close the connections."""
        if self._answer is not None:
            self._answer.close()
        self._client.close()

    def interrupt(self) -> None:
        """Make the call whose answer is being read fail at once. For another thread than the one that reads."""
        answer = self._answer
        if answer is not None:
            with contextlib.suppress(ValueError, RuntimeError, OSError):  # it has ended meanwhile
                answer.shutdown()

    def releases(self) -> tuple[Releases, str]:
        """All HelmReleases, by namespace and name, as they were at one moment, and the resourceVersion to watch from.

        Raises a ReconcilerError.
        """
        found: Releases = {}
        token = None
        for _ in range(MAX_RELEASES // LIST_PAGE_SIZE):
            page = read_body(self._list(READ_TIMEOUT, limit=LIST_PAGE_SIZE, _continue=token), self.context)
            try:
                found.update(map(project, page["items"]))
                token, version = page["metadata"].get("continue"), str(page["metadata"]["resourceVersion"])
            except (KeyError, TypeError, AttributeError) as error:
                raise malformed_response(error, self.context) from None
            if not token:
                return found, version
        raise UnavailableError(f"{self.context} has more than {MAX_RELEASES} HelmReleases")

    def watch(self, version: str, seconds: int) -> Iterator[list[WatchEvent]]:
        """Begin to watch from a resourceVersion; the server ends it after some seconds.

        Returns:
            The changes as they come (see `stream.watch_events`), once the server has agreed to tell them.

        Raises:
            ReconcilerError: it did not agree.
        """
        answer = self._list(
            seconds + CONNECT_TIMEOUT, watch=True, resource_version=version, timeout_seconds=seconds, allow_watch_bookmarks=True
        )
        return watch_events(answer, self.context)

    def confirm(self) -> None:
        """See that the API still answers a read that is to be no older than the question: its store has to take part.

        A watch is served from the API server's memory, and goes on in silence when its store is lost. Raises a ReconcilerError.
        """
        read_body(self._list(READ_TIMEOUT, limit=1), self.context)

    def request_reconcile(self, namespace: str) -> None:
        """Ask Flux to fetch an Environment's repository at once, as `flux reconcile` does. Raises a ReconcilerError."""
        stamp = datetime.now(UTC).isoformat()
        body = {"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": stamp}}}
        call, where = self._api.patch_namespaced_custom_object, (*_SOURCE, namespace, "gitrepositories", "environment", body)
        read_body(self._call(HINT_TIMEOUT, f"the GitRepository {namespace}/environment", call, *where), self.context)

    def sources(self, namespace: str, application: str) -> Mapping[str, Mapping[str, Any] | None]:
        """What stands behind an Application's HelmRelease, as the API shows it now: to explain, never to grant.

        Returns:
            `GitRepository/environment`, `Kustomization/applications` and `OCIRepository/<application>`, in this order; None
            for one that is not there.

        Raises:
            ReconcilerError: the cluster could not be asked.
        """
        return {
            "GitRepository/environment": self._object(*_SOURCE, namespace, "gitrepositories", "environment"),
            "Kustomization/applications": self._object(*_KUSTOMIZE, namespace, "kustomizations", "applications"),
            f"OCIRepository/{application}": self._object(*_SOURCE, namespace, "ocirepositories", application),
        }

    def _object(self, *where: str) -> Mapping[str, Any] | None:
        try:
            answer = self._call(HINT_TIMEOUT, where[-1], self._api.get_namespaced_custom_object, *where)
        except NotFoundError:
            return None
        found = read_body(answer, self.context)
        if not isinstance(found, dict):
            raise malformed_response(TypeError(), self.context)
        return found

    def _list(self, patience: float, **options: Any) -> BaseHTTPResponse:
        what = f"{PLURAL}.{GROUP}/{HELM_API_VERSION}"
        call = self._api.list_cluster_custom_object
        return self._call((CONNECT_TIMEOUT, patience), what, call, GROUP, HELM_API_VERSION, PLURAL, **options)

    def _call(
        self, patience: tuple[float, float], what: str, call: Callable[..., Any], *where: Any, **options: Any
    ) -> BaseHTTPResponse:
        """Ask; the answer is the transport's own, of which nothing but the head has been read."""
        try:
            answer: BaseHTTPResponse = call(*where, **options, _request_timeout=patience, _preload_content=False)
            if answer.status != 200:  # noqa: PLR2004 - OK; some versions of the client raise it themselves
                answer.close()
                raise client.ApiException(status=answer.status, reason=answer.reason)
        except FOREIGN as error:
            raise error_from(error, self.context, what) from None
        self._answer = answer
        return answer
