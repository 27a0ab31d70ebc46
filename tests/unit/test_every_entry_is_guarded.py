"""Fragments, dialogs, callbacks and deferred downloads run without the page round them: each asks for the session itself."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "pages"
FOR_CALLBACKS = {"on_click", "on_change", "on_submit", "on_select", "on_dismiss"}
WITHOUT_PAGE = {"fragment", "dialog"}
CHECKS = {"require_session", "current_session", "ended_elsewhere", "still_signed_in", "signed_in"}
# Ways in and out, which are for everybody: they do nothing for whoever has no session.
FOR_EVERYBODY = {"begin_demo", "sign_out"}
# What a visitor sees before there is a session.
BEFORE_SIGN_IN = {"pages/sign_in.py", "pages/shared/popup.py", "pages/shared/local_entry.py"}


@dataclass(frozen=True)
class Entry:
    """A place where a run can begin without the page."""

    where: str
    what: str


class Module:
    """The functions of a file, the names it imports, and where its runs can begin."""

    def __init__(self, path: str, source: str) -> None:
        self.path = path
        self.tree = ast.parse(source)
        self.functions = {n.name: n for n in ast.walk(self.tree) if isinstance(n, ast.FunctionDef)}
        self.made = {
            target.id: node.value
            for node in self.tree.body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        self.imported = {
            name.asname or name.name: (str(node.module), name.name)
            for node in ast.walk(self.tree)
            if isinstance(node, ast.ImportFrom)
            for name in node.names
        }

    def unguarded(self, others: dict[str, "Module"]) -> Iterator[Entry]:
        """Every entry of this file that does not check the session."""
        for function in self.functions.values():
            if any(_name(d) in WITHOUT_PAGE for d in function.decorator_list) and not _checks(function):
                yield Entry(f"{self.path}:{function.lineno}", function.name)
        for call, around in _calls(self.tree):
            for value in _callables_given(call):
                yield from (
                    Entry(f"{self.path}:{call.lineno}", ast.unparse(v))
                    for v in self._meant(value, around)
                    if not self._is_guarded(v, others)
                )

    def _meant(self, value: ast.expr, around: ast.FunctionDef | None) -> list[ast.expr]:
        """The callable itself; of a parameter that is passed on, everything that callers give for it."""
        names = [a.arg for a in (*around.args.args, *around.args.kwonlyargs)] if around else []
        if not isinstance(value, ast.Name) or around is None or value.id not in names:
            return [value]
        place = names.index(value.id)
        given = []
        for call, outer in _calls(self.tree):
            if _name(call.func) == around.name:
                found = [k.value for k in call.keywords if k.arg == value.id] or call.args[place : place + 1]
                given += [meant for each in found for meant in self._meant(each, outer)]
        return given

    def _is_guarded(self, value: ast.expr, others: dict[str, "Module"]) -> bool:
        if isinstance(value, ast.Constant):  # "ignore", "rerun", None, or the bytes themselves
            return True
        if isinstance(value, ast.Call):
            return _name(value.func) == "signed_in" or (
                _name(value.func) == "partial" and self._is_guarded(value.args[0], others)
            )
        name = _name(value)
        if name in FOR_EVERYBODY:
            return True
        module, name = self._home(value, name)
        home = self if module is None else others.get(module)
        if home is None or name not in home.functions:
            made = home.made.get(name) if home else None
            return made is not None and isinstance(made, ast.Call) and _name(made.func) == "signed_in"
        return _checks(home.functions[name])

    def _home(self, value: ast.expr, name: str) -> tuple[str | None, str]:
        if isinstance(value, ast.Attribute) and isinstance(value.value, ast.Name):
            module, inside = self.imported.get(value.value.id, ("", ""))
            return f"{module}.{inside}", name
        return self.imported.get(name, (None, name))


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Call):
        return _name(node.func)
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _checks(function: ast.FunctionDef) -> bool:
    """Whether a function is wrapped in the check, or makes it before anything is decided."""
    if any(_name(decorator) == "signed_in" for decorator in function.decorator_list):
        return True
    return any(isinstance(n, ast.Call) and _name(n.func) in CHECKS for n in ast.walk(function))


def _calls(tree: ast.AST, around: ast.FunctionDef | None = None) -> Iterator[tuple[ast.Call, ast.FunctionDef | None]]:
    for child in ast.iter_child_nodes(tree):
        if isinstance(child, ast.Call):
            yield child, around
        yield from _calls(child, child if isinstance(child, ast.FunctionDef) else around)


def _callables_given(call: ast.Call) -> Iterator[ast.expr]:
    """Callbacks, and the data of a download where it is made only when somebody clicks."""
    yield from (keyword.value for keyword in call.keywords if keyword.arg in FOR_CALLBACKS)
    if _name(call.func) == "download_button":
        data = [keyword.value for keyword in call.keywords if keyword.arg == "data"] or call.args[1:2]
        yield from (value for value in data if isinstance(value, ast.Lambda))


def modules() -> dict[str, Module]:
    paths = sorted(PAGES.rglob("*.py"))
    return {
        ".".join(path.relative_to(ROOT).with_suffix("").parts): Module(
            path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")
        )
        for path in paths
    }


def test_every_run_without_its_page_asks_for_the_session() -> None:
    every = modules()

    found = [e for module in every.values() if module.path not in BEFORE_SIGN_IN for e in module.unguarded(every)]

    assert found == []


HOLES = {
    "a fragment": "@st.fragment(run_every=5)\ndef show():\n    st.write(rows())",
    "a dialog": "@st.dialog('Sell?')\ndef sell():\n    place()",
    "a callback": "def place():\n    send()\nst.button('Go', on_click=place)",
    "a callback by lambda": "st.button('Go', on_click=lambda: place())",
    "a callback of another module": "from pages.orders import place\nst.button('Go', on_click=place)",
    "a callback passed on": "def place(): pass\ndef row(do):\n    st.button('Go', on_click=do)\nrow(place)",
    "a deferred download": "st.download_button('CSV', lambda: trades(), 'a.csv')",
}


@pytest.mark.parametrize("source", HOLES.values(), ids=HOLES.keys())
def test_one_that_does_not_is_found(source: str) -> None:
    assert list(Module("pages/new.py", source).unguarded({}))


GUARDED = {
    "a fragment": "@st.fragment\ndef show():\n    table(require_session())",
    "a callback": "@signed_in\ndef place():\n    send()\nst.button('Go', on_click=place)",
    "a callback passed on": "@signed_in\ndef place(): pass\ndef row(do):\n    st.button('Go', on_click=do)\nrow(place)",
    "a download that is there": "st.download_button('CSV', trades(), 'a.csv', on_click='ignore')",
}


@pytest.mark.parametrize("source", GUARDED.values(), ids=GUARDED.keys())
def test_one_that_does_is_let_be(source: str) -> None:
    assert not list(Module("pages/new.py", source).unguarded({}))
