"""Compiles the agent, its libraries and as much of CPython's own library as they import: `library.py DEST SOURCE...`.

Run by the interpreter that will load the result, so that the bytecode is its own. Every import statement of the packages below
the SOURCE folders is followed, also those inside functions; what only people and other uses need is cut off by name. DEST gets
`.pyc` files in the places of sources, which need neither the sources nor a cache folder, and the packages' other files.
Standard library only.
"""

import ast
import importlib._bootstrap_external as external
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

STANDARD = Path(os.__file__).parent
ALWAYS = (
    "encodings.ascii", "encodings.utf_8", "encodings.utf_8_sig", "encodings.latin_1", "encodings.utf_16", "encodings.utf_16_le",
    "encodings.utf_16_be", "encodings.utf_32", "encodings.cp437", "encodings.cp1252", "encodings.idna", "encodings.punycode",
    "encodings.unicode_escape", "encodings.raw_unicode_escape", "runpy", "_strptime", "stringprep", "zipfile.__main__",
)  # fmt: skip
"""What is imported by name at run time."""
CUT = {
    "_pydatetime", "_pydecimal", "_pyio", "_py_abc", "asyncio", "code", "codeop", "concurrent", "ctypes", "curses", "dbm",
    "doctest", "ensurepip", "idlelib", "multiprocessing", "nt", "optparse", "pdb", "pstats", "pydoc", "sqlite3", "test",
    "tkinter", "turtle", "unittest", "webbrowser", "xmlrpc",
}  # fmt: skip
"""Never reached by the agent; `ctypes` is built into the interpreter."""


def main() -> None:
    destination = Path(sys.argv[1])
    owned: dict[str, Path] = {}
    for source in map(Path, sys.argv[2:]):
        owned |= dict(_modules(source))
        _copy_data(source, destination)
    for name, path in sorted({**_needed(owned), **owned}.items()):
        _compile(name, path, destination)


def _modules(source: Path) -> Iterator[tuple[str, Path]]:
    for path in sorted(source.rglob("*.py")):
        parts = list(path.relative_to(source).with_suffix("").parts)
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def _copy_data(source: Path, destination: Path) -> None:
    for path in sorted(source.rglob("*")):
        place = destination / path.relative_to(source)
        hidden = any(part == "__pycache__" or part.endswith(".dist-info") for part in path.parts)
        if (
            path.is_file()
            and path.suffix not in (".py", ".pyc", ".pyi")
            and path.name not in ("py.typed", "vendored.json")
            and not hidden
        ):
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, place)


def _needed(owned: dict[str, Path]) -> dict[str, Path]:
    """The modules of the standard library, by name."""
    found: dict[str, Path] = {}
    waiting = [*ALWAYS, *(name for module, path in owned.items() for name in _imported(module, path))]
    while waiting:
        parts = waiting.pop().split(".")
        if parts[0] in CUT:
            continue
        for count in range(1, len(parts) + 1):
            name = ".".join(parts[:count])
            path = _standard(name)
            if path is not None and name not in found:
                found[name] = path
                waiting += _imported(name, path)
    return found


def _standard(name: str) -> Path | None:
    place = STANDARD.joinpath(*name.split("."))
    return next((path for path in (place / "__init__.py", place.with_name(place.name + ".py")) if path.is_file()), None)


def _imported(module: str, path: Path) -> Iterator[str]:
    package = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield from (f"{base}.{alias.name}" for alias in node.names)


def _compile(name: str, path: Path, destination: Path) -> None:
    """Without the path and the time of the source."""
    inside = Path(*name.split("."))
    place = (inside / "__init__.pyc") if path.name == "__init__.py" else inside.with_suffix(".pyc")
    shown = f"<waagent>/{inside}.py"
    code = compile(_Undocumented().visit(ast.parse(path.read_bytes())), shown, "exec", dont_inherit=True, optimize=0)
    (destination / place).parent.mkdir(parents=True, exist_ok=True)
    (destination / place).write_bytes(external._code_to_hash_pyc(code, b"\0" * 8, checked=False))


class _Undocumented(ast.NodeTransformer):
    """Docstrings go, assertions stay. A class keeps one letter: a dataclass without makes itself a docstring at every start."""

    def visit_Module(self, node: ast.Module) -> ast.AST:
        return self._bare(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return self._bare(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        return self._bare(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        self._bare(node)
        if any("dataclass" in ast.unparse(decorator) for decorator in node.decorator_list):
            node.body.insert(0, ast.copy_location(ast.Expr(ast.copy_location(ast.Constant("."), node.body[0])), node.body[0]))
        return node

    def _bare(self, node: ast.Module | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> ast.AST:
        first = node.body[0] if node.body else None
        if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str):
            node.body[:1] = [] if len(node.body) > 1 else [ast.copy_location(ast.Pass(), first)]
        return self.generic_visit(node)


main()
