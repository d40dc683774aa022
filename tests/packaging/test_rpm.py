"""The rpm of each target: what it needs, holds, starts and replaces, and that rpm, dnf and zypper agree with it.

Built once, all targets. Their systems are not to be had here, so names of packages are compared with a table and resolved
against stand-ins (scenarios/rpm_packages.py); what scriptlets do is seen in guests (scenarios/test_rpm.py).
"""

import hashlib
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest

from scenarios import rpm_packages
from scenarios.rpm_packages import REFERENCE, SYSTEMS

pytestmark = [pytest.mark.slow, pytest.mark.registry, pytest.mark.timeout(600), pytest.mark.xdist_group("rpm")]

PROJECT = Path(__file__).resolve().parents[2]
RPM = PROJECT / "packaging/rpm"


@dataclass(frozen=True)
class Expected:
    """What a target's package is to be, typed from what the systems are known to have."""

    system: tuple[str, str]
    python: str
    package: str
    modules: str
    bundled: bool


EXPECTED = {
    "el8": Expected(("rhel", "8.10"), "/usr/bin/python3.12", "python3.12", "python3.12", True),
    "el9": Expected(("rhel", "9.6"), "/usr/bin/python3.12", "python3.12", "python3.12", True),
    "el10": Expected(("rhel", "10.0"), "/usr/bin/python3", "python3", "python3.12", True),
    "fc43": Expected(("fedora", "43"), "/usr/bin/python3", "python3", "python3.14", False),
    "sle15": Expected(("sles", "15.6"), "/usr/bin/python3.11", "python311", "python3.11", True),
    "suse16": Expected(("opensuse-leap", "16.0"), "/usr/bin/python3", "python3", "python3.13", False),
}
SUSE = ("sle15", "suse16")
DEPENDENCIES = ("--requires", "--provides", "--obsoletes", "--recommends", "--suggests")
RED_HAT = ("systemd_post", "systemd_preun", "systemd_postun_with_restart")
FEDORA = (*RED_HAT, "__python3", "python3_sitelib")
OF_SUSE = ("service_add_pre", "service_add_post", "service_del_preun", "service_del_postun")
SECTIONS = {"description", "prep", "build", "install", "pre", "post", "preun", "postun", "posttrans", "files"}
SECTIONS |= {"license", "doc", "changelog"}


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the sources: what is built and what is compared is one state, whoever edits meanwhile."""
    return rpm_packages.tree(tmp_path_factory.mktemp("sources"))


@pytest.fixture(scope="module")
def files(tree: Path, load_files: Callable[[Path], ModuleType]) -> ModuleType:
    return load_files(tree)


@pytest.fixture(scope="module")
def built(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    rpm_packages.install_tools()
    place = tmp_path_factory.mktemp("rpm") / "dist"
    rpm_packages.build(tree, place)
    return place


@pytest.fixture(scope="module", params=list(EXPECTED))
def target(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def package(built: Path, target: str) -> Path:
    return of(built, target)


@pytest.fixture(scope="module")
def unpacked(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("unpacked")
    content = subprocess.run(["rpm2cpio", str(package)], capture_output=True, timeout=60, check=True).stdout
    subprocess.run(["cpio", "-idm", "--quiet"], cwd=place, input=content, timeout=60, check=True)
    return place


def of(built: Path, target: str) -> Path:
    (found,) = built.glob(f"waagent-*-1.{target}.noarch.rpm")
    return found


def ask(package: Path, *words: str) -> list[str]:
    command = ["rpm", "--query", "--package", *words, str(package)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout.splitlines()


def sorts(package: Path, what: str) -> set[str]:
    """Names of a kind of dependencies, without what rpm asks of itself."""
    return {line for line in ask(package, what) if not line.startswith(("rpmlib(", "config(", "/bin/sh", "waagent "))}


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_it_requires_the_interpreter_and_programs_by_the_targets_names(package: Path, target: str) -> None:
    expected = EXPECTED[target]
    abi = expected.modules.removeprefix("python")
    common = {"ca-certificates", "openssl", "systemd", "util-linux", f"{expected.package} >= 3.10", f"python(abi) = {abi}"}
    own = {"iproute2", "shadow"} if target in SUSE else {"iproute", "shadow-utils"}
    libraries = {
        f"python{abi}dist(crypt-r)",
        f"python{abi}dist(defusedxml) >= 0.7.1",
        f"python{abi}dist(urllib3) >= 1.26.12",
    }
    assert sorts(package, "--requires") == common | own | {expected.python} | (set() if expected.bundled else libraries)


def test_it_takes_the_place_of_the_reference_agent_by_all_its_names(package: Path, target: str) -> None:
    version = ask(package, "--queryformat", "%{VERSION}-%{RELEASE}")[0]
    names = {"WALinuxAgent", "WALinuxAgent-udev"}
    names |= {"python-azure-agent", "python3-azure-agent"} if target in SUSE else set()
    kinds = ("default", "hpc", "micro", "server")
    settings = {f"python-azure-agent-config-{kind}" for kind in kinds} if target in SUSE else set()
    bundled = {f"bundled(python3dist({name})) = {number}" for name, number in vendored().items()}
    assert sorts(package, "--obsoletes") == {f"{name} < {version}" for name in names | settings}
    provided = {f"{name} = {version}" for name in names} | (bundled if EXPECTED[target].bundled else set())
    assert sorts(package, "--provides") == provided


def test_it_brings_the_files_of_the_list_for_its_system_and_no_other(
    unpacked: Path, target: str, files: ModuleType, package: Path
) -> None:
    expected = EXPECTED[target]
    place = f"usr/lib/{expected.modules}/site-packages"
    libraries = "/usr/lib/waagent" if expected.bundled else ""
    known = files.data(*expected.system, python=expected.python, libraries=libraries)
    wanted = {file.place: file for file in (*known, *files.modules(place))}
    for file in wanted.values():
        path = unpacked / file.place
        assert (path.read_bytes(), path.stat().st_mode & 0o7777) == (file.content, file.mode), file.place
    more = {
        "usr/lib/dracut/dracut.conf.d/50-waagent.conf",
        "usr/lib/systemd/system-preset/90-waagent.preset",
        f"usr/share/doc/{'packages/' if target in SUSE else ''}waagent/configuration.md",
        "usr/share/licenses/waagent/LICENSE",
        "usr/share/man/man1/waagent.1.gz",
    }
    found = {str(path.relative_to(unpacked)) for path in unpacked.rglob("*") if path.is_file()}
    assert {path for path in found if not path.startswith("usr/lib/waagent/")} == more | set(wanted)
    assert ask(package, "--configfiles") == ["/etc/logrotate.d/waagent.logrotate", "/etc/waagent.conf"]


def test_its_files_are_listed_for_the_page_of_what_is_laid_where(
    package: Path, target: str, load: Callable[[str], ModuleType]
) -> None:
    known = PROJECT / f"tests/golden/packages/waagent-VERSION-1.{target}.noarch.rpm.txt"
    assert load("listing").lines(package) == known.read_text().splitlines(), "run make rpm places"


def test_unit_and_program_start_the_interpreter_that_it_requires(unpacked: Path, target: str) -> None:
    expected = EXPECTED[target]
    program = (unpacked / "usr/sbin/waagent").read_text()
    assert program.startswith(f"#!{expected.python}\n")
    assert ('sys.path.insert(0, "/usr/lib/waagent")' in program) == expected.bundled
    unit = (unpacked / "usr/lib/systemd/system/waagent.service").read_text()
    assert f"\nExecStart={expected.python} -u /usr/sbin/waagent -daemon\n" in unit


def test_what_is_compiled_on_the_target_belongs_to_the_package(package: Path, target: str) -> None:
    tag = EXPECTED[target].modules.replace("python", "cpython-").replace(".", "")
    flags = [line.split(" ") for line in ask(package, "--queryformat", "[%{FILENAMES} %{FILEFLAGS:fflags}\\n]")]
    ghosts = {path for path, flag in flags if "g" in flag}
    places = [path for path in ask(package, "--list") if path.endswith(".py")]
    assert ghosts == {re.sub(r"/([^/]+)\.py$", rf"/__pycache__/\1.{tag}.pyc", path) for path in places}
    assert len(ghosts) > 100


def test_the_libraries_that_it_bundles_are_those_of_the_table_with_their_licences(
    package: Path, unpacked: Path, target: str
) -> None:
    place = unpacked / "usr/lib/waagent"
    licences = ask(package, "--queryformat", "%{LICENSE}")[0].split(" AND ")
    if not EXPECTED[target].bundled:
        assert (licences, place.exists()) == (["Apache-2.0"], False)
        return
    manifest = json.loads((place / "vendored.json").read_text())
    assert {row["name"]: row["version"] for row in manifest} == vendored()
    assert licences == ["Apache-2.0", *sorted({row["licence"] for row in manifest})]
    for row in manifest:
        (metadata,) = place.glob(f"{row['name']}-{row['version']}.dist-info")
        assert list(metadata.rglob("LICENSE*"))


def test_it_is_described_beside_it(package: Path, target: str) -> None:
    document = json.loads(package.with_name(f"{package.name}.cdx.json").read_text())
    assert document["metadata"]["component"]["hashes"] == [{"alg": "SHA-256", "content": digest(package)}]
    held = {part["name"] for part in document["components"] for row in part["properties"] if row["value"] == "yes"}
    assert held == (set(vendored()) if EXPECTED[target].bundled else set())
    assert EXPECTED[target].package in {part["name"] for part in document["components"]}


def test_the_scriptlets_are_of_a_plain_shell(package: Path) -> None:
    scripts = re.split(r"^\w+ scriptlet \(using /bin/sh\):$", "\n".join(ask(package, "--scripts")), flags=re.MULTILINE)[1:]
    assert len(scripts) == 5
    for script in scripts:
        assert "%{" not in script
        subprocess.run(["sh", "-n"], input=script, text=True, timeout=10, check=True)


def test_two_builds_of_one_state_are_the_same(built: Path, tree: Path, tmp_path: Path) -> None:
    again = tmp_path / "another-folder/dist"
    again.parent.mkdir()
    rpm_packages.build(tree, again, "el9", "fc43")
    first = {path.name: digest(path) for path in again.iterdir()}
    assert len(first) == 9
    assert first == {name: digest(built / name) for name in first}


def test_the_source_package_has_all_that_a_target_is_built_from(built: Path, tmp_path: Path) -> None:
    (source,) = built.glob("*.src.rpm")
    assert ask(source, "--queryformat", "%{LICENSE}") == ["Apache-2.0 AND MIT AND PSF-2.0"]
    macros = {"_topdir": str(tmp_path), "_dbpath": str(tmp_path / "db"), "build_python": "/usr/bin/python3", **defines("el9")}
    words = [word for name, value in macros.items() for word in ("--define", f"{name} {value}")]
    command = ["rpmbuild", "--rebuild", "--nodeps", f"--load={RPM / 'macros.elsewhere'}", *words, str(source)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr
    (again,) = tmp_path.rglob("*.noarch.rpm")
    content = ("--queryformat", "[%{FILENAMES} %{FILEMODES:octal} %{FILEDIGESTS} %{FILEFLAGS:fflags}\n]")
    assert ask(again, *content) == ask(of(built, "el9"), *content)
    assert [sorts(again, what) for what in DEPENDENCIES] == [sorts(of(built, "el9"), what) for what in DEPENDENCIES]


@pytest.mark.parametrize(("name", "wanted"), [("el9", RED_HAT), ("fc43", FEDORA), ("sle15", OF_SUSE)])
def test_a_target_needs_no_other_macros_than_it_has(built: Path, name: str, wanted: tuple[str, ...]) -> None:
    """Without our stand-ins for them, these and no others are left as they are written."""
    words = [word for key, value in defines(name).items() for word in ("--define", f"{key} {value}")]
    command = ["rpmspec", "--parse", *words, str(built.with_name("dist-work") / "waagent.spec")]
    text = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout
    left = set(re.findall(r"%\{?\??!?([a-z_]\w+)", text)) - SECTIONS
    assert left == set(wanted)


def test_rpmlint_has_nothing_to_say_and_every_filter_is_needed(built: Path) -> None:
    packages = [str(of(built, target)) for target in ("el9", "fc43", "sle15")]  # of each sort one
    packages += [str(path) for path in built.glob("*.src.rpm")]
    specification = str(built.with_name("dist-work") / "waagent.spec")
    command = ["rpmlint", "--config", str(RPM / "rpmlint.toml"), *packages, specification]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, "0 errors, 0 warnings" in done.stdout) == (0, True), done.stdout
    plain = subprocess.run(["rpmlint", *packages, specification], capture_output=True, text=True, timeout=120, check=False)
    filters = re.findall(r'^  "(.+)",$', (RPM / "rpmlint.toml").read_text().replace("\\\\", "\\"), re.MULTILINE)
    assert len(filters) > 10
    assert [pattern for pattern in filters if not re.search(pattern, plain.stdout)] == []


def test_a_missing_target_is_named(tmp_path: Path) -> None:
    done = rpm_packages.build(PROJECT, tmp_path / "dist", "el7", check=False)
    assert done.returncode == 2
    assert "no target el7; known are el8, el9, el10, fc43, sle15, suse16" in done.stderr


@pytest.fixture(scope="module")
def repository(package: Path, target: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ours, what the system has, and the reference agent's packages."""
    place = tmp_path_factory.mktemp("repository") / "packages"
    rpm_packages.stand_ins(place, rpm_packages.system(target))
    rpm_packages.reference(place, target)
    shutil.copy(package, place)
    subprocess.run(["createrepo_c", "--quiet", str(place)], check=True, timeout=60)
    return place


def dnf(repository: Path, root: Path, *words: str) -> str:
    root.with_name("log").mkdir(exist_ok=True)
    options = [
        f"--setopt=cachedir={root}-cache",
        f"--setopt=logdir={root.with_name('log')}",
        "--setopt=reposdir=/none",
        "--releasever=1",
    ]
    source = ["--repofrompath", f"here,file://{repository}", "--repo=here", "--nogpgcheck"]
    command = ["dnf", "--installroot", str(root), *options, *source, *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode in (0, 1), done.stderr  # 1 for --assumeno
    return done.stdout + done.stderr


def test_dnf_finds_all_that_it_needs_also_by_the_old_name(repository: Path, target: str, tmp_path: Path) -> None:
    needed = dnf(repository, tmp_path / "root", "--quiet", "repoquery", "--requires", "--resolve", "waagent").split()
    assert {line.rpartition("-")[0].rpartition("-")[0] for line in needed} == {one.name for one in rpm_packages.system(target)}
    for name in ("waagent", REFERENCE[target][0]):
        told = dnf(repository, tmp_path / "root", "--assumeno", "install", name)
        installed = re.findall(r"^ (\S+) +noarch +\S+ +here ", told, re.MULTILINE)
        assert "waagent" in installed and not set(installed) & set(REFERENCE[target]), told


def test_zypper_resolves_it(repository: Path, target: str, tmp_path: Path) -> None:
    if target not in SUSE:
        return
    zypper = ["zypper", "--root", str(tmp_path / "root"), "--non-interactive", "--no-gpg-checks"]
    subprocess.run([*zypper, "addrepo", f"file://{repository}", "here"], check=True, timeout=60, capture_output=True)
    done = subprocess.run([*zypper, "install", "--dry-run", "waagent"], capture_output=True, text=True, timeout=120, check=True)
    (line,) = re.findall(r"NEW packages are going to be installed:\n +(.*)\n", done.stdout)
    assert set(line.split()) == {"waagent", *(one.name for one in rpm_packages.system(target))}


def test_dnf_replaces_the_reference_agent_and_rpm_keeps_what_was_edited(repository: Path, target: str, tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    rpm(root, "-i", *(str(path) for path in repository.glob("*.rpm") if not path.name.startswith("waagent-")))
    edited = root / "etc/waagent.conf"
    edited.write_text(edited.read_text() + "# edited\n")
    told = dnf(repository, root, "--assumeno", "upgrade")
    assert all(re.search(rf"replacing +{name}\.noarch", told) for name in REFERENCE[target]), told
    rpm(root, "-U", str(next(repository.glob("waagent-*.rpm"))))
    names = {line.rsplit("-", 2)[0] for line in rpm(root, "-qa").splitlines()}
    assert names == {"waagent", *(one.name for one in rpm_packages.system(target))}
    assert rpm(root, "-V", "waagent").split()[1:] == ["c", "/etc/waagent.conf"]
    assert edited.read_text().endswith("# edited\n") and edited.with_name("waagent.conf.rpmnew").exists()
    rpm(root, "-e", "waagent")
    left = sorted(str(path.relative_to(root)) for path in root.rglob("*waagent*"))
    assert left == ["etc/waagent.conf.rpmnew", "etc/waagent.conf.rpmsave"]


def rpm(root: Path, *words: str) -> str:
    """Without the scriptlets: there is no shell in this root. Odd: a verification that finds something is status 1."""
    options = ["--noscripts"] if words[0] in ("-i", "-U", "-e") else []
    command = ["rpm", "--root", str(root), *words, *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0 or words[0] == "-V", done.stderr
    return done.stdout


def defines(target: str) -> dict[str, str]:
    """What a target's own macros say, of targets.toml."""
    (row,) = re.findall(rf"^\[{target}\]\nabout = .*\ndefines = {{ (.*) }}$", (RPM / "targets.toml").read_text(), re.MULTILINE)
    return dict(re.findall(r'(\w+) = "([^"]*)"', row))


def vendored() -> dict[str, str]:
    """Names and versions of the libraries that are plain Python, from the table."""
    program = "import json, vendor; print(json.dumps({one.name: one.version for one in vendor.table() if one.form == 'wheel'}))"
    command = [sys.executable, "-B", "-c", program]
    done = subprocess.run(command, cwd=PROJECT / "packaging", capture_output=True, text=True, timeout=60, check=True)
    return dict(json.loads(done.stdout))


def test_every_target_has_a_table_here_and_stand_ins() -> None:
    program = "import build; print(*(target.name for target in build.targets()))"
    command = [sys.executable, "-B", "-c", program]
    done = subprocess.run(command, cwd=RPM, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.split() == list(EXPECTED) == list(SYSTEMS)
