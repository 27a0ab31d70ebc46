"""The dependency rule of docs/architecture.md, held over the imports of every file, those inside functions too."""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "allocation"
PAGES = ROOT / "pages"


@dataclass(frozen=True)
class Layer:
    """What belongs together, which other layers it may know, and which libraries."""

    modules: tuple[str, ...]
    knows: tuple[str, ...] = ()
    libraries: tuple[str, ...] = ()


# A module stands in the layer that names it or the package it is in. One that is named nowhere is core, the strictest.
LAYERS = {
    "core": Layer((), knows=("solver", "verify")),
    "verify": Layer(("verify", "checks"), knows=("core",)),
    "solver": Layer(("solver",), knows=("core",), libraries=("numpy", "scipy", "highspy", "numba")),
    "labels": Layer(("labels",), knows=("core", "solver"), libraries=("numpy",)),
    "ports": Layer(("ports", "presence", "brokers", "price_history", "bookkeeping", "linking"), knows=("core",)),
    "story": Layer(
        (
            "accounts",
            "drafting",
            "market",
            "quote_chain",
            "recent_quotes",
            "splits",
            "price_text",
            "allocation",
            "execution",
            "links",
            "linked_holdings",
        ),
        knows=("core", "ports"),
    ),
    "request": Layer(("request",), knows=("core",)),
    "book": Layer(("book",), knows=("core", "solver"), libraries=("numpy", "numba", "pyarrow", "distributed")),
    "presentation": Layer(
        ("report", "figures", "history", "exports"), knows=("core",), libraries=("pandas", "plotly", "openpyxl")
    ),
    "sign_in": Layer(
        ("sign_in", "utils"),
        knows=("core", "ports", "story"),
        libraries=("pydantic", "httpx", "joserfc", "argon2", "segno"),
    ),
    "adapters": Layer(("adapters",), knows=("core", "ports")),
    "settings": Layer(
        ("settings",), knows=("core", "sign_in"), libraries=("pydantic", "pydantic_settings", "platformdirs")
    ),
    "roots": Layer(
        ("bootstrap", "dealing", "working", "upkeep", "support", "users", "__main__", "__init__"),
        knows=(
            "core",
            "verify",
            "ports",
            "story",
            "request",
            "book",
            "presentation",
            "sign_in",
            "adapters",
            "settings",
        ),
    ),
}
# Each adapter may know the one library it exists for.
ADAPTER_LIBRARIES = {
    "adapters.sql": ("sqlalchemy", "alembic"),
    "adapters.yahoo": ("yfinance", "curl_cffi"),
    "adapters.alpaca_data": ("httpx",),
    "adapters.ecb": ("currency_converter",),
    "adapters.exchange_days": ("exchange_calendars", "pandas"),
    "adapters.importers": ("openpyxl",),
    "adapters.aes_vault": ("cryptography",),
    "adapters.key_ring": ("keyring",),
    "adapters.broker_wire": ("httpx",),
    "adapters.etrade": ("oauthlib",),
}
# A plan offers itself as a dictionary, a table and a CSV; it asks `report` for them, and only then.
LAZY_EXCEPTIONS = {("allocation.trade_plan", "allocation.report")}
# What the solver shares with nobody: an error in it must not be able to hide itself from the check.
THE_SOLVERS_SIDE = {"allocation.solver", "allocation.planning", "allocation.plan", "allocation.taxes"}
# What is shown to a visitor who is not signed in yet, and the frame that tells the two apart.


@dataclass(frozen=True)
class Import:
    """One import of one module."""

    importer: str
    imported: str
    lazy: bool

    def __str__(self) -> str:
        return f"{self.importer} imports {self.imported}"


def module_name(path: Path) -> str:
    """`allocation.adapters.sql` for allocation/adapters/sql/__init__.py."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 2 else parts)


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imports_of(path: Path) -> Iterator[Import]:
    """Every import of a file but those for types only."""
    yield from _imports_in(tree_of(path), module_name(path), lazy=False)


def _imports_in(node: ast.AST, importer: str, *, lazy: bool) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import):
            yield from (Import(importer, name.name, lazy) for name in child.names)
        elif isinstance(child, ast.ImportFrom):
            yield from (Import(importer, target, lazy) for target in _targets(child, importer))
        elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        else:
            yield from _imports_in(child, importer, lazy=lazy or isinstance(child, ast.FunctionDef))


def _targets(statement: ast.ImportFrom, importer: str) -> Iterator[str]:
    """The modules of a `from … import …`: `from allocation import desk` names a module, not a value."""
    assert statement.level == 0, f"{importer} imports relatively; write the whole name"
    for name in statement.names:
        whole = f"{statement.module}.{name.name}"
        is_module = (ROOT / Path(*whole.split("."))).with_suffix(".py").exists() or (
            ROOT / Path(*whole.split(".")) / "__init__.py"
        ).exists()
        yield whole if is_module else str(statement.module)


def files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.py"))


def is_in(module: str, room: str) -> bool:
    """Whether a module is the room itself or inside it: `plan_id` is not in `plan`."""
    return module == room or module.startswith(f"{room}.")


def layer_of(module: str) -> str:
    inside = module.removeprefix("allocation").removeprefix(".") or "__init__"
    for name, layer in LAYERS.items():
        if any(is_in(inside, member) for member in layer.modules):
            return name
    return "core"


def libraries_of(module: str) -> tuple[str, ...]:
    inside = module.removeprefix("allocation.")
    own = [libraries for prefix, libraries in ADAPTER_LIBRARIES.items() if inside.startswith(prefix)]
    return own[0] if own else LAYERS[layer_of(module)].libraries


def is_allowed(found: Import) -> bool:
    library = found.imported.split(".")[0]
    if library == "allocation":
        here, there = layer_of(found.importer), layer_of(found.imported)
        excepted = found.lazy and (found.importer, found.imported) in LAZY_EXCEPTIONS
        return excepted or here == there or there in LAYERS[here].knows
    return library in sys.stdlib_module_names or library in libraries_of(found.importer)


def test_every_module_knows_only_what_its_layer_may_know() -> None:
    found = [each for path in files(PACKAGE) for each in imports_of(path)]

    assert len(found) > 100
    assert [str(each) for each in found if not is_allowed(each)] == []


def test_the_package_imports_no_streamlit() -> None:
    found = [each for path in files(PACKAGE) for each in imports_of(path)]

    assert [str(each) for each in found if each.imported.split(".")[0].startswith("streamlit")] == []


def test_the_check_of_a_plan_shares_nothing_with_what_made_it() -> None:
    imported = {
        module_name(path): {each.imported for each in imports_of(path) if not each.lazy} for path in files(PACKAGE)
    }
    reached, waiting = set[str](), {"allocation.verify"}

    while waiting:
        module = waiting.pop()
        reached.add(module)
        waiting |= imported.get(module, set()) - reached

    assert "allocation.rules" in reached
    assert {module for module in reached if any(is_in(module, side) for side in THE_SOLVERS_SIDE)} == set()


def test_only_the_composition_root_names_an_adapter() -> None:
    may = {"allocation.dealing", "allocation.bootstrap", "allocation.upkeep", "allocation.support"}
    outside = [ROOT / "app.py", *files(PAGES), *(p for p in files(PACKAGE) if "adapters" not in p.parts)]
    found = [each for path in outside for each in imports_of(path) if each.imported.startswith("allocation.adapters")]

    assert [str(each) for each in found if each.importer not in may] == []


def begins_with_the_guard(body: list[ast.stmt]) -> bool:
    """Whether the first statement after the docstring asks for the session."""
    statements = [s for s in body if not (isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant))]
    return bool(statements) and "require_session()" in ast.unparse(statements[0])


def deeds(page: ast.Module) -> Iterator[ast.stmt]:
    """The statements by which a page does something: neither imports nor definitions nor constants."""
    for statement in page.body:
        if isinstance(statement, ast.Import | ast.ImportFrom | ast.FunctionDef | ast.ClassDef):
            continue
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
            continue
        if isinstance(statement, ast.Assign | ast.AnnAssign) and "st." not in ast.unparse(statement):
            if "require_session()" in ast.unparse(statement):
                yield statement
            continue
        yield statement


def is_guarded(page: ast.Module) -> bool:
    """Whether the first thing a page does is to ask for the session, itself or as the first act of what it calls."""
    first = next(deeds(page), None)
    if first is None or begins_with_the_guard([first]):
        return first is not None
    called = first.value.func if isinstance(first, ast.Expr) and isinstance(first.value, ast.Call) else None
    own = {f.name: f for f in page.body if isinstance(f, ast.FunctionDef)}
    return isinstance(called, ast.Name) and called.id in own and begins_with_the_guard(own[called.id].body)


@pytest.mark.parametrize(
    "path", [p for p in sorted(PAGES.glob("*.py")) if p.name != "sign_in.py"], ids=lambda p: p.name
)
def test_a_page_first_of_all_asks_for_the_session(path: Path) -> None:
    assert is_guarded(tree_of(path))


@pytest.mark.parametrize(
    ("source", "guarded"),
    [
        ("session = require_session()\nst.title('x')", True),
        ("'''Doc.'''\nimport streamlit as st\nLIMIT = 3\nrequire_session()", True),
        ("def show():\n    '''Doc.'''\n    s = require_session()\nshow()", True),
        ("st.title('x')\nsession = require_session()", False),
        ("title = st.title('x')\nsession = require_session()", False),
        ("def show():\n    st.title('x')\n    require_session()\nshow()", False),
        ("def show():\n    require_session()\nshow", False),
        ("if x:\n    st.title('x')\nrequire_session()", False),
        ("", False),
    ],
)
def test_the_guard_is_recognised(source: str, guarded: bool) -> None:
    assert is_guarded(ast.parse(source)) is guarded
