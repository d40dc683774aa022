"""TLS and proxies, and that nothing of them is there for plain HTTP."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

from unit.system.http_requests import failure_of, get
from unit.system.server import RawServer, always, answer
from waagent.system.port import Request
from waagent.system.real.dispatch import RealHttp

SOURCES = os.pathsep.join([str(Path(__file__).resolve().parents[3] / "src"), os.environ.get("PYTHONPATH", "")])


def test_only_requests_that_say_so_go_through_the_proxy() -> None:
    with RawServer(always(answer(body=b"proxy"))) as proxy, RawServer(always(answer(body=b"direct"))) as server:
        environment = {"http_proxy": proxy.url, "HTTP_PROXY": "http://127.0.0.1:1"}
        http = RealHttp(environment=environment)
        assert http.send(get(server)).body == b"direct"
        assert http.send(get(server, proxied=True)).body == b"proxy"
        assert proxy.requests[0][1].startswith(f"GET {server.url}/x HTTP/1.1\r\n".encode())
        configured = RealHttp(proxy_host="127.0.0.1", proxy_port=proxy.port, environment={"http_proxy": "http://127.0.0.1:1"})
        assert configured.send(get(server, proxied=True)).body == b"proxy"
        exempt = RealHttp(environment={**environment, "no_proxy": "10.0.0.1,127.0.0.0/8"})
        assert exempt.send(get(server, proxied=True)).body == b"direct"
        half = RealHttp(proxy_host="127.0.0.1", environment=environment)
        assert half.send(get(server, proxied=True)).body == b"direct"


def test_https_asks_the_proxy_for_a_tunnel_and_checks_what_it_finds() -> None:
    def script(channel: socket.socket, request: bytes, number: int) -> bool:
        channel.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
        assert channel.recv(65536)  # the client's hello
        channel.sendall(b"this is not TLS at all")
        return True

    with RawServer(script) as proxy:
        http = RealHttp(environment={"https_proxy": f"http://us%65r:word@127.0.0.1:{proxy.port}"})
        assert failure_of(http, Request("GET", "https://storage.example/blob", proxied=True, deadline=5)).kind == "protocol"
    head = proxy.requests[0][1].decode()
    assert head.startswith("CONNECT storage.example:443 HTTP/1.")
    assert "roxy-authorization: basic " in head.lower()


def test_a_tls_handshake_that_hangs_is_a_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"https://127.0.0.1:{listener.getsockname()[1]}/"
        assert failure_of(RealHttp(), Request("GET", url, deadline=0.4)).kind == "timeout"


def test_nothing_heavy_is_imported_for_plain_http() -> None:
    program = """
import sys
from waagent.system.real.dispatch import RealHttp
from waagent.system.port import Request
assert RealHttp().send(Request("GET", sys.argv[1])).body == b"hello"
print(*{"ssl", "urllib3", "http.client", "hashlib", "logging", "email", "encodings.idna"} & set(sys.modules))
"""
    assert run_python(program).strip() == ""


def test_no_tls_context_is_made_for_plain_http_through_urllib3() -> None:
    program = """
import gc, sys
from waagent.system.real.http import UrllibHttp
from waagent.system.port import Request
http = UrllibHttp()
assert not {"ssl", "urllib3", "http.client"} & set(sys.modules), "heavy modules came too early"
assert http.send(Request("GET", sys.argv[1])).body == b"hello"
import ssl
print(*(one for one in gc.get_objects() if isinstance(one, ssl.SSLContext)))
"""
    assert run_python(program).strip() == ""


def run_python(program: str) -> str:
    """What a program of its own prints, given the address of a server."""
    with RawServer(always(answer())) as server:
        done = subprocess.run(
            [sys.executable, "-c", program, server.url], env={"PYTHONPATH": SOURCES}, capture_output=True, text=True, timeout=30
        )
    assert done.returncode == 0, done.stderr
    return done.stdout


TLS_CLIENT = """
import sys
from waagent.model.failure import HttpFailure
from waagent.system.real.dispatch import RealHttp
from waagent.system.real.http import UrllibHttp
from waagent.system.real.plain import ADDRESSES, PlainHttp
from waagent.system.port import Request
http = RealHttp()
for url in sys.argv[1:]:
    try:
        print(http.send(Request("GET", url, deadline=5)).body.decode(), http.connections_made)
    except HttpFailure as failure:
        print(failure.kind, failure.reason.partition(": ")[2])
"""


def test_tls_works_for_names_and_addresses_and_only_with_a_known_certificate(tmp_path: Path) -> None:
    certificate, key = tmp_path / "c.pem", tmp_path / "k.pem"
    request = (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=lab -addext subjectAltName=DNS:localhost,IP:127.0.0.1"
    )
    subprocess.run([*request.split(), "-keyout", key, "-out", certificate], check=True, capture_output=True, timeout=30)
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with RawServer(always(answer()), context) as server:
        address = f"https://127.0.0.1:{server.port}/"
        urls = [address, address, f"https://localhost:{server.port}/"]
        base = {"PYTHONPATH": SOURCES}
        command = [sys.executable, "-c", TLS_CLIENT, *urls]
        trusting = subprocess.run(
            command, env={**base, "SSL_CERT_FILE": str(certificate)}, capture_output=True, text=True, timeout=30
        )
        doubting = subprocess.run(command, env=base, capture_output=True, text=True, timeout=30)
    assert trusting.stdout.splitlines() == ["hello 1", "hello 1", "hello 2"], trusting.stderr
    assert [line.split()[:2] for line in doubting.stdout.splitlines()] == [["protocol", "TLS:"]] * 3, doubting.stderr
