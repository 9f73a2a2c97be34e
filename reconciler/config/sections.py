"""The parts of the configuration, each with what can be said of it alone."""

from __future__ import annotations

import contextlib
import re
from pathlib import Path
from typing import Annotated, Any, Self
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ByteSize,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)
from pydantic.alias_generators import to_camel

Seconds = Annotated[float, Field(gt=0, le=86_400)]
_HOST = r"^[a-z0-9-]+(\.[a-z0-9-]+)*(:[0-9]{1,5})?$"
_PREFIX = _HOST[:-1] + r"(/[a-z0-9._-]+)*$"
LEAST_CACHE = 64 * 1024 * 1024  # bytes: any chart that is accepted fits in twice


def _text(value: Any) -> Any:
    """A secret that is no text: refused here, in words that do not show it."""
    if not isinstance(value, str | SecretStr | None):
        raise ValueError("a secret must be text: quote it")  # noqa: TRY004 - pydantic takes no TypeError
    return value


Secret = Annotated[SecretStr | None, BeforeValidator(_text, json_schema_input_type=SecretStr | None)]


def _parse_size(value: Any, read: ValidatorFunctionWrapHandler) -> ByteSize:
    """A cache's size; a small one is more likely a unit that was forgotten."""
    with contextlib.suppress(ValidationError):
        size: ByteSize = read(value)
        if size >= LEAST_CACHE:
            return size
    raise ValueError("it must be a number with its unit, such as 512MiB or 1GiB, and at least 64MiB")


class Section(BaseModel):
    """A part of the configuration: camelCase in the file, unknown fields refused."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, alias_generator=to_camel, validate_by_name=True, validate_by_alias=True
    )


def _plain_address(value: str) -> str:
    """An address with nothing in it that could be a secret, which the messages that name it would show."""
    try:
        parts = urlsplit(value)
    except ValueError:
        raise ValueError("it cannot be read as an address") from None
    if parts.query or parts.fragment or ("@" in value and parts.scheme not in {"", "file"}) or value.startswith("//"):
        raise ValueError("it must be a plain address, without a user, a query or a fragment: a token has a field of its own")
    return value


Address = Annotated[str, AfterValidator(_plain_address)]
_REPOSITORY = r"^[^/:@\s]+/[^/:@\s]+$"


class GiteaSection(Section):
    """The Gitea that holds Environments."""

    url: Address
    username: str = "catalyst-reconciler"
    token: Secret = None
    token_file: Path | None = None
    topic: str = "catalyst-environment"
    discover: bool = True


class EnvironmentSection(Section):
    """An Environment that is named rather than discovered: a `url` (also `file://`), or `repository` as owner/name on Gitea."""

    name: str
    url: Address | None = None
    repository: Annotated[str, Field(pattern=_REPOSITORY)] | None = None


def _named_once(hosts: list[HostSection]) -> list[HostSection]:
    """Hosts, each with all that is said of it in one place."""
    names = [one.host for one in hosts]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"{', '.join(twice)} stands there twice; say all of it once")
    return hosts


class CatalogSection(Section):
    """A catalog: an OCI prefix such as `registry.example/openova`, under which Blueprints are `bp-<name>`."""

    prefix: Annotated[str, Field(pattern=r"^[a-z0-9.-]+(:[0-9]+)?(/[a-z0-9._-]+)+$")]
    plain_http: bool = False
    pull_secret: str | None = None


class HostSection(Section):
    """A registry's host, or a mirror's.

    `mirrors`: prefixes `host[/path]` that stand for it, asked before it is; `tokenHosts`: other hosts that issue its tokens and
    may be sent its credentials; `ca`: a PEM file with the only certificate authorities it is believed by.
    """

    host: Annotated[str, Field(pattern=_HOST)]
    mirrors: list[Annotated[str, Field(pattern=_PREFIX)]] = []
    token_hosts: list[Annotated[str, Field(pattern=_HOST)]] = []
    ca: Path | None = None
    plain_http: bool = False


class RegistrySection(Section):
    """How registries are spoken to. `credentials` is a docker config.json."""

    credentials: Path | None = None
    timeout: Seconds = 15
    hosts: Annotated[list[HostSection], AfterValidator(_named_once)] = []


class CacheSection(Section):
    """Artifacts that were fetched, kept below `state`: the bytes that they may take there, such as `1GiB`."""

    size: Annotated[ByteSize, WrapValidator(_parse_size)] = ByteSize(1024 * 1024 * 1024)


class TrustSection(Section):
    """Where TrustPolicy documents lie, which only the Sovereign can write.

    Either `directory`; or `repository`, owner/name on Gitea, in whose folder `trust` they are. `reverifyInterval`: seconds after
    which every locked artifact is held against them again, whether or not they changed.
    """

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": ["directory"]}, {"required": ["repository"]}]})

    directory: Path | None = None
    repository: Annotated[str, Field(pattern=_REPOSITORY)] | None = None
    reverify_interval: Seconds = 3600

    @model_validator(mode="after")
    def _is_one_of_both(self) -> Self:
        if (self.directory is None) == (self.repository is None):
            raise ValueError("trust policies lie either in a directory or in a repository")
        return self


class PoliciesSection(Section):
    """Where EnvironmentPolicy documents lie when trust policies lie in a directory too.

    With `trust.repository` they are in its folder `policies`, and this is left out.
    """

    directory: Path | None = None


class CosignSection(Section):
    """The cosign program, 3.0.6 or newer, by path or by name."""

    program: Path = Path("cosign")
    timeout: Seconds = 30


class ClustersSection(Section):
    """Kubeconfigs by context name (`<context>.yaml`) in a directory, and how observations are judged."""

    directory: Path | None = None
    allow_exec: bool = False
    stale_after: Seconds = 60
    progress_deadline: Seconds = 900


class FluxSection(Section):
    """What rendered Flux objects say; Go durations."""

    interval: str = "10m"
    timeout: str = "5m"


class IntervalsSection(Section):
    """Seconds between looks.

    `poll`: at each repository; `discover`: for new ones; `retry`: at a refused commit's Blueprints; `confirm`: between
    confirmations of a status that does not change.
    """

    poll: Seconds = 30
    discover: Seconds = 60
    retry: Seconds = 60
    confirm: Seconds = 300

    @property
    def patience(self) -> float:
        """After how long without a confirmation a status is stale: twice the interval, and time for a pass or two."""
        return 2 * self.confirm + 4 * self.poll


MOST_PORT = 65_535


def _listening(value: str) -> str:
    """A host and a port; an address of IPv6 stands in brackets."""
    host, _, port = value.rpartition(":")
    if not re.fullmatch(r"\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+", host) or not port.isdecimal() or int(port) > MOST_PORT:
        raise ValueError("it must be host:port, such as 0.0.0.0:8080 or [::]:8080")
    return value


def _web_address(value: str) -> str:
    if urlsplit(value).scheme not in {"http", "https"}:
        raise ValueError("it must begin with http:// or https://")
    return value


class HttpSection(Section):
    """The server of `run`: `/healthz`, `/readyz`, `/metrics`, and with a secret Gitea's deliveries at `/webhook`.

    `listen`: host:port; none, no server. `address`: how Gitea reaches that; with it the webhook is registered on the repositories
    of Environments. `secret`, or the file that holds it: what deliveries are signed with.
    """

    listen: Annotated[str, AfterValidator(_listening)] | None = None
    address: Annotated[Address, AfterValidator(_web_address)] | None = None
    secret: Secret = None
    secret_file: Path | None = None

    @model_validator(mode="after")
    def _has_what_an_address_needs(self) -> Self:
        if self.address is not None and self.listen is None:
            raise ValueError("an address needs a server: set listen")
        if self.address is not None and self.secret is None and self.secret_file is None:
            raise ValueError("an address needs a secret, which Gitea signs with: set secretFile, or CATALYST_HTTP__SECRET")
        return self
