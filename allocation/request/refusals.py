"""What is wrong with a request, in our sentences: which path, what stands there, what was expected."""

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel, ValidationError

from allocation.errors import AllocationError, NumberError, RequestError
from allocation.money import to_decimal

# A long request may be wrong on every line; the sentences stop here, the culprits do not.
_MOST_SENTENCES = 12

_KINDS = {
    "model_type": "an object in braces",
    "model_attributes_type": "an object in braces",
    "dict_type": "an object in braces",
    "list_type": "a list in brackets",
    "string_type": "text",
}


def refusal(error: ValidationError, model: type[BaseModel], raw: object) -> AllocationError:
    """One error for everything that the validation found."""
    found = error.errors(include_url=False)
    if len(found) == 1 and found[0]["type"] == "number":
        return _number_error(path_of(found[0]["loc"], raw), found[0]["input"], found[0]["ctx"]["expected"])
    schema = model.model_json_schema()
    paths = [path_of(each["loc"], raw) for each in found]
    told = zip(found[:_MOST_SENTENCES], paths, strict=False)
    sentences = dict.fromkeys(_sentence(dict(each), path, schema) for each, path in told)
    more = f" And {len(found) - _MOST_SENTENCES} more." if len(found) > _MOST_SENTENCES else ""
    return RequestError(" ".join(sentences) + more, dict.fromkeys(paths))


def path_of(loc: tuple[int | str, ...], raw: object) -> str:
    """Where in the request: accounts[main].positions[VTI].quantity; list items go by their symbol or id."""
    path = ""
    for part in loc:
        following = _child(raw, part)
        if isinstance(part, int):
            path += f"[{_name_of(following) or part}]"
        else:
            path += f".{_shown_key(part)}" if path else _shown_key(part)
        raw = following
    return path or "the request"


def _sentence(error: dict[str, Any], path: str, schema: dict[str, Any]) -> str:
    kind, found, context = error["type"], error["input"], error.get("ctx", {})
    if kind == "extra_forbidden":
        return f"{path} is not a known key.{_nearest(error['loc'], schema)}"
    if kind == "missing":
        return f"{path} is missing."
    if kind == "number":
        return _number_error(path, found, context["expected"]).message
    if kind == "literal_error":
        return f"{path} is {_shown(found)}; expected {context['expected']}."
    if kind in ("greater_than", "greater_than_equal", "less_than_equal"):
        return f"{path} is {_shown(found)}; it must be {_range(kind, context)}."
    if kind in _KINDS:
        return f"{path} is {_shown(found)}; expected {_KINDS[kind]}."
    return f"{path}: {error['msg']}."


def _range(kind: str, context: Mapping[str, Any]) -> str:
    if kind == "greater_than":
        return f"above {context['gt']}"
    return f"{context['ge']} or more" if kind == "greater_than_equal" else f"{context['le']} or less"


def _number_error(path: str, found: object, expected: str) -> NumberError:
    try:
        to_decimal(found, path)
    except NumberError as error:
        return error
    return NumberError(path, found, expected)


def _nearest(loc: tuple[int | str, ...], schema: dict[str, Any]) -> str:
    known = _keys_at(loc[:-1], schema)
    close = get_close_matches(str(loc[-1]), known, n=1, cutoff=0.5)
    if close:
        return f" Did you mean {close[0]}?"
    return f" Known here: {', '.join(known)}." if known else ""


def _keys_at(loc: tuple[int | str, ...], schema: dict[str, Any]) -> list[str]:
    """The keys that the schema knows at this place."""
    node = schema
    for part in loc:
        node = _resolve(node, schema)
        following = node.get("items") if isinstance(part, int) else node.get("properties", {}).get(part)
        node = following or node.get("additionalProperties") or {}
    return list(_resolve(node, schema).get("properties", {}))


def _resolve(node: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    for candidate in _alternatives(node):
        if "$ref" in candidate:
            definition: dict[str, Any] = schema["$defs"][candidate["$ref"].rsplit("/", 1)[-1]]
            return definition
        if candidate.get("type") in ("object", "array"):
            return candidate
    return node


def _alternatives(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield node
    yield from node.get("anyOf", [])


def _child(raw: object, part: int | str) -> object:
    if isinstance(raw, Mapping):
        return raw.get(part)
    if isinstance(raw, list) and isinstance(part, int) and part < len(raw):
        return raw[part]
    return None


def _name_of(item: object) -> str:
    name = next((item[key] for key in ("symbol", "id") if key in item), "") if isinstance(item, Mapping) else ""
    return _shown_key(name) if isinstance(name, str) else ""


def _shown_key(key: str) -> str:
    return ascii(key[:40])[1:-1]


def _shown(found: object) -> str:
    return repr(found[:40]) if isinstance(found, str) else str(found)[:40]
