import pytest

from unit.fabric.doubles import Answer, World, answering, serving
from waagent.fabric.exchange import Exchange
from waagent.fabric.hostgaplugin import HostPlugin
from waagent.fabric.package import Default, Packages, Route
from waagent.model.failure import ExchangeFailure, ExtensionFailure, HttpFailure
from waagent.system.port import Request

A, B = "https://laba.blob.example.net/p?sig=aaaa", "https://labb.blob.example.net/p?sig=bbbb"
TARGET = "/var/lib/waagent/Contoso.Lab.Script__2.1.6.zip"
MANIFEST = (
    b"<PluginVersionManifest><Plugins><Plugin><Version>2.1.6</Version><Uris><Uri>https://u/</Uri></Uris></Plugin>"
    b"</Plugins></PluginVersionManifest>"
)


class Bench:
    """Downloads in a world whose direct and host answers are functions of the address."""

    def __init__(self, direct: dict[str, Answer], host: dict[str, Answer] | None = None) -> None:
        self.direct, self.host = direct, host or {}
        self.world = serving(self.answer)
        exchange = Exchange(self.world.system, chance=lambda: 0.5)
        plugin = HostPlugin(exchange, "168.63.129.16", lambda: None)
        plugin.identify("container", "config.name")
        self.changes: list[Route] = []
        self.default = Default(changed=self.changes.append)
        self.packages = Packages(exchange, plugin, self.default, shuffle=lambda uris: None)

    def answer(self, request: Request) -> Answer:
        if request.url.endswith("/versions"):
            return 200, b'["2015-09-01"]'
        if request.url.endswith("/extensionArtifact"):
            return self.host.get(request.headers["x-ms-artifact-location"], 404)
        return self.direct.get(request.url, 404)

    @property
    def asked(self) -> list[str]:
        """Which way each request went, without the version query."""
        requests = [request for request in self.world.http.requests if not request.url.endswith("/versions")]
        return ["host" if request.url.endswith("Artifact") else request.url for request in requests]


def test_a_document_comes_directly_first_and_through_the_proxy() -> None:
    bench = Bench({A: (200, MANIFEST)})
    (version,), _ = bench.packages.version_list([A])
    assert (version.version, version.uris) == ("2.1.6", ("https://u/",))
    assert bench.world.http.requests[0].proxied


def test_when_only_the_host_works_it_becomes_the_default() -> None:
    bench = Bench({}, {A: (200, MANIFEST), B: (200, MANIFEST)})
    bench.packages.version_list([A])
    bench.packages.version_list([B])
    assert bench.asked == [A, "host", "host"]
    assert bench.changes == [Route.HOST]


def test_when_both_channels_fail_the_default_stays_and_the_next_address_is_tried() -> None:
    bench = Bench({B: (200, MANIFEST)})
    bench.packages.version_list([A, B])
    assert bench.asked == [A, "host", B]
    assert bench.default.route is Route.DIRECT


def test_a_manifest_that_does_not_parse_counts_as_a_failed_address() -> None:
    bench = Bench({A: (200, b"<html>"), B: (200, MANIFEST)})
    assert bench.packages.version_list([A, B])[1] == B


def test_a_manifest_from_nowhere_is_the_failure_minus_one_with_every_cause() -> None:
    bench = Bench({})
    with pytest.raises(ExtensionFailure) as caught:
        bench.packages.version_list([A, B])
    assert caught.value.code == -1
    assert len(caught.value.causes) == 2
    assert "aaaa" not in str(caught.value) + bench.world.log.text


def test_a_package_is_streamed_to_a_private_file_and_checked() -> None:
    bench = Bench({A: (200, b"PK" * 500)})
    seen: list[bytes] = []
    used = bench.packages.download([A], TARGET, lambda path: seen.append(bench.world.files.content[path]))
    assert used == A
    assert seen == [b"PK" * 500]
    assert bench.world.files.modes[TARGET] == 0o600


def test_a_corrupt_package_makes_the_next_address_be_tried() -> None:
    bench = Bench({A: (200, b"corrupt"), B: (200, b"good")})

    def accept(path: str) -> None:
        if bench.world.files.content[path] != b"good":
            raise ExtensionFailure("ExtensionError", "not a zip", code=-1)

    assert bench.packages.download([A, B], TARGET, accept) == B
    assert bench.world.files.content[TARGET] == b"good"


def test_a_package_from_nowhere_is_the_failure_1001_and_leaves_no_file() -> None:
    bench = Bench({A: HttpFailure("truncated", "cut")}, {A: 404})
    with pytest.raises(ExtensionFailure) as caught:
        bench.packages.download([A], TARGET, lambda path: None)
    assert caught.value.code == 1001
    assert TARGET not in bench.world.files.content


def test_a_package_without_address_is_a_failure() -> None:
    with pytest.raises(ExtensionFailure, match="no URI"):
        Bench({}).packages.download(["", ""], TARGET, lambda path: None)


def test_a_download_cut_off_begins_anew() -> None:
    world = answering((200, MANIFEST), HttpFailure("truncated", "cut"), (200, b"whole"))
    exchange = Exchange(world.system, chance=lambda: 0.5)
    packages = Packages(exchange, HostPlugin(exchange, "x", lambda: None), shuffle=lambda uris: None)
    packages.version_list([A])
    packages.download([A], TARGET, lambda path: None)
    assert world.files.content[TARGET] == b"whole"


def test_the_host_is_told_the_manifest_of_the_package_and_the_fast_track_mark() -> None:
    bench = Bench({B: (200, MANIFEST)}, {A: (200, b"zip")})
    _, address = bench.packages.version_list([B])
    bench.packages.download([A], TARGET, lambda path: None, address, fast_track=True)
    headers = bench.world.http.requests[-1].headers
    assert headers["x-ms-artifact-manifest-location"] == B
    assert headers["x-ms-verify-from-artifacts-blob"] == "true"


def test_the_profile_never_carries_the_fast_track_mark() -> None:
    bench = Bench({}, {A: (200, b"{}")})
    assert bench.packages.profile(A) == b"{}"
    assert "x-ms-verify-from-artifacts-blob" not in bench.world.http.requests[-1].headers


def test_a_profile_from_nowhere_keeps_both_causes() -> None:
    with pytest.raises(ExchangeFailure) as caught:
        Bench({}).packages.profile(A)
    assert len(caught.value.causes) == 2


def test_after_five_minutes_no_further_address_is_tried() -> None:
    refused = HttpFailure("refused", "x")
    uris = [f"https://x{number}.example.net/" for number in range(20)]
    bench = Bench(dict.fromkeys(uris, refused), dict.fromkeys(uris, refused))
    with pytest.raises(ExtensionFailure) as caught:
        bench.packages.download(uris, TARGET, lambda path: None)
    assert len(caught.value.causes) < len(uris)
    assert "300 s" in str(caught.value.causes[-1])


def test_a_full_disk_is_no_fault_of_the_channel_but_ends_this_address() -> None:
    bench = Bench({A: (200, b"zip")})
    world: World = bench.world

    class Full:
        def write(self, piece: bytes) -> int:
            raise OSError(28, "No space left on device")

        def close(self) -> None:
            pass

    world.files.create = lambda path, mode=0o600: Full()  # type: ignore[method-assign,assignment,return-value]
    with pytest.raises(ExtensionFailure, match="No space left"):
        bench.packages.download([A], TARGET, lambda path: None)
    assert bench.asked == [A]
