"""Calls one cluster's API: lists and watches HelmReleases, requests reconciliations, fetches Flux sources."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from kubernetes import client

from reconciler.adapters.kubernetes.errors import FOREIGN, error_from, malformed_response
from reconciler.adapters.kubernetes.kubeconfig import connect
from reconciler.adapters.kubernetes.stream import read_body, read_page, watch_events
from reconciler.model.errors import NotFoundError, UnavailableError
from reconciler.model.flux import HELM_GROUP, HELM_VERSION, KUSTOMIZE_GROUP, KUSTOMIZE_VERSION, SOURCE_GROUP, SOURCE_VERSION

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from urllib3.response import BaseHTTPResponse

    from reconciler.adapters.kubernetes.release_projection import Releases, WatchEvent

PLURAL: Final = "helmreleases"
LIST_PAGE_SIZE: Final = 40  # an API server takes objects of 1.5 MiB: so many of them fit into `stream.MAX_RESPONSE`
CONNECT_TIMEOUT: Final = 5.0
READ_TIMEOUT: Final = 10.0
HINT_TIMEOUT: Final = (2.0, 5.0)  # a request to Flux, or a diagnosis, must not delay a pass
MAX_RELEASES: Final = 50_000

_SOURCE: Final = (SOURCE_GROUP, SOURCE_VERSION)
_KUSTOMIZE: Final = (KUSTOMIZE_GROUP, KUSTOMIZE_VERSION)


class ClusterClient:
    """A client of one cluster's API for one thread; another one may interrupt. Every call is bounded in time and size."""

    def __init__(self, kubeconfig: bytes, context: str, *, allow_exec: bool = False) -> None:
        self.context = context
        self._client = connect(kubeconfig, context, allow_exec=allow_exec)
        self._api = client.CustomObjectsApi(self._client)
        self._response: BaseHTTPResponse | None = None

    def close(self) -> None:
        """Closes the connections."""
        if self._response is not None:
            self._response.close()
        self._client.close()

    def interrupt(self) -> None:
        """Makes the call whose response is being read fail at once; for another thread than the reading one."""
        response = self._response
        if response is not None:
            with contextlib.suppress(ValueError, RuntimeError, OSError):  # the response has ended in the meantime
                response.shutdown()

    def releases(self) -> tuple[Releases, str]:
        """Lists all HelmReleases by namespace and name, as of one moment; returns them and the resourceVersion to watch from.

        Raises a ReconcilerError.
        """
        releases: Releases = {}
        continue_token = None
        for _ in range(MAX_RELEASES // LIST_PAGE_SIZE):
            page, metadata = read_page(self._list(READ_TIMEOUT, limit=LIST_PAGE_SIZE, _continue=continue_token), self.context)
            releases.update(page)
            continue_token = metadata.get("continue")
            if "resourceVersion" not in metadata:
                raise malformed_response(KeyError(), self.context)
            version = str(metadata["resourceVersion"])
            if not continue_token:
                return releases, version
        raise UnavailableError(f"{self.context} has more than {MAX_RELEASES} HelmReleases")

    def watch(self, version: str, seconds: int) -> Iterator[list[WatchEvent]]:
        """Starts a watch from a resourceVersion, which the server ends after some seconds.

        Returns:
            The events as they arrive (see `stream.watch_events`), once the server has accepted the watch.

        Raises:
            ReconcilerError: the server did not accept it.
        """
        response = self._list(
            seconds + CONNECT_TIMEOUT, watch=True, resource_version=version, timeout_seconds=seconds, allow_watch_bookmarks=True
        )
        return watch_events(response, self.context)

    def confirm(self) -> None:
        """Checks that the API still serves a read that is no older than its request, for which it needs its store.

        A watch is served from the API server's memory, and continues without events when the store is lost. Raises a
        ReconcilerError.
        """
        read_body(self._list(READ_TIMEOUT, limit=1), self.context)

    def request_reconcile(self, namespace: str) -> None:
        """Requests an immediate fetch of the repository from Flux, as `flux reconcile` does. Raises a ReconcilerError."""
        stamp = datetime.now(UTC).isoformat()
        body = {"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": stamp}}}
        call, target = self._api.patch_namespaced_custom_object, (*_SOURCE, namespace, "gitrepositories", "environment", body)
        read_body(self._call(HINT_TIMEOUT, f"the GitRepository {namespace}/environment", call, *target), self.context)

    def sources(self, namespace: str, application: str) -> Mapping[str, Mapping[str, Any] | None]:
        """Fetches the Flux sources of an Application's HelmRelease: for diagnostics only, never for a decision.

        Returns:
            `GitRepository/environment`, `Kustomization/applications` and `OCIRepository/<application>`, in this order; None
            for one that does not exist.

        Raises:
            ReconcilerError: the request failed.
        """
        return {
            "GitRepository/environment": self._object(*_SOURCE, namespace, "gitrepositories", "environment"),
            "Kustomization/applications": self._object(*_KUSTOMIZE, namespace, "kustomizations", "applications"),
            f"OCIRepository/{application}": self._object(*_SOURCE, namespace, "ocirepositories", application),
        }

    def _object(self, *target: str) -> Mapping[str, Any] | None:
        try:
            response = self._call(HINT_TIMEOUT, target[-1], self._api.get_namespaced_custom_object, *target)
        except NotFoundError:
            return None
        document = read_body(response, self.context)
        if not isinstance(document, dict):
            raise malformed_response(TypeError(), self.context)
        return document

    def _list(self, read_timeout: float, **options: Any) -> BaseHTTPResponse:
        what = f"{PLURAL}.{HELM_GROUP}/{HELM_VERSION}"
        call = self._api.list_cluster_custom_object
        return self._call((CONNECT_TIMEOUT, read_timeout), what, call, HELM_GROUP, HELM_VERSION, PLURAL, **options)

    def _call(
        self, timeouts: tuple[float, float], what: str, call: Callable[..., Any], *target: Any, **options: Any
    ) -> BaseHTTPResponse:
        """Sends one request; returns the transport's response, of which only the head has been read."""
        try:
            response: BaseHTTPResponse = call(*target, **options, _request_timeout=timeouts, _preload_content=False)
            if response.status != 200:  # noqa: PLR2004 - OK; some versions of the client raise it themselves
                response.close()
                raise client.ApiException(status=response.status, reason=response.reason)
        except FOREIGN as error:
            raise error_from(error, self.context, what) from None
        self._response = response
        return response
