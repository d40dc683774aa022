"""What a person does to a running lab with the page: every act of the live control, and what is seen of it."""

import re

import pytest
from playwright.sync_api import Page, expect

from .conftest import PATIENCE, picture

pytestmark = [pytest.mark.guest, pytest.mark.page, pytest.mark.timeout(180)]
expect.set_options(timeout=PATIENCE)


def publish(page: Page, name: str, sample: str = "good", public: str = "{}") -> None:
    form = page.locator("#publish")
    form.locator("[name=sample]").select_option(sample)
    form.locator("[name=name]").fill(name)
    form.locator("[name=public]").fill(public)
    form.get_by_role("button", name="Publish extension").click()


def test_what_was_opened_and_half_written_below_an_extension_outlives_the_next_report(page: Page) -> None:
    publish(page, "Lab.Stays", public='{"message": "first"}')
    row, below = page.locator("tr[data-extension='Lab.Stays/']"), page.locator("tr[data-of='Lab.Stays/']")
    expect(row).to_contain_text("success")
    below.locator("summary").click()
    expect(below.locator("pre.output")).to_contain_text("handler.sh enable")
    below.locator("[name=protected]").fill('{"half": "writ')
    row.get_by_role("button", name="Next sequence").click()
    expect(row.locator("[data-label=sequence]")).to_have_text("1")
    expect(below.locator("pre.output")).to_contain_text("handler.sh enable")
    expect(below.locator("[name=protected]")).to_have_value('{"half": "writ')
    below.get_by_role("button", name="Change settings").click()
    expect(below.locator(".error")).to_contain_text("protected settings: no JSON")
    below.locator("[name=protected]").fill("")
    below.locator("[name=public]").fill('{"message": "second"}')
    below.get_by_role("button", name="Change settings").click()
    expect(below.locator("pre.message")).to_contain_text("second")
    expect(row.locator("[data-label=sequence]")).to_have_text("2")


def test_an_extension_is_updated_disabled_enabled_removed_and_forgotten(page: Page) -> None:
    publish(page, "Lab.Lives")
    row = page.locator("tr[data-extension='Lab.Lives/']")
    expect(row).to_contain_text("success")
    row.get_by_role("button", name="New version").click()
    expect(page.locator("#publish [name=version]")).to_have_value("1.1.0")
    page.get_by_role("button", name="Publish extension").click()
    expect(row.locator("[data-label=handler]")).to_contain_text("1.1.0")
    page.locator("#publish [name=version]").fill("1.0.0")
    row.get_by_role("button", name="Disable").click()
    expect(row.locator("[data-label=handler]")).to_contain_text("NotReady")
    row.get_by_role("button", name="Enable").click()
    expect(row.locator("[data-label=handler]")).to_contain_text(re.compile("^Ready"))
    row.get_by_role("button", name="Remove").click()
    expect(row.locator("[data-label=wanted]")).to_contain_text("uninstall")
    row.get_by_role("button", name="Forget").click()
    expect(row).to_have_count(0)


def test_each_instance_of_a_handler_has_its_own_row_and_output(page: Page) -> None:
    page.get_by_role("tab", name="Any step").click()
    settings = '[{"name": "one", "public": {"a": 1}}, {"name": "two"}]'
    page.locator("#any textarea").fill(
        f'{{"do": "publish", "extension": [{{"sample": "multi", "name": "Lab.Multi", "settings": {settings}}}]}}'
    )
    page.get_by_role("button", name="Do it").click()
    for instance in ("one", "two"):
        expect(page.locator(f"tr[data-extension='Lab.Multi/{instance}']")).to_contain_text("success")
        below = page.locator(f"tr[data-of='Lab.Multi/{instance}']")
        below.locator("summary").click()
        expect(below.locator("pre.output")).to_contain_text("handler.sh enable")
    expect(page.locator("tr[data-of='Lab.Multi/one'] [name=public]")).to_have_value(re.compile('"a": 1'))


def test_a_name_that_is_none_is_said_beside_the_button(page: Page) -> None:
    publish(page, "../../x")
    expect(page.locator("#publish .error")).to_contain_text('"../../x" is no name of an extension')
    page.locator("#publish [name=name]").fill("Lab.Good")
    expect(page.locator("#publish .error")).to_be_empty()


def test_any_fault_is_injected_said_in_words_lifted_and_gone_when_it_is_spent(page: Page) -> None:
    page.locator("#own-fault summary").click()
    form = page.locator("#fault")
    form.locator("[name=effect]").select_option("drop")
    form.locator("[name=service]").select_option("imds")
    form.get_by_role("button", name="Inject").click()
    others = page.locator("#other-faults")
    expect(page.get_by_role("switch", name="metadata: silent")).to_be_checked()
    page.get_by_role("switch", name="metadata: silent").uncheck()
    form.locator("[name=effect]").select_option("status")
    form.locator("[name=code]").fill("410")
    form.locator("[name=service]").select_option("hostplugin")
    form.locator("[name=path]").fill("*/nowhere")
    form.get_by_role("button", name="Inject").click()
    expect(others).to_contain_text("answered 410: host plugin, path */nowhere")
    picture(page, "faults")
    page.get_by_role("button", name="Lift answered 410").click()
    expect(others.locator("li")).to_have_count(0)
    form.locator("[name=path]").fill("")
    form.locator("[name=first]").fill("1")
    form.get_by_role("button", name="Inject").click()
    expect(page.locator("#rows tr").filter(has_text="410").first).to_be_visible()  # the agent asks every few seconds
    expect(others.locator("li")).to_have_count(0)


def test_a_disk_comes_and_goes(page: Page) -> None:
    page.locator("#disk [name=content]").select_option("ext4")
    page.get_by_role("button", name="Attach").click()
    expect(page.get_by_role("button", name="Take out sdc")).to_be_visible()
    expect(page.locator("#disk [name=name]")).to_have_value("sdd")
    command(page, "blkid -o value -s TYPE /dev/sdc1", "ext4")
    page.get_by_role("button", name="Take out sdc").click()
    expect(page.locator("#disks")).to_contain_text("No disk")
    command(page, "ls /dev/sdc", "No such file")


def command(page: Page, text: str, printed: str) -> None:
    page.get_by_role("tab", name="Command").click()
    page.locator("#run input").fill(text)
    page.locator("#run input").press("Enter")
    expect(page.locator("#printed")).to_contain_text(printed)


def test_the_vm_is_renamed_moved_held_and_gets_another_certificate(page: Page) -> None:
    head = page.locator("#head")
    page.locator("#rename input").fill("web-77")
    page.get_by_role("button", name="Rename", exact=True).click()
    expect(head).to_contain_text("web-77")
    expect(page).to_have_title("web-77 – fabriclab")
    page.get_by_role("button", name="Rotate certificate").click()
    expect(head).to_contain_text(re.compile(r"certificate ?tenant-\d+"))
    page.get_by_role("button", name="Hold").click()
    expect(head).to_contain_text("on hold")
    page.get_by_role("button", name="Release").click()
    expect(head).not_to_contain_text("on hold")
    page.get_by_role("button", name="Move (new container)").click()
    expect(page.locator("#timeline")).to_contain_text("ChangeContainer")
    etag = page.locator("#head div").filter(has_text="etag").locator("dd")
    before = int(etag.inner_text())
    page.get_by_role("button", name="Bump etag").click()
    expect(etag).to_have_text(str(before + 1))


def test_a_guest_that_stands_still_is_seen_to_and_goes_on(page: Page) -> None:
    page.get_by_role("button", name="Pause guest").click()
    expect(page.locator("#head")).to_contain_text("stands still")
    expect(page.get_by_role("button", name="Pause guest")).to_be_disabled()
    page.get_by_role("button", name="Resume guest").click()
    expect(page.locator("#head")).not_to_contain_text("stands still")


def test_a_reboot_is_another_chart_and_the_first_one_can_be_looked_at_again(page: Page) -> None:
    page.get_by_role("button", name="Reboot").click()
    expect(page.locator("#which")).to_be_visible()
    expect(page.locator("#head")).to_contain_text("by an earlier start")
    page.locator("#which").select_option("1")
    expect(page.locator("#boot")).to_contain_text("Ready")


def test_what_a_changed_file_holds_is_shown_as_a_difference_without_secrets(page: Page) -> None:
    page.get_by_role("tab", name="Files of the guest").click()
    page.locator("#files tr[data-path='/etc/passwd']").click()
    content = page.locator("#content")
    expect(content).to_contain_text(re.compile(r"^\+\w+:x:", re.MULTILINE))
    page.locator("#files tr[data-path='/etc/passwd']").press("ArrowDown")
    page.locator("#tree-filter").fill("/etc/shadow changed")
    page.locator("#files tr[data-path='/etc/shadow']").click()
    expect(content).to_contain_text("/etc/shadow")
    assert "$6$" not in content.inner_text() and "$y$" not in content.inner_text()
    picture(page, "file")


def test_any_step_is_written_with_its_keys_at_hand(page: Page) -> None:
    page.get_by_role("tab", name="Any step").click()
    page.get_by_label("Verb").select_option("rename")
    expect(page.locator("#verb-about")).to_contain_text("vm_name (text, needed)")
    page.locator("#any textarea").fill('{"do": "renam", "vm_name": "x"}')
    page.get_by_role("button", name="Do it").click()
    expect(page.locator("#any .error")).to_contain_text('"renam" is no verb; did you mean rename')


def test_the_exchanges_are_narrowed_by_a_button(page: Page) -> None:
    page.locator("#quick").get_by_role("button", name="statuses").click()
    expect(page.locator("#count")).to_contain_text(" of ")
    expect(page.locator("#rows tr").first).to_contain_text("status")
    page.locator("#filter").fill("nothing-like-this")
    expect(page.locator("#no-rows")).to_have_text("No exchange fits the filter.")
