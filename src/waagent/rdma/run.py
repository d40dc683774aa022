"""RDMA from the driver to the address of the device: a conversation with the host, the kernel and time (guest.md 6.6).

It runs once after provisioning, and only where a setting asks for it. Odd: a machine reboots for one reason once: what the
last reboot was for is kept on disk, so that a driver that never loads does not make a machine that never stops booting.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing

from waagent.codec import shared_config
from waagent.config.paths import Paths
from waagent.config.sections import Config
from waagent.guest import platform
from waagent.guest.profile import Guest
from waagent.model.failure import Failure
from waagent.model.network import RdmaAddress
from waagent.rdma import devices, driver, firmware
from waagent.system.apply import apply
from waagent.system.port import System, Watch

DEVICE_PATIENCE = 120.0
CARD_PATIENCE = 60.0
REBOOT_PATIENCE = 600.0
"""Seconds for a reboot to end this program, before the machine is served without RDMA."""
INFINIBAND = "/sys/class/infiniband"


class Rdma:
    """``fetch`` gives SharedConfig as the fabric says it now."""

    def __init__(self, system: System, guest: Guest, config: Config, paths: Paths, fetch: Callable[[], bytes]) -> None:
        self._system = system
        self._guest = guest
        self._config = config
        self._paths = paths
        self._fetch = fetch

    def set_up(self) -> bool:
        """Everything; what goes wrong is logged, and ends nothing else. True where the machine reboots now."""
        try:
            return self._set_up()
        except Failure as failure:
            self._system.log.error(f"RDMA: {failure}")
            return False

    def _set_up(self) -> bool:
        log = self._system.log
        told = firmware.read(self._system)
        version = told.version
        log.info(f"RDMA: the firmware has version {version}" if version else "RDMA: no firmware version is told: SR-IOV")
        if version and self._config.os.check_rdma_driver is not False:
            reason = driver.install(self._system, self._guest, self._config, version)
            if reason is not None:
                return self._reboot(reason)
        address = shared_config.rdma_address(self._fetch())
        if address is None:
            log.info("RDMA: the fabric says no address for a device here")
        elif version:
            self._network_direct(address)
        elif told.cards is not None:
            self._cards(told.cards)
        else:
            self._infiniband(address)
        return False

    # -- NetworkDirect

    def _network_direct(self, address: RdmaAddress) -> None:
        system = self._system
        path = next((one for one in devices.DAT_FILES if system.files.exists(one)), None)
        if path is None:
            system.log.info(f"RDMA: there is none of {', '.join(devices.DAT_FILES)}")
            return
        apply(system, devices.dat(path, system.files.read(path).decode("utf-8", "surrogateescape"), address))
        if self._config.os.check_rdma_driver is not False:
            self._tell_driver(address)
        name = devices.ethernet(system.sockets.interfaces(), address)
        if name is None:
            system.log.error(f"RDMA: no card has the address {address.mac_with_colons}")
            return
        self._up(name, address)

    def _tell_driver(self, address: RdmaAddress) -> None:
        system = self._system
        module = driver.resolved(system)
        system.commands.run(("modprobe", module))
        version = system.commands.run(("modinfo", "-F", "version", module), ok=None).stdout.strip()
        if devices.names_itself(version):
            system.log.info(f"RDMA: {module} {version} takes its address from the host")
            return
        with closing(system.files.watch(("/dev",), writes=False)) as watch:
            there = self._wait(watch, DEVICE_PATIENCE, lambda: system.files.exists(devices.DEVICE))
        if not there:
            raise Failure(f"{devices.DEVICE} did not appear within {DEVICE_PATIENCE:.0f} s")
        apply(system, devices.told(address))

    # -- SR-IOV

    def _cards(self, wanted: tuple[RdmaAddress, ...]) -> None:
        """Cards appear one after the other while a machine boots."""
        sockets, done = self._system.sockets, set[str]()
        if not wanted:
            self._system.log.error(f"RDMA: what the host says in {firmware.CARDS_KEY} makes no sense")

        def all_named() -> bool:
            for name, address in devices.fitting(sockets.interfaces(), wanted).items():
                if address.mac not in done:
                    self._up(name, address)
                    done.add(address.mac)
            return len(done) == len({each.mac for each in wanted})

        with closing(sockets.watch_links()) as watch:
            if not self._wait(watch, CARD_PATIENCE, all_named):
                missing = ", ".join(each.mac_with_colons for each in wanted if each.mac not in done)
                self._system.log.error(f"RDMA: no card has the address {missing}")

    def _infiniband(self, address: RdmaAddress) -> None:
        system = self._system
        with closing(system.sockets.watch_devices()) as watch:
            if not self._wait(watch, DEVICE_PATIENCE, lambda: bool(system.files.names(INFINIBAND))):
                raise Failure(f"no InfiniBand device appeared within {DEVICE_PATIENCE:.0f} s")
        with closing(system.sockets.watch_links()) as watch:
            if not self._wait(watch, CARD_PATIENCE, lambda: self._infiniband_card() is not None):
                raise Failure(f"no InfiniBand interface appeared within {CARD_PATIENCE:.0f} s")
        self._up(self._infiniband_card() or "ib0", address)

    def _infiniband_card(self) -> str | None:
        return next((name for name, _ in self._system.sockets.interfaces() if name.startswith("ib")), None)

    # -- both

    def _up(self, name: str, address: RdmaAddress) -> None:
        apply(self._system, devices.up(name, address, with_ip=self._system.commands.find("ip") is not None))

    def _wait(self, watch: Watch, seconds: float, fits: Callable[[], bool]) -> bool:
        """Whether it fits in time; false too when the program ends."""
        end = self._system.clock.monotonic() + seconds
        while not fits():
            left = end - self._system.clock.monotonic()
            if left <= 0 or not watch.wait(left):
                return False
        return True

    def _reboot(self, reason: str) -> bool:
        """At most one in each boot, and none for what one was done for before: then it is only said that one is needed."""
        system, path = self._system, reboot_note(self._paths)
        boot = platform.boot_id(system)
        before = _read_note(system, path)
        if before.get("boot") == boot or before.get("reason") == reason:
            system.log.error(f"RDMA: a reboot is needed ({reason}), and one was done for RDMA before: none is done now")
            return False
        system.files.write(path, json.dumps({"boot": boot, "reason": reason}).encode(), mode=0o600)
        system.log.phase(f"this machine is rebooted for RDMA: {reason}")
        system.commands.run(("shutdown", "-r", "now"))
        if not system.clock.pause(REBOOT_PATIENCE):
            return True
        system.log.error(f"RDMA: the machine has not rebooted within {REBOOT_PATIENCE:.0f} s; it is served without RDMA")
        return False


def reboot_note(paths: Paths) -> str:
    return f"{paths.lib}/rdma_reboot.json"


def _read_note(system: System, path: str) -> dict[str, str]:
    try:
        note = json.loads(system.files.read_if_there(path, 65536) or b"{}")
    except (Failure, ValueError):
        return {}
    return note if isinstance(note, dict) else {}
