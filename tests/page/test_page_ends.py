"""What the page says when its lab is gone."""

import pytest
from playwright.sync_api import Browser, expect

from .conftest import PATIENCE, running

pytestmark = [pytest.mark.guest, pytest.mark.page, pytest.mark.timeout(180)]
expect.set_options(timeout=PATIENCE)


def test_a_lab_that_has_ended_is_said_and_nothing_fails_on_the_page(browser: Browser) -> None:
    page = browser.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    with running("--agent", "none") as address:
        page.goto(address)
        page.locator("#link.live").wait_for()
        expect(page.locator("#boot")).to_contain_text("No agent has started yet.")
        expect(page.locator("#channels")).to_contain_text("Nobody has asked for anything yet.")
    expect(page.locator("#link")).to_contain_text("the lab does not answer")
    page.get_by_role("tab", name="Agent's log").click()
    expect(page.locator("#said-by-agent")).to_contain_text("the lab does not answer")
    page.get_by_role("button", name="Bump incarnation").click()
    expect(page.locator("#said.shown")).to_contain_text("the lab does not answer")
    page.close()
    assert complaints == []
