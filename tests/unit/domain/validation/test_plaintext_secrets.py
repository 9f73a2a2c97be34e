"""What is a secret and what only speaks of one; and placeholders. Nothing that was found is ever repeated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from reconciler.domain.validation.environment import validate
from reconciler.domain.validation.plaintext_secrets import find_plaintext_secrets
from tests.support.builders import application, environment, files, source

if TYPE_CHECKING:
    from reconciler.model.problem import Problem

GITHUB = "ghp_" + "a1B2c3D4e5" * 3 + "f6"

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2ln"

PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\n"


def found(config: Any) -> list[Problem]:
    return list(find_plaintext_secrets(source(application("web", config=config), "applications/web.yaml")))


@pytest.mark.parametrize(
    "config",
    [
        {"password": "hunter2"},
        {"adminPassword": "correct horse"},
        {"auth": {"rootPassword": "changeme"}},
        {"DB_PASSWORD": "x"},
        {"smtp-passwd": "letmein"},
        {"passphrase": "swordfish"},
        {"password": 12345678},
        {"password2": "hunter2"},
        {"passwords": ["hunter2"]},
        {"password": {"value": "hunter2"}},
        {"apiKey": "0123456789abcdef"},
        {"APIKey": "q7f"},
        {"api_key": "q7f"},
        {"apikey": "q7f"},
        {"storage": {"accountKey": "Zm9vYmFyYmF6cXV4"}},
        {"clientSecret": "9f8e7d6c5b4a"},
        {"oidc": {"client_secret": "my-secret"}},
        {"jwtSecret": "0d5a"},
        {"secret": "s3cr3t"},
        {"secretKey": "minio123"},
        {"secret_key": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"},
        {"encryptionKey": "5e884898da28047151d0e56f8dc62927"},
        {"privateKey": "MIIEvQIBADANBgkqhkiG9w0BAQEFAASC"},
        {"token": "abcdef0123456789"},
        {"github": {"accessToken": "Zx81Spectrum"}},
        {"credentials": "admin:hunter2"},
        {"env": [{"name": "DB_PASSWORD", "value": "hunter2"}]},
        {"env": [{"name": "DSN", "value": "postgres://app:hunter2@db:5432/app"}]},
        {"url": "redis://:hunter2@cache:6379"},
        {"connectionString": "Server=db;User Id=app;Password=hunter2;"},
        {"jdbc": "jdbc:postgresql://db/app?user=app&password=hunter2"},
        {"pem": PEM},
        {"files": {"id_rsa": PEM.replace("RSA", "OPENSSH")}},
        {"note": f"use {GITHUB}"},
        {"anything": JWT},
        {"key": "AKIAIOSFODNN7EXAMPLE"},
        {"args": ["--token=glpat-abcdefghij0123456789"]},
        {"llm": {"openai": "sk-" + "aB3" * 16}},
        {"vault": "hvs.CAESIJ0123456789abcdefgh"},
        {"hook": "https://hooks.slack.com/services/T0000000/B0000000/XXXX"},
        {GITHUB: True},
    ],
)
def test_a_secret_is_refused_without_being_repeated(config: Any) -> None:
    (problem,) = found(config)
    assert (problem.code, problem.file, problem.severity) == ("PlaintextSecret", "applications/web.yaml", "error")
    assert problem.line > 11
    assert "ExternalSecret" in problem.hint
    hidden = [
        "hunter2",
        "changeme",
        "horse",
        "swordfish",
        "letmein",
        "12345678",
        "0123456789",
        "s3cr3t",
        "minio",
        "MII",
        GITHUB,
        JWT,
    ]
    assert not [word for word in hidden if word in str(problem)]


@pytest.mark.parametrize(
    "config",
    [
        {"password": ""},
        {"password": None},
        {"password": True},
        {"password": "  "},
        {"existingSecret": "acme-db"},
        {"auth": {"existingSecret": "acme-db", "secretKeys": {"adminPasswordKey": "password"}}},
        {"passwordSecretName": "acme-db"},
        {"secretName": "wildcard-acme-com"},
        {"secretRef": {"name": "acme-db", "key": "password"}},
        {"password": {"valueFrom": {"secretKeyRef": {"name": "acme-db", "key": "password"}}}},
        {"env": [{"name": "DB_PASSWORD", "valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}}]},
        {"env": [{"name": "DB_PASSWORD", "value": "$(PASSWORD)"}]},
        {"imagePullSecrets": ["regcred"]},
        {"tls": {"secret": "wildcard-acme-com"}},
        {"tlsSecret": "regcred"},
        {"passwordKey": "password"},
        {"passwordSecretKey": "adminPassword"},
        {"secretKey": "password"},
        {"privateKey": "tls.key"},
        {"passwordFile": "/run/secrets/db"},
        {"token": "/var/run/secrets/kubernetes.io/serviceaccount/token"},
        {"tokenUrl": "https://idp.acme.com/token"},
        {"token": "github-token"},
        {"credentials": "acme-s3-credentials"},
        {"cors": {"credentials": "include"}},
        {"password": "vault:secret/data/db#password"},
        {"password": "ref+vault://db/password"},
        {"password": "{{ .Values.x }}"},
        {"password": "ENC[AES256_GCM,data:abc]"},
        {"password": "<from the vault>"},
        {"auth": {"password": "random"}},
        {"maxTokens": 4096},
        {"tokenTTL": 3600},
        {"tokenizer": "cl100k_base"},
        {"eosToken": "</s>"},
        {"stopTokens": ["<|end|>"]},
        {"passwordPolicy": "length(12)"},
        {"passwordLength": 24},
        {"forgotPassword": False},
        {"apiKeySecretRef": "acme-llm"},
        {"apiKeyHeader": "X-Api-Key"},
        {"secretStore": {"kind": "ClusterSecretStore", "name": "vault-region1"}},
        {"auth": {"mode": "masterKey"}},
        {"url": "postgres://app@db:5432/app"},
        {"url": "postgres://app:$(DB_PASSWORD)@db:5432/app"},
        {"registry": "oci://registry.acme.com:5000/charts@sha256:0123456789abcdef"},
        {"mail": "ops@acme.com"},
        {"args": ["--password-file=/x", "--disk-image-of-the-second-generation"]},
        {"cert": "-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----\n"},
        {"publicKey": "-----BEGIN PUBLIC KEY-----\nMII\n-----END PUBLIC KEY-----\n"},
        {"sha": "5e884898da28047151d0e56f8dc6292773603d0d6aabbdd62a11ef721d1542d8"},
        {"keys": ["a", "b"], "sortKey": "name", "keyboard": "qwertz"},
        {"bypass": "internal-traffic", "compass": "north"},
    ],
)
def test_what_only_speaks_of_secrets_is_welcome(config: Any) -> None:
    assert found(config) == []


def test_the_place_is_the_keys() -> None:
    (problem,) = found({"domain": "acme.com", "auth": {"password": "hunter2"}})
    assert (problem.place, problem.message) == (
        "applications/web.yaml:15:5",
        "config.auth.password contains a likely secret in plain text",
    )


def test_a_key_that_is_a_secret_is_not_told() -> None:
    (problem,) = found({"tokens": {GITHUB: "x"}})
    assert problem.message == "config.tokens contains a key that is a token of a well-known service in plain text"


@pytest.mark.timeout(10)
@pytest.mark.parametrize(
    "piece", ["://x:", "-eyJ", "-----BEGIN ", "password=", "a", "a-", "SG.", "sk-ant-", " \t", "<", "password = "]
)
def test_no_text_makes_the_search_slow(piece: str) -> None:
    text = piece * (200_000 // len(piece))
    for key in ("note", "token", "secretKey"):
        found({key: text + "!"})


@pytest.mark.parametrize("broken", [None, [], "x", {}, {"spec": None}, {"spec": []}, {"spec": {"config": ["a"]}}])
def test_a_document_of_another_shape_is_somebody_elses_problem(broken: Any) -> None:
    assert list(find_plaintext_secrets(source(broken))) == []


def test_both_are_told_with_everything_else_that_is_wrong() -> None:
    one = application("web", config={"password": "hunter2", "domain": "${D}"}, colour="blue")
    wish, problems = validate(files(one, env=environment(colour="${E}")))
    assert wish is None
    assert sorted(p.code for p in problems) == [
        "PlaintextSecret",
        "UnknownField",
        "UnknownField",
        "UnresolvedPlaceholder",
        "UnresolvedPlaceholder",
    ]
    assert "hunter2" not in str(problems)
