"""How the plain client splits an address: ordinary ones by itself, and as the library does."""

import subprocess
import sys
from urllib.parse import quote, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from waagent.system.real.plain import _VISIBLE, split

HOSTS = st.from_regex(r"[A-Za-z0-9._-]{1,12}|\[[0-9a-f:]{2,9}\]|[0-9]{1,3}(\.[0-9]{1,3}){3}", fullmatch=True)
PORTS = st.just("") | st.integers(0, 70000).map(lambda port: f":{port}") | st.sampled_from([":", ":00080", ":x"])
REST = st.text(st.characters(min_codepoint=32, max_codepoint=255, exclude_characters="\r\n\t"), max_size=20)


def by_the_library(url: str) -> tuple[str, int, str]:
    parts = urlsplit(url)
    if parts.scheme.lower() != "http" or not parts.hostname:
        raise ValueError("this is no http address")
    return (
        parts.hostname,
        parts.port or 80,
        quote((parts.path or "/") + (f"?{parts.query}" if parts.query else ""), safe=_VISIBLE),
    )


@given(
    st.sampled_from(["http://", "HTTP://", "https://", "http:/", ""]),
    HOSTS,
    PORTS,
    st.just("") | st.sampled_from("/?#x@"),
    REST,
)
@example("http://", "168.63.129.16", ":32526", "/", "vmSettings")
@example("http://", "10.77.0.1", "", "?", "")
@example("http://", "storage", "", "/", "a%20b?sig=x%2By#part")
@example("http://", "user", "", "@", "host/x")
def test_every_address_is_split_as_the_library_splits_it(scheme: str, host: str, port: str, mark: str, rest: str) -> None:
    url = f"{scheme}{host}{port}{mark}{rest}"
    try:
        wanted = by_the_library(url)
    except ValueError:
        with pytest.raises(ValueError):
            split(url)
    else:
        assert split(url) == wanted


def test_the_library_is_not_loaded_for_ordinary_addresses() -> None:
    program = (
        "import sys; from waagent.system.real.dispatch import RealHttp; from waagent.system.real.plain import split;"
        "split('http://168.63.129.16:32526/status?x=1'); sys.exit('urllib.parse' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], timeout=60, check=False).returncode == 0
