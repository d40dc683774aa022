"""docs/lab.md: its example is a scenario, and it names every key there is."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from fabriclab.documents.ovf import Ovf
from fabriclab.faults import parse
from fabriclab.given import toml
from fabriclab.samples import package
from fabriclab.scenario import document, expectations, packages, steps, table

PAGE = (Path(__file__).resolve().parents[4] / "docs/lab.md").read_text()
PROSE = re.sub(r"```.*?```", "", PAGE, flags=re.DOTALL)
WORDS = set(re.findall(r"[\w-]+", " ".join(re.findall(r"`([^`]+)`", PROSE))))


def test_the_example_is_a_scenario_that_can_be_run() -> None:
    examples = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    assert examples
    for text in examples:
        found = document.parse(table.Table(toml.loads(text), "docs/lab.md"), Path("docs/lab.md"))
        document.demand_expectations(found)


@pytest.mark.parametrize("verb", sorted(steps.VERBS))
def test_every_verb_of_a_step_is_named(verb: str) -> None:
    assert verb in WORDS


@pytest.mark.parametrize("key", sorted([*expectations.READERS, *packages.KINDS, *package.names(), *parse.EFFECTS]))
def test_every_expectation_source_sample_and_fault_is_named(key: str) -> None:
    assert key in WORDS


def test_every_named_element_of_the_ovf_document_exists() -> None:
    section = PAGE.partition("### `[ovf]`")[2].partition("### ")[0]
    named = {word for cell in re.findall(r"^\| ([^|]+) \|", section, re.MULTILINE) for word in re.findall(r"`([a-z_]+)`", cell)}
    own = {"ssh_keys", "custom_text", "nil", "leave_out", "as_is", "raw"}
    assert named - own <= {field.name for field in fields(Ovf)} and own <= named
