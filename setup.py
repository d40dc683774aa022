"""`python setup.py install` as it was always typed: a thin shim that says what is called now, and calls it.

pip installs the Python package; `waagent -register-service` lays the service's files for this system and enables it. This
file builds nothing and is no part of the build: pip reads pyproject.toml.
"""

import argparse
import os
import subprocess
import sys
import sysconfig

HERE = os.path.dirname(os.path.abspath(__file__))


def parser():
    made = argparse.ArgumentParser(prog="setup.py", description=__doc__.splitlines()[0])
    made.add_argument("command", choices=["install"], help="install the agent from this source tree")
    made.add_argument("--register-service", action="store_true", help="have the service started at boot, too")
    made.add_argument("--force", "-f", action="store_true", help="install again what is installed; put files of others aside")
    made.add_argument("--root", metavar="DIR", help="for packagers: install below this directory, and run nothing")
    made.add_argument("--prefix", metavar="DIR", help="where Python packages go")
    made.add_argument("--lnx-distro", metavar="ID", help="with --root: lay the files of this system")
    made.add_argument("--lnx-distro-version", metavar="VERSION", help="its version")
    made.add_argument("--lnx-distro-fullname", metavar="NAME", help="its full name")
    made.add_argument("--skip-data-files", action="store_true", help="the Python package alone")
    return made


def commands(options):
    """What is called, in its order."""
    pip = [sys.executable, "-m", "pip", "install"]
    # no --force-reinstall: pip always installs a directory anew, and would fetch the libraries anew too, beside the system's
    # without --ignore-installed pip would take the same package out of the Python that stages it
    pip += ["--ignore-installed", "--no-deps", "--root", options.root] if options.root else []
    pip += ["--prefix", options.prefix] if options.prefix else []
    called = [[*pip, HERE]]
    if options.skip_data_files:
        return called
    program = "import sys; from waagent.cli.main import main; sys.exit(main(sys.argv[1:]))"
    verb = [sys.executable, "-c", program, "-register-service"]
    if options.root:
        verb += ["--destdir=" + options.root]
        for name in ("lnx_distro", "lnx_distro_version", "lnx_distro_fullname"):
            if getattr(options, name):
                verb += ["--" + name.replace("_", "-") + "=" + getattr(options, name)]
        called.append(verb)
    elif options.register_service:
        called.append(verb + (["-force"] if options.force else []))
    return called


def closed(options):
    """Whether pip will refuse: the system's own Python belongs to its packages (PEP 668)."""
    own = sys.prefix == sys.base_prefix and not options.root and not options.prefix
    marker = os.path.join(sysconfig.get_path("stdlib"), "EXTERNALLY-MANAGED")
    return own and "PIP_BREAK_SYSTEM_PACKAGES" not in os.environ and os.path.exists(marker)


def main(arguments):
    options = parser().parse_args(arguments)
    if options.lnx_distro and not options.root:
        print("setup.py: --lnx-distro is for another system than this one: it needs --root", file=sys.stderr)
        return 2
    if closed(options):
        typed = " ".join(["setup.py", *arguments])
        print("setup.py: this system's Python is closed to pip. An environment of the agent's own:", file=sys.stderr)
        print(f"  {sys.executable} -m venv /opt/waagent && /opt/waagent/bin/python {typed}", file=sys.stderr)
        print(f"or, beside the system's packages: PIP_BREAK_SYSTEM_PACKAGES=1 {sys.executable} {typed}", file=sys.stderr)
        return 1
    print("setup.py is kept for those who type it: the agent is installed by pip, the service by waagent -register-service.")
    if not options.root and not options.register_service and not options.skip_data_files:
        print("The service is not registered; `waagent -register-service`, or --register-service here, does that.")
    for command in commands(options):
        shown = ["waagent", *command[3:]] if command[1] == "-c" else command
        print("+ " + " ".join(shown), flush=True)
        # a package that stages knows the sources; one that is installed runs as the machine will run it
        environment = dict(os.environ, PYTHONPATH=os.path.join(HERE, "src")) if options.root else None
        status = subprocess.call(command, env=environment)
        if status:
            return status
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
