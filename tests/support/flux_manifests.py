"""What kits of Flux objects are made of, for tests: a whole file as people lay it out, and single documents."""

from __future__ import annotations

from typing import Any

FSN, NBG = "hz-fsn-rtz-prod-acme", "hz-nbg-rtz-prod-acme"

# As the installation kits of OpenOva are laid out: a file for each, with a Namespace, a source and a HelmRelease.
DNS = """\
# The words above a kit's file say why it is there.
---
apiVersion: v1
kind: Namespace
metadata:
  name: dns
  labels:
    example.org/domain: ${DOMAIN}
---
apiVersion: source.toolkit.fluxcd.io/v1beta2
kind: HelmRepository
metadata:
  name: bp-dns
  namespace: flux-system
spec:
  type: oci
  interval: 15m
  url: oci://registry.example/openova/
  secretRef:
    name: pull
---
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata:
  name: bp-dns
  namespace: flux-system
spec:
  interval: 15m
  releaseName: dns
  targetNamespace: dns
  dependsOn:
    - name: bp-certs
    - name: bp-mesh # the network comes first
      namespace: flux-system
  chart:
    spec:
      chart: bp-dns
      version: 1.1.2
      sourceRef:
        kind: HelmRepository
        name: bp-dns
        namespace: flux-system
  install:
    # Does not wait for itself.
    disableWait: true
    remediation:
      retries: 3
  values:
    domainFilters:
      - ${DOMAIN}
    txtPrefix: _dns.
    metrics:
      enabled: null
"""


def release(name: str, *, after: Any = None, namespace: str | None = "flux-system", **spec: Any) -> dict[str, Any]:
    """A HelmRelease with nothing to say about it but its dependencies."""
    short = name.removeprefix("bp-")
    chart = {"chart": name, "version": "1.0.0", "sourceRef": {"kind": "HelmRepository", "name": "openova"}}
    usual = {"chart": {"spec": chart}, "releaseName": short, "targetNamespace": short}
    depends = {} if after is None else {"dependsOn": [{"name": a} if isinstance(a, str) else a for a in after]}
    metadata = {"name": name} | ({} if namespace is None else {"namespace": namespace})
    whole = {k: v for k, v in (usual | depends | spec).items() if v is not None}
    return {"apiVersion": "helm.toolkit.fluxcd.io/v2", "kind": "HelmRelease", "metadata": metadata, "spec": whole}


def origin(kind: str = "HelmRepository", name: str = "openova", **spec: Any) -> dict[str, Any]:
    whole = {"url": "oci://registry.example/openova"} | spec
    metadata = {"name": name, "namespace": "flux-system"}
    return {"apiVersion": "source.toolkit.fluxcd.io/v1", "kind": kind, "metadata": metadata, "spec": whole}


def chart(name: Any, version: Any = "1.0.0", kind: str = "HelmRepository", **more: Any) -> dict[str, Any]:
    spec = {"chart": name, "version": version, "sourceRef": {"kind": kind, "name": "openova"}, **more}
    return {"spec": {k: v for k, v in spec.items() if v is not None}}
