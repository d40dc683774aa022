"""Plugins and PluginSettings (codec.requested_plugin): a fault belongs to one handler."""

import json
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import pytest
from hypothesis import given
from hypothesis import strategies as st

from waagent.codec.extensions_config import parse
from waagent.model.extension import RequestedExtension, RequestedHandler, RequestedState
from waagent.model.goal_state import Incarnation

NAME = "Contoso.Lab.Script"
GOOD = '<RuntimeSettings seqNo="3">{"runtimeSettings":[{"handlerSettings":{"publicSettings":{"a":1}}}]}</RuntimeSettings>'
PLUGIN = f'<Plugin name="{NAME}" version="1.0" state="enabled"/>'
NEIGHBOUR = '<Plugin name="Contoso.Lab.Good" version="2.0" state="enabled"/>'
NEIGHBOURS_SETTINGS = f'<Plugin name="Contoso.Lab.Good" version="2.0">{GOOD}</Plugin>'


def entry(content: str, name: str = NAME, version: str = "1.0") -> str:
    return f'<Plugin name="{name}" version="{version}">{content}</Plugin>'


def read(plugin: str = PLUGIN, settings: str = "") -> RequestedHandler:
    """The one handler asked for, beside a neighbour that must never suffer."""
    data = (
        f"<Extensions><Plugins>{plugin}{NEIGHBOUR}</Plugins>"
        f"<PluginSettings>{settings}{NEIGHBOURS_SETTINGS}</PluginSettings></Extensions>"
    )
    handler, neighbour = parse(data.encode(), Incarnation("1")).handlers
    assert neighbour.invalid is None
    assert [each.public_settings for each in neighbour.extensions] == [{"a": 1}]
    return handler


def single(json_text: str, number: str = "3") -> RequestedHandler:
    return read(settings=entry(f'<RuntimeSettings seqNo="{number}">{escape(json_text)}</RuntimeSettings>'))


def settings_json(settings: Any) -> str:
    return json.dumps({"runtimeSettings": [{"handlerSettings": settings}]})


# -- Plugins


@pytest.mark.parametrize("state", list(RequestedState))
def test_the_three_states_are_known(state: RequestedState) -> None:
    found = read(f'<Plugin name="{NAME}" version="1.0" state="{state.value}"/>')
    assert (found.state, found.invalid) == (state, None)


@pytest.mark.parametrize("state", ["", ' state=""', ' state="Enabled"', ' state="paused"', ' state=" enabled"'])
def test_another_state_fails_that_handler_only(state: str) -> None:
    found = read(f'<Plugin name="{NAME}" version="1.0"{state}/>', entry(GOOD))
    assert found.state is None
    assert found.invalid is not None and NAME in found.invalid and "state" in found.invalid
    assert len(found.extensions) == 1  # there is something to report for its sequence number


def test_a_missing_version_fails_that_handler_only() -> None:
    assert "no version" in (read(f'<Plugin name="{NAME}" state="enabled"/>').invalid or "")


def test_a_plugin_without_a_name_is_left_out() -> None:
    data = '<Extensions><Plugins><Plugin version="1.0" state="enabled"/></Plugins></Extensions>'
    assert parse(data.encode(), Incarnation("1")).handlers == ()


def test_addresses_are_the_three_kinds_in_order_without_blanks_and_repetitions() -> None:
    plugin = (
        f'<Plugin name="{NAME}" version="1.0" state="enabled" location=" https://a/ " failoverlocation="">'
        "<additionalLocations><additionalLocation>\nhttps://c/\n</additionalLocation><additionalLocation/>"
        "<additionalLocation>https://a/</additionalLocation></additionalLocations></Plugin>"
    )
    assert read(plugin).manifest_uris == ("https://a/", "https://c/")


@pytest.mark.parametrize("name", ["../../etc/x", "a/b", "a\\b", "a\nb"])
def test_a_name_that_could_leave_its_directory_is_never_run(name: str) -> None:
    attribute = quoteattr(name, {"\n": "&#10;"})
    found = read(f'<Plugin name={attribute} version="1.0" state="enabled"/>')
    assert found.invalid is not None
    assert not set("/\\\n") & set(found.name)


# -- matching


def test_no_settings_at_all_are_legal() -> None:
    found = read()
    assert (found.extensions, found.invalid, found.multi_config) == ((), None, False)


def test_settings_match_ignoring_case_and_the_name_of_plugins_is_reported() -> None:
    found = read(settings=entry(GOOD, name=NAME.upper()))
    assert found.extensions == (RequestedExtension(NAME, 3, public_settings={"a": 1}),)
    assert found.invalid is None


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        (entry(GOOD, version="1.1"), "version 1.1"),
        (entry(GOOD, version="1.0.0"), "version 1.0.0"),
        (entry(GOOD) + entry(GOOD, version="1.1"), "version 1.1"),
        (entry(GOOD) + entry(GOOD), "2 settings entries"),
        (entry(GOOD + '<ExtensionRuntimeSettings seqNo="1" name="a"/>'), "both RuntimeSettings and"),
        (entry(GOOD + GOOD), "2 RuntimeSettings"),
        (entry('<DependsOn dependencyLevel="1"/><DependsOn dependencyLevel="2"/>' + GOOD), "2 DependsOn"),
        (entry('<ExtensionRuntimeSettings seqNo="1">{}</ExtensionRuntimeSettings>'), "has no name"),
        (entry('<DependsOn/><ExtensionRuntimeSettings seqNo="1" name="a">{}</ExtensionRuntimeSettings>'), "DependsOn of"),
        (entry('<ExtensionRuntimeSettings seqNo="1" name="../a">{}</ExtensionRuntimeSettings>'), "no file name"),
        (entry('<ExtensionRuntimeSettings seqNo="1" name="a" state="gone">{}</ExtensionRuntimeSettings>'), "'gone'"),
        (entry(GOOD.replace(' seqNo="3"', "")), "no seqNo"),
        (entry(GOOD.replace("3", "", 1)), "no seqNo"),
        (entry(GOOD.replace("3", "x", 1)), "'x'"),
        (entry(GOOD.replace("3", "1.5", 1)), "'1.5'"),
        (entry(GOOD.replace("3", "-1", 1)), "'-1'"),
    ],
)
def test_each_violation_fails_that_handler_only(settings: str, text: str) -> None:
    found = read(settings=settings)
    assert found.invalid is not None and text in found.invalid
    assert found.invalid.startswith("ExtensionsConfig.xml: PluginSettings/Plugin: ")
    assert (found.extensions, found.state) == ((), RequestedState.ENABLED)


# -- one settings node


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  \n",
        "{",
        "null",
        "[]",
        "5",
        "{}",
        '{"runtimeSettings": null}',
        '{"runtimeSettings": {}}',
        '{"runtimeSettings": [null]}',
        '{"runtimeSettings": [{}]}',
        '{"runtimeSettings": [{"handlerSettings": null}]}',
        '{"runtimeSettings": [{"handlerSettings": []}]}',
        settings_json({"publicSettings": float("nan")}),
        "[" * 5000,
    ],
)
def test_settings_that_cannot_be_read_keep_their_sequence_number_with_three_nulls(text: str) -> None:
    found = single(text)
    assert found.extensions == (RequestedExtension(NAME, 3),)
    assert found.invalid is None


def test_a_settings_node_without_text_keeps_its_sequence_number() -> None:
    assert read(settings=entry('<RuntimeSettings seqNo="7"/>')).extensions == (RequestedExtension(NAME, 7),)


def test_an_empty_array_means_no_settings_and_each_item_is_an_instance() -> None:
    assert single('{"runtimeSettings": []}').extensions == ()
    two = '{"runtimeSettings": [{"handlerSettings": {"publicSettings": 1}}, {"handlerSettings": {"publicSettings": 2}}]}'
    assert [each.public_settings for each in single(two).extensions] == [1, 2]


@pytest.mark.parametrize("value", [None, {}, [], "text", "", 5, {"a": {"b": [None, "é"]}}])
def test_public_settings_are_kept_as_the_value_they_are(value: Any) -> None:
    assert single(settings_json({"publicSettings": value})).extensions[0].public_settings == value


def test_protected_settings_are_kept_as_they_came() -> None:
    (found,) = single(settings_json({"protectedSettings": "MII ==", "protectedSettingsCertThumbprint": "ab"})).extensions
    assert found.protected_settings is not None and found.protected_settings.reveal() == "MII =="
    assert (found.certificate_thumbprint, found.public_settings) == ("ab", None)


@pytest.mark.parametrize("key", ["protectedSettings", "protectedSettingsCertThumbprint"])
@pytest.mark.parametrize("value", [5, {"a": "s3cret"}, ["s3cret"], True])
def test_protected_settings_that_are_no_text_fail_that_handler_only(key: str, value: Any) -> None:
    found = single(settings_json({key: value}))
    assert found.invalid is not None and key in found.invalid and "s3cret" not in found.invalid


@pytest.mark.parametrize("wrap", ["<![CDATA[{}]]>", "<!-- c -->{}<!-- c -->", "  {}\n"])
def test_cdata_and_comments_around_settings_are_accepted(wrap: str) -> None:
    text = wrap.replace("{}", settings_json({"publicSettings": {"a": 1}}))
    (found,) = read(settings=entry(f'<RuntimeSettings seqNo="3">{text}</RuntimeSettings>')).extensions
    assert found.public_settings == {"a": 1}


@pytest.mark.parametrize(
    ("depends", "expected"),
    [
        ("", 0),
        ("<DependsOn/>", 0),
        ('<DependsOn dependencyLevel=""/>', 0),
        ('<DependsOn dependencyLevel="high"/>', 0),
        ('<DependsOn dependencyLevel="-2"/>', 0),
        ('<DependsOn dependencyLevel="2"><DependsOnExtension handler="x"/></DependsOn>', 2),
    ],
)
def test_a_level_that_cannot_be_read_is_zero(depends: str, expected: int) -> None:
    assert read(settings=entry(depends + GOOD)).extensions[0].dependency_level == expected


def test_a_level_without_settings_means_nothing() -> None:
    assert read(settings=entry('<DependsOn dependencyLevel="2"/>')).extensions == ()


def test_instances_of_a_multi_config_handler_have_their_own_name_number_state_and_level() -> None:
    def instance(name: str, number: int, state: str) -> str:
        text = settings_json({"publicSettings": name})
        return f'<ExtensionRuntimeSettings seqNo="{number}" name="{name}"{state}>{text}</ExtensionRuntimeSettings>'

    depends = '<DependsOn dependencyLevel="4" name="b"/><DependsOn dependencyLevel="9" name="nobody"/>'
    instances = instance("a", 1, "") + instance("b", 2, ' state="ENABLED"') + instance("c", 3, ' state="Disabled"')
    found = read(settings=entry(depends + instances))
    assert found.multi_config
    assert found.extensions == (
        RequestedExtension("a", 1, RequestedState.ENABLED, 0, "a"),
        RequestedExtension("b", 2, RequestedState.ENABLED, 4, "b"),
        RequestedExtension("c", 3, RequestedState.DISABLED, 0, "c"),
    )


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=12)


@given(TEXT, st.sampled_from(["1", "", "x", "-1"]), st.sampled_from(["enabled", "", "x"]))
def test_no_text_of_settings_touches_another_handler(text: str, number: str, state: str) -> None:
    plugin = f'<Plugin name="{NAME}" version="1.0" state="{state}"/>'
    legal = escape(text.replace("\ufffe", "").replace("\uffff", ""))
    read(plugin, entry(f'<RuntimeSettings seqNo="{number}">{legal}</RuntimeSettings>'))
