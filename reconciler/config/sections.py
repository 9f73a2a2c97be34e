"""The sections of the configuration, each validated alone."""

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
MIN_CACHE = 64 * 1024 * 1024  # bytes: twice the largest accepted chart


def _text(value: Any) -> Any:
    """Refuse a secret that is not text, with a message that does not show it."""
    if not isinstance(value, str | SecretStr | None):
        raise ValueError("a secret must be text: quote it")  # noqa: TRY004 - pydantic takes no TypeError
    return value


Secret = Annotated[SecretStr | None, BeforeValidator(_text, json_schema_input_type=SecretStr | None)]


def _parse_size(value: Any, read: ValidatorFunctionWrapHandler) -> ByteSize:
    """Parse a cache's size. A small one is refused, since it is probably a size without its unit."""
    with contextlib.suppress(ValidationError):
        size: ByteSize = read(value)
        if size >= MIN_CACHE:
            return size
    raise ValueError("it must be a number with its unit, such as 512MiB or 1GiB, and at least 64MiB")


class Section(BaseModel):
    """A section of the configuration: camelCase in the file, unknown fields refused."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, alias_generator=to_camel, validate_by_name=True, validate_by_alias=True
    )


def _plain_address(value: str) -> str:
    """Refuse an address with a part that could be a secret, since messages show addresses."""
    try:
        parts = urlsplit(value)
    except ValueError:
        raise ValueError("it cannot be read as an address") from None
    if parts.query or parts.fragment or ("@" in value and parts.scheme not in {"", "file"}) or value.startswith("//"):
        raise ValueError("it must be a plain address, without a user, a query or a fragment: a token has its own field")
    return value


Address = Annotated[str, AfterValidator(_plain_address)]
_REPOSITORY = r"^[^/:@\s]+/[^/:@\s]+$"


class GiteaSection(Section):
    """The Gitea with the repositories of the Environments."""

    url: Address
    username: str = "catalyst-reconciler"
    token: Secret = None
    token_file: Path | None = None
    topic: str = "catalyst-environment"
    discover: bool = True


class EnvironmentSection(Section):
    """An Environment that is configured, not discovered: a `url` (also `file://`), or `repository` as owner/name on Gitea."""

    name: str
    url: Address | None = None
    repository: Annotated[str, Field(pattern=_REPOSITORY)] | None = None


def _named_once(hosts: list[HostSection]) -> list[HostSection]:
    """Refuse a host that is listed twice."""
    names = [section.host for section in hosts]
    if duplicates := sorted({name for name in names if names.count(name) > 1}):
        raise ValueError(f"{', '.join(duplicates)} is listed twice: combine its entries")
    return hosts


class CatalogSection(Section):
    """A catalog: an OCI prefix such as `registry.example/openova`, under which Blueprints are `bp-<name>`."""

    prefix: Annotated[str, Field(pattern=r"^[a-z0-9.-]+(:[0-9]+)?(/[a-z0-9._-]+)+$")]
    plain_http: bool = False
    pull_secret: str | None = None


class HostSection(Section):
    """A registry's host, or a mirror's.

    `mirrors`: prefixes `host[/path]` with copies of its content, tried before the host; `tokenHosts`: other hosts that issue its
    tokens and may receive its credentials; `ca`: a PEM file with the only certificate authorities that are trusted for it.
    """

    host: Annotated[str, Field(pattern=_HOST)]
    mirrors: list[Annotated[str, Field(pattern=_PREFIX)]] = []
    token_hosts: list[Annotated[str, Field(pattern=_HOST)]] = []
    ca: Path | None = None
    plain_http: bool = False


class RegistrySection(Section):
    """Access to registries. `credentials` is a docker config.json."""

    credentials: Path | None = None
    timeout: Seconds = 15
    hosts: Annotated[list[HostSection], AfterValidator(_named_once)] = []


class CacheSection(Section):
    """The cache of fetched artifacts, below `state`. `size`: the bytes that it may take, such as `1GiB`."""

    size: Annotated[ByteSize, WrapValidator(_parse_size)] = ByteSize(1024 * 1024 * 1024)


class TrustSection(Section):
    """The location of TrustPolicy documents, which only the Sovereign can write.

    Either `directory`; or `repository`, owner/name on Gitea, with the documents in its folder `trust`. `reverifyInterval`:
    seconds after which every locked artifact is verified against them again, whether or not they changed.
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
    """The location of EnvironmentPolicy documents, when trust policies are in a directory too.

    With `trust.repository` they are in its folder `policies`, and this section is left out.
    """

    directory: Path | None = None


class CosignSection(Section):
    """The cosign program, 3.0.6 or newer, by path or by name."""

    program: Path = Path("cosign")
    timeout: Seconds = 30


class ClustersSection(Section):
    """Kubeconfigs by context name (`<context>.yaml`) in a directory, and the limits for assessing observations."""

    directory: Path | None = None
    allow_exec: bool = False
    stale_after: Seconds = 60
    progress_deadline: Seconds = 900


class FluxSection(Section):
    """The intervals in rendered Flux objects; Go durations."""

    interval: str = "10m"
    timeout: str = "5m"


class SigningSection(Section):
    """The keys of the reconciler's commits, of Ed25519 as `ssh-keygen` writes them.

    `keyFile`: the key that signs; `reconciler init` makes it where it is missing. `acceptedKeys`: public keys that are accepted
    too, such as the one before.
    """

    key_file: Path | None = None
    accepted_keys: list[str] = []

    @model_validator(mode="after")
    def _names_a_key(self) -> Self:
        if self.key_file is None and not self.accepted_keys:
            raise ValueError("name the key that signs (keyFile), or the keys to accept (acceptedKeys)")
        return self


class IntervalsSection(Section):
    """Intervals in seconds.

    `poll`: between fetches of each repository; `discover`: between searches for Environments; `retry`: before a refused commit is
    resolved again; `confirm`: between confirmations of a status that does not change.
    """

    poll: Seconds = 30
    discover: Seconds = 60
    retry: Seconds = 60
    confirm: Seconds = 300

    @property
    def patience(self) -> float:
        """Seconds after which an unconfirmed status is stale: twice the interval, and time for a pass or two."""
        return 2 * self.confirm + 4 * self.poll


MAX_PORT = 65_535


def _listening(value: str) -> str:
    """Validate a host and a port; an IPv6 address is in brackets."""
    host, _, port = value.rpartition(":")
    if not re.fullmatch(r"\[[0-9a-fA-F:.]+\]|[A-Za-z0-9.-]+", host) or not port.isdecimal() or int(port) > MAX_PORT:
        raise ValueError("it must be host:port, such as 0.0.0.0:8080 or [::]:8080")
    return value


def _web_address(value: str) -> str:
    """Validate an http or https address."""
    if urlsplit(value).scheme not in {"http", "https"}:
        raise ValueError("it must begin with http:// or https://")
    return value


class HttpSection(Section):
    """The server of `run`: `/healthz`, `/readyz`, `/metrics`, and with a secret `/webhook` for Gitea's deliveries.

    `listen`: host:port; without it, no server starts. `address`: the url at which Gitea reaches it; with it the webhook is
    registered on the Environments' repositories. `secret`, or the file that contains it: the key that signs deliveries.
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
