"""What is known of a chart, and the charts that Helm cannot use or that install nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@dataclass(frozen=True)
class Dependency:
    """A dependency as a chart declares it.

    Attributes:
        name: the chart's own name.
        version: the range of its versions.
        alias: the name of its values, where it is not the chart's; may be empty.
        condition: paths in the outermost values, of which the first boolean enables or disables it.
        tags: the keys under `tags` in the outermost values that enable or disable it.
        imports: the paths of the child's values that are imported, each with the path in the parent's.
    """

    name: str
    version: str = ""
    alias: str = ""
    condition: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    imports: tuple[tuple[str, str], ...] = ()

    @property
    def key(self) -> str:
        """The name of its values."""
        return self.alias or self.name


@dataclass(frozen=True)
class HelmChart:
    """A chart, as far as decisions depend on it.

    Attributes:
        name: the name in its Chart.yaml, or the alias that its parent chart gives it.
        version: the version in its Chart.yaml.
        library: whether it is a library chart, which installs nothing.
        renders: whether one of its own templates or CustomResourceDefinitions can install something.
        values: its own values.
        schema: its usable values.schema.json; None when there is none.
        dependencies: the dependencies that it declares.
        subcharts: the charts that it bundles.
        faults: why Helm cannot load or use it, in sentences.
    """

    name: str
    version: str = ""
    library: bool = False
    renders: bool = True
    values: Mapping[str, Any] = field(default_factory=dict)
    schema: Mapping[str, Any] | None = None
    dependencies: tuple[Dependency, ...] = ()
    subcharts: tuple[HelmChart, ...] = ()
    faults: tuple[str, ...] = ()

    @property
    def missing(self) -> tuple[str, ...]:
        """The dependencies that it declares and does not bundle, whatever their versions."""
        bundled = {subchart.name for subchart in self.subcharts}
        return tuple(sorted({dependency.name for dependency in self.dependencies} - bundled))

    @property
    def installs(self) -> bool:
        """Whether it can install anything."""
        return not self.library and (self.renders or any(subchart.installs for subchart in self.subcharts))

    @property
    def checks_values(self) -> bool:
        """Whether there are values that Helm refuses: by a schema, or since a subchart's values are a mapping."""
        return self.schema is not None or bool(self.subcharts)


def chart_defects(chart: HelmChart) -> Iterator[str]:
    """Yields why Helm cannot use a chart, or why it installs nothing or not everything, in sentences.

    That a chart itself is a library is not reported.
    """
    yield from chart.faults
    if chart.missing:
        names = ", ".join(chart.missing)
        yield f"its chart lacks dependencies: it declares {names} and does not bundle it (run `helm dependency build`)"
    elif not chart.library and not chart.installs:
        subject = "bundles library charts only" if chart.subcharts else "bundles no chart that has one"
        yield f"its chart installs nothing: it has no template that can render anything, and {subject}"
