"""Modules that libraries import for what this agent never does with them: executed by their first use, which does not come.

``dataclasses`` needs ``inspect`` only to describe a class that has no docstring, ``zipfile`` needs ``pathlib`` and ``shutil``
only for other ways of unpacking. With what those bring along they are two megabytes that every VM would keep, and a tenth
of the time that the interpreter takes to start. Odd: ``importlib.util.LazyLoader`` will not do, a second ``import`` of the
module counts as its use; a function ``__getattr__`` in a module (PEP 562) is asked for missing names only.
"""

from __future__ import annotations

import importlib.util
import sys
import threading

NAMES = ("inspect", "pathlib", "shutil")

_lock = threading.RLock()


def postpone(name: str) -> None:
    """Stand in for a module until a name of it is asked for. Nothing happens where it is loaded already, or missing."""
    spec = None if name in sys.modules else importlib.util.find_spec(name)
    if spec is None or spec.loader is None:
        return
    loader = spec.loader
    module = importlib.util.module_from_spec(spec)
    begun = False

    def ask(attribute: str) -> object:
        nonlocal begun
        if attribute.startswith("__"):  # the import system asks for __path__ and the like
            raise AttributeError(attribute)
        with _lock:
            if not begun:
                begun = True
                try:
                    loader.exec_module(module)
                finally:
                    if module.__dict__.get("__getattr__") is ask:
                        del module.__getattr__
        if module.__dict__.get("__getattr__") is ask:  # the module's own execution asks, for what is not there yet
            raise AttributeError(f"module {name!r} has no attribute {attribute!r} yet")
        return getattr(module, attribute)

    module.__getattr__ = ask  # type: ignore[method-assign]
    sys.modules[name] = module
