from __future__ import annotations

import pytest

from waagent.system.real.proxy import choose, is_exempt

ENVIRONMENT = {"http_proxy": "http://a:1", "HTTP_PROXY": "http://b:2", "HTTPS_PROXY": "c:3"}


@pytest.mark.parametrize(
    ("scheme", "configured", "expected"),
    [
        ("http", (None, None), "http://a:1"),
        ("https", (None, None), "http://c:3"),
        ("https", ("p", 8080), "http://p:8080"),
        ("http", ("http://p", 8080), "http://p:8080"),
        ("http", ("p", None), None),
        ("http", (None, 8080), "http://a:1"),
    ],
)
def test_the_configuration_beats_the_environment_and_needs_host_and_port(
    scheme: str, configured: tuple[str | None, int | None], expected: str | None
) -> None:
    assert choose(scheme, "h.example", configured, ENVIRONMENT) == expected


def test_no_proxy_is_honoured_for_both() -> None:
    for configured in ((None, None), ("p", 8080)):
        assert choose("http", "h.example", configured, {**ENVIRONMENT, "NO_PROXY": "example"}) is None


def test_without_anything_the_connection_is_direct() -> None:
    assert choose("https", "h", (None, None), {"https_proxy": " "}) is None


@pytest.mark.parametrize(
    ("host", "exemptions", "expected"),
    [
        ("a.blob.example.net", "example.net", True),
        ("a.blob.example.net", ".example.net", True),
        ("a.blob.example.net", "*.Example.NET", True),
        ("example.net", ".example.net", True),
        ("example.net", "example.net:443", True),
        ("badexample.net", "example.net", False),
        ("anything", "*", True),
        ("10.1.2.3", "10.0.0.0/8", True),
        ("10.1.2.3", "10.1.2.3", True),
        ("10.1.2.3", "10.1.2.3:80", True),
        ("10.1.2.3", "10.1.2.4, 10.2.0.0/16", False),
        ("10.1.2.3", "2.3", False),
        ("fe80::1", "fe80::/10", True),
        ("[::1]", "::1", True),
        ("::1", "127.0.0.0/8", False),
        ("h", ",, ,", False),
        ("h", "::/bad,h", True),
        ("h", "", False),
    ],
)
def test_exemptions_are_addresses_networks_names_and_suffixes(host: str, exemptions: str, expected: bool) -> None:
    assert is_exempt(host, exemptions) is expected
