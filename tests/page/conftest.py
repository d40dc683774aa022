"""A lab with its page, and a real browser to look at it."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from scenarios import labs

PICTURES = labs.PROJECT / "build" / "page"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
PATIENCE = 60_000  # milliseconds


@contextmanager
def running(*options: str) -> Iterator[str]:
    """`fabriclab up`, as a person starts it; its page's address from what it prints."""
    command = [sys.executable, "-m", "fabriclab.cli.main", "up", "first-boot", *options]
    awaited = "guest up" if "none" in options else "agent started"
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=labs.environment(), cwd=labs.PROJECT, preexec_fn=labs.heed_interrupts
    ) as lab:
        assert lab.stdout is not None
        found, is_up = None, False
        for line in lab.stdout:
            found = found or re.search(r"http://127\.0\.0\.1:\d+/\S+/", line)
            is_up = is_up or awaited in line
            if found is not None and is_up:
                break
        assert found is not None, "fabriclab up has told no address"
        yield found.group()
        lab.send_signal(signal.SIGINT)
        lab.stdout.read()
    assert lab.returncode == 0


@pytest.fixture(scope="session")
def address() -> Iterator[str]:
    """A lab that the tests share."""
    if os.geteuid() != 0:
        pytest.skip("a sandbox guest with drives needs root")
    with running() as found:
        yield found


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.fail("chromium is missing: `make test-page` installs it")
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """The page, open and live. What the browser complains of fails the test; so does anything fetched from elsewhere."""
    page = browser.new_page(viewport={"width": 1500, "height": 1400})
    page.set_default_timeout(PATIENCE)
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" and "400" not in said.text else None)
    page.on("request", lambda one: complaints.append(one.url) if not one.url.startswith(address) else None)
    page.goto(address)
    page.locator("#link.live").wait_for()
    yield page
    page.close()
    assert complaints == []


def picture(page: Page, name: str) -> None:
    """For people: what the page looked like, below build/page."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=PICTURES / f"{name}.png", full_page=True)
