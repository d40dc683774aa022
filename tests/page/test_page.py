"""The page of a running lab in a real browser, used as a person uses it."""

import json
import re
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from fabriclab.cli.main import main

from .conftest import PATIENCE, picture

pytestmark = [pytest.mark.guest, pytest.mark.page, pytest.mark.timeout(180)]
expect.set_options(timeout=PATIENCE)


def extension(page: Page, name: str) -> tuple[Locator, Locator]:
    """Its row, and what can be opened below."""
    return page.locator(f"tr[data-extension='{name}/']"), page.locator(f"tr[data-of='{name}/']")


CONTRAST = """() => {
  const parse = (text) => (text.match(/[\\d.]+/g) ?? []).map(Number);
  const linear = (v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  const light = (colour) => { const [x, y, z] = colour.slice(0, 3).map((v) => linear(v / 255));
    return 0.2126 * x + 0.7152 * y + 0.0722 * z; };
  const behind = (one) => { for (; one; one = one.parentElement) { const c = parse(getComputedStyle(one).backgroundColor);
    if (c.length === 3 || c[3] > 0.5) return c; } return [255, 255, 255]; };
  const poor = [];
  for (const one of document.querySelectorAll("main *, header *")) {
    if (![...one.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim()) || !one.offsetParent) continue;
    const [a, b] = [light(parse(getComputedStyle(one).color)), light(behind(one))].sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) poor.push(`${one.tagName} ${one.className}: ${one.textContent.trim().slice(0, 40)}`);
  }
  return poor; }"""


def test_the_machine_room_is_there_at_a_glance(page: Page) -> None:
    expect(page.locator("#head")).to_contain_text("Ready")
    expect(page.locator("#channels")).to_contain_text("wireserver")
    expect(page.locator("#boot .bar[aria-label^='Ready after']")).to_be_visible()
    expect(page.locator("#timeline li").first).to_be_visible()
    expect(page.locator("#plot-memory canvas")).to_be_visible()
    expect(page.locator("#plot-memory .u-title")).to_contain_text(re.compile(r"memory, MiB \(PSS\): \d"))
    expect(page.locator("#rows tr").first).to_be_visible()


def test_a_person_publishes_an_extension_and_watches_it_succeed(page: Page) -> None:
    form = page.locator("#publish")
    form.locator("[name=name]").fill("Lab.Watched")
    form.locator("[name=public]").fill('{"message": "seen on the page"}')
    form.locator("[name=protected]").fill('{"secret": "not-to-be-seen"}')
    form.get_by_role("button", name="Publish extension").click()
    row, below = extension(page, "Lab.Watched")
    expect(row).to_contain_text("success")
    below.locator("summary").click()
    expect(below.locator("pre.message")).to_contain_text("seen on the page")
    expect(below.locator("pre.output")).to_contain_text("handler.sh enable")
    assert "not-to-be-seen" not in page.content()
    picture(page, "extension")


def test_the_next_sequence_keeps_what_is_protected(page: Page) -> None:
    form = page.locator("#publish")
    form.locator("[name=name]").fill("Lab.Again")
    form.locator("[name=protected]").fill('{"secret": "not-to-be-seen"}')
    form.get_by_role("button", name="Publish extension").click()
    row, below = extension(page, "Lab.Again")
    expect(below).to_contain_text("protected settings: read")
    row.get_by_role("button", name="Next sequence").click()
    expect(row.locator("[data-label=sequence]")).to_have_text("1")
    expect(below).to_contain_text("protected settings: read")


def test_a_handler_of_ones_own_is_published_and_the_agents_log_is_read(page: Page, tmp_path: Path) -> None:
    place = tmp_path / "mine"
    assert main(["ext", "samples", "good", "--write", str(place)]) == 0
    form = page.locator("#publish")
    form.locator("[name=name]").fill("Lab.Mine")
    form.locator("[name=own]").fill(str(place))
    form.get_by_role("button", name="Publish extension").click()
    expect(page.locator("tr[data-extension='Lab.Mine/']")).to_contain_text("success")
    form.locator("[name=own]").fill(str(tmp_path / "none"))
    form.get_by_role("button", name="Publish extension").click()
    expect(form.locator(".error")).to_contain_text("is no directory with a HandlerManifest.json")
    page.get_by_role("tab", name="Agent's log").click()
    expect(page.locator("#said-by-agent")).to_contain_text("Lab.Mine")


def test_a_person_injects_a_storm_and_watches_the_recovery(page: Page) -> None:
    switch = page.get_by_role("switch", name="wire server: 503")
    switch.check()
    expect(page.locator("#rows .pill.bad").filter(has_text="503").first).to_be_visible()
    picture(page, "storm")
    switch.uncheck()
    expect(switch).not_to_be_checked()
    expect(page.locator("[data-channel=wireserver] .struck")).to_contain_text(re.compile(r"\d+ struck"))
    newest = page.locator("#rows tr").filter(has_text="wireserver").first
    expect(newest.locator(".pill.good")).to_be_visible()
    page.get_by_role("button", name="Bump incarnation").click()
    expect(page.locator("#head")).to_contain_text("Ready")


def test_an_exchange_is_seen_whole_without_its_credentials_by_keyboard_alone(page: Page) -> None:
    page.keyboard.press("/")
    page.keyboard.type("extensionsconfig get")
    expect(page.locator("#count")).to_contain_text(" of ")
    page.keyboard.press("Tab")
    for _ in range(12):
        if page.evaluate("document.activeElement.tagName") == "TR":
            break
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#detail")).to_contain_text("StatusUploadBlob")
    assert "REDACTED" in page.locator("#detail").inner_text()
    assert re.search(r"sig=(?!REDACTED)", page.locator("#detail").inner_text()) is None


def test_the_goal_state_is_edited_and_a_mistake_is_named(page: Page) -> None:
    page.get_by_role("tab", name="Goal state").click()
    expect(page.locator("#served")).to_contain_text("<Incarnation>")
    box = page.get_by_label("Wanted extensions")
    box.fill('[{"name": "Lab.Good", "version": "1.0.0", "state": "enabled", "setings": []}]')
    page.get_by_role("button", name="Check and publish").click()
    verdict = page.locator("#want .verdict")
    expect(verdict).to_contain_text("extensions[1].setings: unknown key; did you mean settings?")
    box.fill("[{")  # said while one writes, before anything is published
    expect(verdict).to_contain_text("wanted extensions: no JSON")
    box.fill("[]")
    expect(verdict).to_contain_text("0 extensions, nothing wrong")
    page.get_by_role("button", name="What is wanted now").click()
    given = json.loads(box.input_value())
    changed = {**given[0], "settings": [{"sequence": 7, "public": {"message": "edited"}}]}
    box.fill(json.dumps([changed, *given[1:]]))
    page.get_by_role("button", name="Check and publish").click()
    row, _ = extension(page, given[0]["name"])
    expect(row.locator("[data-label=sequence]")).to_have_text("7")
    expect(row).to_contain_text("success")


def test_the_files_that_the_guest_changed_are_listed(page: Page) -> None:
    page.get_by_role("tab", name="Files of the guest").click()
    expect(page.locator("#files tr[data-path='/var/lib/waagent']")).to_contain_text("added")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_is_legible(browser: Browser, address: str, scheme: str) -> None:
    page = browser.new_page(viewport={"width": 1500, "height": 1400}, color_scheme=scheme)  # type: ignore[arg-type]
    page.goto(address)
    page.locator("#rows tr").first.wait_for()
    page.wait_for_timeout(500)
    picture(page, scheme)
    poor = page.evaluate(CONTRAST)
    page.locator("tr.below summary").first.click()
    page.locator("#own-fault summary").click()
    page.locator("#publish [name=name]").fill("a b")
    page.get_by_role("button", name="Publish extension").click()
    page.locator("#publish .error:not(:empty)").wait_for()
    page.locator("#rows tr").first.click()
    for tab in page.get_by_role("tab").all():
        tab.click()
        page.wait_for_timeout(300)
        poor += page.evaluate(CONTRAST)
    page.close()
    assert poor == []


NAMELESS = """() => [...document.querySelectorAll("button, input, select, textarea, pre, [tabindex]")]
  .filter((one) => one.offsetParent || one.closest("[hidden]"))
  .filter((one) => !(one.textContent.trim() || one.getAttribute("aria-label") || one.labels?.length || one.title))
  .map((one) => one.outerHTML.slice(0, 80))"""
FOCUSED = """() => { const one = document.activeElement;
  return one.id || one.dataset.fault || one.name || one.textContent.trim().slice(0, 30) || one.tagName; }"""


def test_everything_has_a_name_and_a_keyboard_reaches_it(page: Page) -> None:
    assert page.evaluate(NAMELESS) == []
    page.keyboard.press("Tab")
    assert page.evaluate(FOCUSED) == "To the stream of exchanges"
    reached = set()
    for _ in range(90):
        page.keyboard.press("Tab")
        reached.add(page.evaluate(FOCUSED))
    wanted = {
        "timeline",
        "sample",
        "Publish extension",
        "Bump incarnation",
        "Reboot",
        "vm_name",
        "Attach",
        "garbage",
        "Another fault",
    }
    assert wanted | {"tab-stream", "filter", "hold", "detail"} <= reached
    page.locator("#tab-stream").focus()
    for name in ("tab-goal", "tab-tree"):
        page.keyboard.press("ArrowRight")
        assert page.evaluate(FOCUSED) == name
    expect(page.locator("#files tr").first).to_be_visible()
    page.locator("#files tr[tabindex='0']").focus()
    page.keyboard.press("ArrowDown")
    expect(page.locator("#files tr[aria-selected=true]")).to_have_count(1)
    expect(page.locator("#content")).not_to_contain_text("Choose a file")


CUT_OFF = """() => [...document.querySelectorAll("header, section, section table, section form, pre, button, td, th")]
  .filter((one) => one.offsetParent && one.scrollWidth > one.clientWidth + 1 && !one.closest(".scroll"))
  .map((one) => `${one.tagName}.${one.className}#${one.id}: ${one.textContent.slice(0, 40)}`)"""


@pytest.mark.parametrize("size", [(1280, 800), (390, 844)], ids=["1280", "390"])
def test_nothing_is_cut_off(browser: Browser, address: str, size: tuple[int, int]) -> None:
    page = browser.new_page(viewport={"width": size[0], "height": size[1]})
    page.goto(address)
    page.locator("#rows tr").first.wait_for()
    page.locator("tr.below summary").first.click()
    for tab in page.get_by_role("tab").all():
        tab.click()
        wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert (wider, page.evaluate(CUT_OFF)) == (0, []), tab.inner_text()
    page.get_by_role("tab", name="Exchanges").click()
    picture(page, f"width-{size[0]}")
    page.close()


@pytest.mark.parametrize("path", ["state", "stream", "do", ""])
def test_without_the_token_there_is_nothing(address: str, path: str) -> None:
    root = address.rsplit("/", 2)[0]
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{root}/{path}", timeout=10)
    assert refused.value.code == 404


def test_another_host_name_is_refused(address: str) -> None:
    request = urllib.request.Request(address, headers={"Host": "evil.example"})
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=10)
    assert refused.value.code == 400


def test_new_exchanges_do_not_disturb_the_one_that_is_looked_at(page: Page) -> None:
    row = page.locator("#rows tr").nth(2)
    number = row.get_attribute("data-number")
    row.click()
    same = page.locator(f"#rows tr[data-number='{number}']")
    same.evaluate("(one) => (one.marked = true)")
    newest = int(page.locator("#rows tr").first.get_attribute("data-number") or 0)
    expect(page.locator(f"#rows tr[data-number='{newest + 2}']")).to_be_attached()
    assert same.evaluate("(one) => one.marked") and same.get_attribute("aria-selected") == "true"
