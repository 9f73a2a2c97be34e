"""The tools that the sandbox builds from source, each from a Go module of its own in `tools/`.

A module's `go.mod` and `go.sum` pin everything; to move a tool to another version, run
`go get -tool PACKAGE@VERSION` in its folder. `go mod tidy` would add what only the dependencies' own tests need.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import places
from trouble import Trouble

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Tool:
    """How one program is built.

    Attributes:
        name: the binary's name.
        package: the Go package of its main function.
        source: the Go module that the package and the version belong to.
        folder: its folder in `tools/`, where it is not the name.
        tags: build tags.
        stamps: linker variables that the program reads its own version from; `{version}` is filled in, `{number}`
            is the same without the `v`.
        share: folders of the source module that the program needs at run time.
    """

    name: str
    package: str
    source: str
    folder: str = ""
    tags: tuple[str, ...] = ()
    stamps: tuple[str, ...] = ()
    share: tuple[str, ...] = ()

    @property
    def module(self) -> Path:
        """The folder of the `go.mod` that pins this tool."""
        return places.MODULES / (self.folder or self.name)

    @property
    def version(self) -> str:
        """The version that `go.mod` pins, with its `v`."""
        path = self.module / "go.mod"
        found = re.search(rf"^\s*(?:require )?{re.escape(self.source)} (v\S+)", path.read_text(), re.MULTILINE)
        if not found:
            raise Trouble(f"{path} does not require {self.source}: restore the file from git")
        return found[1]

    def flags(self) -> list[str]:
        """Return the flags of `go build`; the cache is keyed by them."""
        linker = [
            "-s",
            "-w",
            *(f"-X {stamp.format(version=self.version, number=self.version[1:])}" for stamp in self.stamps),
        ]
        tags = [f"-tags={' '.join(self.tags)}"] if self.tags else []
        return ["-trimpath", f"-ldflags={' '.join(linker)}", *tags]


def _kubernetes(name: str) -> Tool:
    component = "k8s.io/component-base/version"
    return Tool(
        name,
        package=f"k8s.io/kubernetes/cmd/{name}",
        source="k8s.io/kubernetes",
        folder="kubernetes",
        stamps=(f"{component}.gitVersion={{version}}", f"{component}.gitMajor=1", f"{component}.gitMinor=36"),
    )


def _flux(name: str) -> Tool:
    module = f"github.com/fluxcd/{name}"
    return Tool(name, package=module, source=module, share=("config/crd/bases",))


# In the order of building: first the two that the plain demo needs.
TOOLS = (
    Tool(
        "registry",
        package="github.com/distribution/distribution/v3/cmd/registry",
        source="github.com/distribution/distribution/v3",
    ),
    Tool("cosign", package="github.com/sigstore/cosign/v3/cmd/cosign", source="github.com/sigstore/cosign/v3"),
    Tool("etcd", package="go.etcd.io/etcd/server/v3", source="go.etcd.io/etcd/server/v3"),
    _kubernetes("kube-apiserver"),
    _kubernetes("kube-controller-manager"),
    _kubernetes("kube-scheduler"),
    Tool("kwok", package="sigs.k8s.io/kwok/cmd/kwok", source="sigs.k8s.io/kwok"),
    _flux("source-controller"),
    _flux("kustomize-controller"),
    _flux("helm-controller"),
    Tool(
        "gitea",
        package="code.gitea.io/gitea",
        source="code.gitea.io/gitea",
        tags=("sqlite", "sqlite_unlock_notify"),
        stamps=("main.Version={number}",),
        share=("options", "templates", "public"),
    ),
    Tool(
        "helm",
        package="helm.sh/helm/v4/cmd/helm",
        source="helm.sh/helm/v4",
        stamps=("helm.sh/helm/v4/internal/version.version={version}",),
    ),
    Tool("kustomize", package="sigs.k8s.io/kustomize/kustomize/v5", source="sigs.k8s.io/kustomize/kustomize/v5"),
)
BY_NAME = {tool.name: tool for tool in TOOLS}
EMBEDDED = ("registry", "cosign")
"""What the demo without a cluster needs."""


def named(names: list[str]) -> list[Tool]:
    """Return the tools of these names in the order of building; every tool for no names.

    Raises:
        Trouble: there is no tool of that name.
    """
    if unknown := [name for name in names if name not in BY_NAME]:
        raise Trouble(f"there is no tool named {unknown[0]}; the tools are {', '.join(BY_NAME)}")
    return [tool for tool in TOOLS if not names or tool.name in names]
