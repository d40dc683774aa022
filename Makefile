# Everything a newcomer, the continuous integration and a packager run. `make help` lists it.
SHELL := /bin/bash
PYTHON := $(firstword $(wildcard /usr/bin/python3) python3)
BIN := .venv/bin
export PYTHONDONTWRITEBYTECODE := 1

.DEFAULT_GOAL := help
.PHONY: help setup setup-vm test-vm lab test test-more test-slow test-page check format fuzz bench deb rpm selinux wheel portable test-portable sbom places changes reproducible release next docs clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/.ready ## install what the lab and the tests need (Debian packages as root, Python packages into .venv)

.venv/.ready: pyproject.toml packaging/setup-debian.sh
	@bash packaging/setup-debian.sh
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

lab: setup ## run the main job: first boot of a sandbox guest on the embedded fabric
	@$(BIN)/fabriclab run first-boot

# A guest's seconds are real ones: what fails beside other guests is tried once more by itself, and has to pass there. Whole
# files are: the tests of some tell the story of one guest.
FAILED = import json; print(*sorted({name.split("::")[0] for name in json.load(open(".pytest_cache/v/cache/lastfailed"))}))
define tried
$(BIN)/python -m pytest -q $(1) || { echo "once more, by itself: what failed beside others" >&2; \
	$(BIN)/python -m pytest -q $(2) $$($(BIN)/python -c '$(FAILED)'); }
endef

# Where a test runs is said by its mark alone: CONTRIBUTING.md, "A slow test".
QUICK := not slow and not long
SLOW := slow and not long

test: setup check ## all tests but the slow ones: units, contracts, architecture, scenarios in guests
	@$(call tried,-n 2 --dist loadfile -m "$(QUICK)",-m "$(QUICK)")

test-more: setup ## the slow tests, which the continuous integration runs too: packages, Debian's agent, storms, what has to be waited for
	@$(call tried,-n 2 --dist loadfile -m "$(SLOW)",-m "$(SLOW)")

test-slow: setup ## the slow and the long tests, two hours: both agents side by side, every kill point, other roots
	@$(BIN)/python -m pytest -q -m "slow or long"

test-page: setup ## the page of a lab in a real browser (installs chromium as root, and playwright); pictures go to build/page
	@command -v chromium >/dev/null || { apt-get update -qq && apt-get install -qq -y --no-install-recommends chromium >/dev/null; }
	@$(BIN)/python -c 'import playwright' 2>/dev/null || $(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[page]'
	@$(call tried,-m page tests/page,-m page)

setup-vm: setup ## install what virtual machines need besides (QEMU, as root)
	@bash packaging/setup-debian.sh vm

test-vm: VM := tests/vm
test-vm: setup-vm ## the tests in virtual machines: a real kernel, real disks, real boots; most of an hour (VM=tests/vm/test_acceptance.py: one)
	@$(call tried,-m vm $(VM),-m vm)

check: setup ## ruff, mypy --strict, the layer rules, and where packages lay their files
	@$(BIN)/ruff check src tests packaging fuzz setup.py
	@$(BIN)/ruff format --check --quiet src tests packaging fuzz setup.py
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo 2>/dev/null || $(BIN)/lint-imports
	@$(BIN)/python packaging/places.py
	@$(BIN)/python packaging/changes.py check

format: setup ## let ruff put every file in order
	@$(BIN)/ruff check --fix src tests packaging fuzz setup.py
	@$(BIN)/ruff format src tests packaging fuzz setup.py

fuzz: SECONDS := 300
fuzz: setup ## each parser of outside bytes for SECONDS=300: no crash, 1 s, 64 MiB
	@$(BIN)/python -c 'import atheris' 2>/dev/null || $(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[fuzz]'
	@bash fuzz/all.sh $(SECONDS)

bench: setup ## our agent beside Debian's in the same lab: times, memory, requests
	@$(BIN)/fabriclab bench

docs: setup ## write docs/configuration.md, docs/reference.md and docs/json.md anew from what the code declares
	@PYTHONPATH=src $(BIN)/python -c 'from fabriclab.scenario.reference import page; print(page(), end="")' >docs/reference.md
	@PYTHONPATH=src $(BIN)/python -c 'from fabriclab.cli.documents import page; print(page(), end="")' >docs/json.md
	@PYTHONPATH=src $(BIN)/python -c 'from waagent.config.render import docs; print(docs(), end="")' >docs/configuration.md

deb: ## build dist/waagent_<version>_all.deb (installs the Debian build packages as root)
	@bash packaging/deb/build.sh

rpm: setup ## build dist/waagent-<version>-1.*.noarch.rpm for RHEL, Fedora and SUSE, and their source package (RPM=el9: one)
	@bash packaging/rpm/build.sh $(RPM)

portable: setup ## build dist/waagent-<version>-linux-<cpu>.tar.xz with an interpreter of its own, and images for systemd-sysext; a table
	@bash packaging/portable/build.sh
	@$(BIN)/python packaging/portable/measure.py

test-portable: portable ## the tests of those, also in guests without Python
	@$(call tried,-m "not vm" tests/packaging/test_portable.py tests/scenarios/test_portable.py,-m "not vm")

selinux: ## build dist/waagent.pp, the SELinux policy module (installs the compiler of policies as root)
	@bash packaging/selinux/build.sh

wheel: setup ## build the wheel and the source archive, dist/waagent-<version>*
	@bash packaging/wheel.sh

sbom: setup ## describe each artifact in dist: CycloneDX and a list of licences beside it
	@$(BIN)/python packaging/describe.py

places: setup ## list what is in the packages in dist, and write docs/places.md: where each file goes, and what says so
	@$(BIN)/python packaging/listing.py --dist
	@$(BIN)/python packaging/places.py --write

changes: setup ## show how the changes that are not released yet will read
	@$(BIN)/python packaging/changes.py check
	@$(BIN)/towncrier build --draft --version "$$($(BIN)/python packaging/versions.py)" 2>/dev/null

reproducible: setup ## build packages twice, far apart, and compare every byte (KIND="deb rpm": which)
	@$(BIN)/python packaging/reproducible.py $(KIND)

release: setup ## everything that is released, with checksums and changes, from a clean commit (WITHOUT=portable: leave it out)
	@$(BIN)/python packaging/release.py make $(addprefix --without=,$(WITHOUT))

next: setup ## after a release: its changes into docs/changelog.md, and VERSION=3.0.1.0
	@$(BIN)/python packaging/release.py next $(VERSION)

clean: ## remove what the other targets made
	@! test -d .lab || test $$(id -u) = 0 || unshare --user --map-root-user --map-auto rm -rf .lab # roots of user namespaces
	@rm -rf .venv .lab build dist .mypy_cache .ruff_cache .pytest_cache
