"""The configuration file, through pydantic-settings.

The environment overrides the file: `CATALYST_GITEA__TOKEN` is `gitea.token`. A secret comes from the environment or from a file
that the configuration names. Relative paths are relative to the configuration file's folder.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Self, TypeVar

from pydantic import BaseModel, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError

from reconciler.config.sections import (
    CacheSection,
    CatalogSection,
    ClustersSection,
    CosignSection,
    EnvironmentSection,
    FluxSection,
    GiteaSection,
    HttpSection,
    IntervalsSection,
    PoliciesSection,
    RegistrySection,
    Section,
    SigningSection,
    TrustSection,
)
from reconciler.domain.text.suggestions import did_you_mean
from reconciler.domain.validation.document_parser import problems_from_validation
from reconciler.formats.yaml.documents import load
from reconciler.model.errors import ConfigurationError

P = TypeVar("P", bound=BaseModel)


class Settings(BaseSettings):
    """The configuration of the reconciler."""

    model_config = SettingsConfigDict(env_prefix="CATALYST_", env_nested_delimiter="__", extra="forbid", frozen=True)

    sovereign: str
    state: Path
    gitea: GiteaSection | None = None
    environments: list[EnvironmentSection] = []
    catalogs: Annotated[list[CatalogSection], Field(min_length=1)]
    trust: TrustSection
    policies: PoliciesSection = PoliciesSection()
    registry: RegistrySection = RegistrySection()
    cache: CacheSection = CacheSection()
    cosign: CosignSection = CosignSection()
    clusters: ClustersSection = ClustersSection()
    flux: FluxSection = FluxSection()
    signing: SigningSection | None = None
    intervals: IntervalsSection = IntervalsSection()
    http: HttpSection = HttpSection()
    workers: Annotated[int, Field(ge=1, le=64)] = 4

    @model_validator(mode="after")
    def _policies_lie_in_one_place(self) -> Self:
        if self.policies.directory is not None and self.trust.repository is not None:
            raise ValueError(
                "with trust.repository, EnvironmentPolicies are in its folder policies: leave out policies.directory"
            )
        return self

    @classmethod
    def settings_customise_sources(  # noqa: D102 - pydantic-settings' own hook: the environment before the file
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        del settings_cls, dotenv_settings, file_secret_settings
        return env_settings, init_settings


def read_settings(file: Path) -> Settings:
    """Read the configuration.

    Raises:
        ConfigurationError: with every problem of the file and its place.
    """
    try:
        source = load(file.read_bytes(), str(file))
    except OSError as error:
        raise ConfigurationError(f"the configuration {file} cannot be read: {error.strerror}") from None
    if source.problems:
        raise ConfigurationError("\n".join(str(p) for p in source.problems))
    data = source.data if isinstance(source.data, dict) else {}
    if misread_keys := [key for key in data if key not in Settings.model_fields and _is_misread(key)]:
        problems = (source.problem("UnknownField", f"unknown field {key}", (key,), hint=_hint(key)) for key in misread_keys)
        raise ConfigurationError("\n".join(str(p) for p in problems))
    try:
        settings = Settings(**data)
    except ValidationError as error:
        raise ConfigurationError("\n".join(str(p) for p in problems_from_validation(error, source, Settings))) from None
    except SettingsError as error:  # names the field alone
        raise ConfigurationError(
            f"an environment variable cannot be read: {error}", "lists and sections are written as JSON"
        ) from None
    return _resolve_paths(file.resolve().parent, settings)


def _is_misread(key: str) -> bool:
    """Whether pydantic-settings would read an unknown field as its own argument, or as a field in another case."""
    return key.startswith("_") or key.lower() in Settings.model_fields


def _hint(key: str) -> str:
    return did_you_mean(key.lower().strip("_"), Settings.model_fields)


def _resolve_paths(folder: Path, section: P) -> P:
    """A section with its relative paths made absolute; a bare program name stays, to be found in PATH."""
    changes: dict[str, Any] = {}
    for name in type(section).model_fields:
        value = getattr(section, name)
        if isinstance(value, Path) and not value.is_absolute() and not (name == "program" and len(value.parts) == 1):
            changes[name] = folder / value
        elif isinstance(value, Section):
            changes[name] = _resolve_paths(folder, value)
        elif isinstance(value, list):
            changes[name] = [_resolve_paths(folder, item) if isinstance(item, Section) else item for item in value]
    return section.model_copy(update=changes)
