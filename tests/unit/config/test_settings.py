from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from reconciler.config.secrets import secret_of, token_of
from reconciler.config.settings import Settings, read_settings
from reconciler.model.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Write = Callable[[str], Path]

CANARY = "s3cr3t-canary"
LEAST = """\
sovereign: demo
state: state
catalogs: [{prefix: registry.example/openova}]
trust: {directory: trust}
"""


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(text: str) -> Path:
        file = tmp_path / "catalyst.yaml"
        file.write_text(text)
        return file

    return write


@pytest.fixture
def variables() -> Iterator[dict[str, str]]:
    """What a test puts here, and nothing else of ours, is in the process environment."""
    before = dict(os.environ)
    for name in [n for n in os.environ if n.startswith("CATALYST_")]:
        del os.environ[name]

    class Setting(dict[str, str]):
        def __setitem__(self, name: str, value: str) -> None:
            os.environ[name] = value

    yield Setting()
    os.environ.clear()
    os.environ.update(before)


def refused(file: Path) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        read_settings(file)
    return [line.replace(f"{file}:", "") for line in str(caught.value).splitlines()]


def test_the_least_configuration_is_enough(write: Write, tmp_path: Path) -> None:
    settings = read_settings(write(LEAST))
    assert (settings.sovereign, settings.workers, settings.gitea) == ("demo", 4, None)
    assert (settings.state, settings.trust.directory) == (tmp_path / "state", tmp_path / "trust")
    assert str(settings.cosign.program) == "cosign"


@pytest.mark.parametrize(("said", "size"), [("1GiB", 1 << 30), ("64 MiB", 64 << 20), ("200000000", 200_000_000)])
def test_a_size_has_a_unit(write: Write, said: str, size: int) -> None:
    assert read_settings(write(f"{LEAST}cache: {{size: {said}}}\n")).cache.size == size


@pytest.mark.parametrize("said", ["512", "64Mi", "63MiB", "-1", "all", "true", "null", "[1]"])
def test_a_size_that_can_hardly_be_meant_is_refused(write: Write, said: str) -> None:
    why = "it must be a number with its unit, such as 512MiB or 1GiB, and at least 64MiB"
    assert refused(write(f"{LEAST}cache: {{size: {said}}}\n")) == [f"5:15: cache.size: {why}"]


def test_paths_are_seen_from_the_files_folder(write: Write, tmp_path: Path) -> None:
    settings = read_settings(
        write(
            LEAST
            + "gitea: {url: 'https://gitea.example', tokenFile: secrets/token}\n"
            + "clusters: {directory: ../clusters}\ncosign: {program: ./bin/cosign}\nregistry: {credentials: /etc/docker.json}\n"
        )
    )
    assert settings.gitea is not None
    assert settings.gitea.token_file == tmp_path / "secrets" / "token"
    assert settings.clusters.directory == tmp_path / ".." / "clusters"
    assert str(settings.registry.credentials) == "/etc/docker.json"
    assert settings.cosign.program == tmp_path / "bin" / "cosign"


def test_a_relative_name_of_the_file_makes_no_difference(write: Write, tmp_path: Path) -> None:
    file = write(LEAST)
    here = os.path.relpath(file)
    assert read_settings(type(file)(here)).state == tmp_path / "state"


def test_every_problem_is_told_at_once_with_its_place(write: Write) -> None:
    text = LEAST + "workers: 0\nregistry: {timeout: soon}\ntrsut: {directory: x}\ncosign: {programm: /bin/cosign}\n"
    assert sorted(refused(write(text))) == [
        "5:10: workers is 0; it must be at least 1",
        "6:21: registry.timeout must be a number, not 'soon'",
        "7:1: unknown field trsut; did you mean trust?",
        "8:10: unknown field cosign.programm; did you mean program?",
    ]


def test_limits_and_types_are_told_in_words(write: Write) -> None:
    text = LEAST + "workers: 99\nclusters: {staleAfter: 0, progressDeadline: 99999, allowExec: si}\nregistry: {credentials: 3}\n"
    assert sorted(refused(write(text))) == [
        "5:10: workers is 99; it must be at most 64",
        "6:24: clusters.staleAfter is 0; it must be more than 0",
        "6:45: clusters.progressDeadline is 99999; it must be at most 86400",
        "6:63: clusters.allowExec must be true or false, not 'si'",
        "7:25: registry.credentials must be a path, not 3",
    ]


def test_what_is_missing_is_named(write: Write) -> None:
    assert refused(write("sovereign: demo\n")) == [
        "1:1: state is required",
        "1:1: catalogs is required",
        "1:1: trust is required",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sovereign: [", "1:13: not YAML"),
        ("", "the file is empty"),
        ("a: 1\n---\nb: 2\n", "it must hold exactly one"),
        ("- a\n- b\n", "sovereign is required"),
        ("a: 1\na: 2\n", "2:1: the key 'a' is defined twice"),
    ],
)
def test_bad_yaml_has_a_place(write: Write, text: str, message: str) -> None:
    assert message in "\n".join(refused(write(text)))


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"nowhere\.yaml cannot be read: No such file"):
        read_settings(tmp_path / "nowhere.yaml")
    with pytest.raises(ConfigurationError, match="cannot be read: Is a directory"):
        read_settings(tmp_path)


def test_the_process_environment_wins_over_the_file(write: Write, variables: dict[str, str]) -> None:
    variables["CATALYST_WORKERS"] = "7"
    variables["CATALYST_INTERVALS__POLL"] = "2.5"
    variables["CATALYST_GITEA__TOKEN"] = CANARY
    settings = read_settings(write(LEAST + "workers: 3\ngitea: {url: 'https://gitea.example', token: other, topic: own}\n"))
    assert (settings.workers, settings.intervals.poll, settings.intervals.retry) == (7, 2.5, 60)
    assert settings.gitea is not None
    assert (token_of(settings.gitea), settings.gitea.topic) == (CANARY, "own")


@pytest.mark.parametrize("name", ["CATALYST_CATALOGS", "CATALYST_ENVIRONMENTS"])
def test_a_variable_that_is_not_json_is_named_and_not_shown(write: Write, variables: dict[str, str], name: str) -> None:
    variables[name] = CANARY
    (line,) = refused(write(LEAST))
    assert name.removeprefix("CATALYST_").lower() in line
    assert CANARY not in line


def test_variables_of_other_programs_are_none_of_ours(write: Write, variables: dict[str, str]) -> None:
    variables["CATALYST_SANDBOX_CACHE"] = "/x"
    assert read_settings(write(LEAST)).sovereign == "demo"


def test_a_token_comes_from_its_file(write: Write, tmp_path: Path) -> None:
    settings = read_settings(write(LEAST + "gitea: {url: 'https://gitea.example', tokenFile: token}\n"))
    assert settings.gitea is not None
    with pytest.raises(ConfigurationError, match=r"gitea\.tokenFile .*token cannot be read: No such file"):
        token_of(settings.gitea)
    (tmp_path / "token").write_text(f"{CANARY}\n")
    assert token_of(settings.gitea) == CANARY


def test_gitea_without_a_token_says_where_to_put_it(write: Write) -> None:
    settings = read_settings(write(LEAST + "gitea: {url: 'https://gitea.example'}\n"))
    assert settings.gitea is not None
    with pytest.raises(ConfigurationError, match="CATALYST_GITEA__TOKEN"):
        token_of(settings.gitea)


@pytest.mark.parametrize("token", [CANARY, "1234567890", "[1234567890]", "true", "{a: s3cr3t-canary}"])
def test_a_secret_is_in_no_error_and_no_repr(write: Write, token: str) -> None:
    text = LEAST + f"gitea: {{url: 'https://gitea.example', token: {token}}}\n"
    shown = ""
    try:
        shown = repr(read_settings(write(text))) + str(read_settings(write(text)))
    except ConfigurationError as fault:
        shown = str(fault) + repr(fault)
        assert "5:" in shown
    shown += "\n".join(refused(write(text + "wrokers: 1\n")))
    for word in (CANARY, "1234567890"):
        assert word not in shown


def test_a_catalogs_prefix_is_a_registry_and_a_path(write: Write) -> None:
    (line,) = refused(write(LEAST.replace("registry.example/openova", "https://registry.example/openova")))
    assert line.startswith("3:21: catalogs.0.prefix is 'https://registry.example/openova'; it must match")


HOSTS = """\
registry:
  hosts:
    - {host: ghcr.io, mirrors: [harbor.example/ghcr, "cache.example:5000"]}
    - {host: harbor.example, ca: certificates/harbor.pem}
    - {host: registry-1.docker.io, tokenHosts: [auth.docker.io]}
    - {host: "cache.example:5000", plainHttp: true}
"""


def test_hosts_have_mirrors_token_hosts_and_authorities(write: Write, tmp_path: Path) -> None:
    github, harbor, docker, cache = read_settings(write(LEAST + HOSTS)).registry.hosts
    assert (github.mirrors, github.ca) == (["harbor.example/ghcr", "cache.example:5000"], None)
    assert harbor.ca == tmp_path / "certificates" / "harbor.pem", "seen from the file's folder, as every path"
    assert docker.token_hosts == ["auth.docker.io"]
    assert (cache.plain_http, github.plain_http) == (True, False)


def test_a_hosts_rules_can_come_from_the_environment(write: Write, variables: dict[str, str], tmp_path: Path) -> None:
    variables["CATALYST_REGISTRY__HOSTS"] = '[{"host": "harbor.example", "ca": "ca.pem"}]'
    (host,) = read_settings(write(LEAST + HOSTS)).registry.hosts
    assert host.ca == tmp_path / "ca.pem"


@pytest.mark.parametrize(
    ("hosts", "message"),
    [
        ("[{host: ghcr.io}, {host: ghcr.io, ca: x}]", "registry.hosts: ghcr.io is listed twice: combine its entries"),
        ("[{host: 'https://ghcr.io'}]", "registry.hosts.0.host is 'https://ghcr.io'; it must match"),
        ("[{host: ghcr.io/openova}]", "registry.hosts.0.host is 'ghcr.io/openova'; it must match"),
        ("[{host: ghcr.io, mirrors: ['oci://harbor.example']}]", "registry.hosts.0.mirrors.0 is 'oci://harbor.example'; it must"),
        ("[{host: ghcr.io, mirrors: [harbor.example/]}]", "registry.hosts.0.mirrors.0 is 'harbor.example/'; it must match"),
        ("[{host: ghcr.io, tokenHosts: ['*']}]", "registry.hosts.0.tokenHosts.0 is '*'; it must match"),
        ("[{host: ghcr.io, tokenHost: [a.example]}]", "unknown field registry.hosts.0.tokenHost; did you mean tokenHosts?"),
        ("[{mirrors: [a.example]}]", "registry.hosts.0.host is required"),
    ],
)
def test_a_host_that_can_hardly_be_meant_is_refused(write: Write, hosts: str, message: str) -> None:
    (line,) = refused(write(f"{LEAST}registry: {{hosts: {hosts}}}\n"))
    assert line.startswith("5:")
    assert message in line


@pytest.mark.parametrize(
    "address",
    [
        "http://me:canary@h/",
        "http://h/?token=canary",
        "http://h/#canary",
        "http://me:canary/x@h/",
        "me:canary@h/x",
        "http://[canary",
    ],
)
def test_an_address_with_something_secret_in_it_is_refused_and_not_shown(write: Write, address: str) -> None:
    with pytest.raises(ConfigurationError, match="address") as caught:
        read_settings(write(f"gitea: {{url: '{address}', token: t}}\n"))
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("line", ["trust: {directory: trust, repository:canary: 1}", "gitea: {url: 'http://h', token:canary: 1}"])
def test_a_value_that_became_a_part_of_its_key_is_not_shown(write: Write, line: str) -> None:
    with pytest.raises(ConfigurationError, match="a key is followed by a colon and a space") as caught:
        read_settings(write(f"{line}\n"))
    assert "canary" not in str(caught.value)


def test_a_token_file_that_is_no_text_is_told(write: Write, tmp_path: Path) -> None:
    (tmp_path / "token").write_bytes(b"\xff\xfe")
    settings = read_settings(write(f"{LEAST}gitea: {{url: 'http://h', tokenFile: token}}\n"))
    assert settings.gitea is not None
    with pytest.raises(ConfigurationError, match="is not UTF-8 text"):
        token_of(settings.gitea)


def test_settings_do_not_change(write: Write) -> None:
    settings: Settings = read_settings(write(LEAST))
    with pytest.raises(ValueError, match="frozen"):
        settings.sovereign = "other"  # type: ignore[misc]  # the test is that it cannot be done


HTTP = "http: {listen: '0.0.0.0:8080', address: 'https://reconciler.example', secretFile: hook}\n"


def test_the_secret_of_deliveries_comes_from_its_file_or_the_environment(
    write: Write, tmp_path: Path, variables: dict[str, str]
) -> None:
    with pytest.raises(ConfigurationError, match=r"http\.secretFile .*hook cannot be read: No such file"):
        secret_of(read_settings(write(LEAST + HTTP)).http)
    (tmp_path / "hook").write_text(f"{CANARY}-of-the-webhook\n")
    assert secret_of(read_settings(write(LEAST + HTTP)).http) == f"{CANARY}-of-the-webhook"
    variables["CATALYST_HTTP__SECRET"] = f"{CANARY}-of-the-environment"
    assert secret_of(read_settings(write(LEAST + HTTP)).http) == f"{CANARY}-of-the-environment"
    assert CANARY not in repr(read_settings(write(LEAST + HTTP)))
    del os.environ["CATALYST_HTTP__SECRET"]
    assert secret_of(read_settings(write(LEAST)).http) is None


@pytest.mark.parametrize("secret", ["", "'   '", CANARY])
def test_a_secret_that_keeps_nobody_out_is_refused_and_not_shown(write: Write, tmp_path: Path, secret: str) -> None:
    (tmp_path / "hook").write_text(secret.strip("'"))
    with pytest.raises(ConfigurationError, match="too short") as caught:
        secret_of(read_settings(write(LEAST + HTTP)).http)
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize("listen", ["127.0.0.1:0", "localhost:65535", "[::]:8080", "[::ffff:127.0.0.1]:1"])
def test_where_to_listen(write: Write, listen: str) -> None:
    assert read_settings(write(f"{LEAST}http: {{listen: '{listen}'}}\n")).http.listen == listen


@pytest.mark.parametrize(
    ("part", "message"),
    [
        ("{listen: ':8080'}", "http.listen: it must be host:port, such as 0.0.0.0:8080"),
        ("{listen: '8080'}", "http.listen: it must be host:port"),
        ("{listen: 'localhost:65536'}", "http.listen: it must be host:port"),
        ("{listen: 'http://h:1'}", "http.listen: it must be host:port"),
        ("{listen: '::1:80'}", "http.listen: it must be host:port"),
        ("{address: 'https://h', secretFile: s}", "an address needs a server"),
        ("{listen: 'h:1', address: 'https://h'}", "an address needs a secret"),
        ("{listen: 'h:1', address: 'ftp://h', secretFile: s}", "it must begin with http://"),
        ("{listen: 'h:1', address: 'https://me:x@h', secretFile: s}", "it must be a plain address"),
        ("{port: 1}", "unknown field http.port"),
    ],
)
def test_a_server_that_can_hardly_be_meant_is_refused(write: Write, part: str, message: str) -> None:
    (line,) = refused(write(f"{LEAST}http: {part}\n"))
    assert line.startswith("5:")
    assert message in line


def test_environment_policies_lie_in_one_place(tmp_path: Path) -> None:
    text = "sovereign: s\nstate: s\ncatalogs: [{prefix: r.example/c}]\npolicies: {directory: p}\n"
    (tmp_path / "c.yaml").write_text(text + "trust: {directory: t}\n")
    assert read_settings(tmp_path / "c.yaml").policies.directory == tmp_path / "p"
    (tmp_path / "c.yaml").write_text(text + "trust: {repository: a/b}\n")
    with pytest.raises(ConfigurationError, match=r"leave out policies\.directory"):
        read_settings(tmp_path / "c.yaml")
