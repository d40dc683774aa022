"""What a provisioning document asks for and cannot get, found before anything is changed or waited for (guest.md 1.4).

The fabric shows the failure to people who see the document by its elements, so each objection names one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from waagent.config.sections import Config
from waagent.guest import accounts, hostname, ssh
from waagent.guest.accounts import Account
from waagent.model.failure import ProvisionFailure
from waagent.model.ovf import OvfEnvironment
from waagent.provision import customdata, keys
from waagent.system.port import System

PASSWORD_LIMIT = 511
"""Bytes that crypt(3) takes."""


def check(system: System, config: Config, ovf: OvfEnvironment) -> None:
    """Errors: ``ProvisionFailure`` whose reason begins with the element's name."""
    with _element("HostName"):
        hostname.check_name(ovf.host_name)
    with _element("UserName"):
        user = accounts.find(system, ovf.user_name)
    if ovf.user_password and len(ovf.user_password.reveal().encode("utf-8", "replace")) > PASSWORD_LIMIT:
        raise ProvisionFailure(f"UserPassword: it is longer than {PASSWORD_LIMIT} bytes, which crypt(3) does not take")
    _check_keys(config, ovf, user)
    if ovf.custom_data and (config.provisioning.execute_custom_data or config.provisioning.decode_custom_data):
        customdata.decode(ovf.custom_data)


def _check_keys(config: Config, ovf: OvfEnvironment, user: Account | None) -> None:
    for number, key in enumerate(ovf.public_keys, 1):
        with _element(f"PublicKey {number}"):
            keys.resolve(key.path, ovf.user_name, config.os.home_dir, user)
            if key.value and not ssh.is_public_key(ssh.clean_key(key.value)):
                raise ProvisionFailure("its Value is not an OpenSSH public key")
            if not key.value and not key.fingerprint:
                raise ProvisionFailure("it has neither Value nor Fingerprint")
    for number, pair in enumerate(ovf.key_pairs, 1):
        with _element(f"KeyPair {number}"):
            keys.resolve(pair.path, ovf.user_name, config.os.home_dir, user)
            if not pair.fingerprint:
                raise ProvisionFailure("it has no Fingerprint")


@contextmanager
def _element(name: str) -> Iterator[None]:
    try:
        yield
    except ProvisionFailure as failure:
        raise ProvisionFailure(f"{name}: {failure.reason}", hint=failure.hint, facts=failure.facts) from failure
