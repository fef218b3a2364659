"""Reading a policy: from text to rules, or to a list of faults with their places."""

from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import Any

from heliostat_core.contracts.policy import Override, PolicyDocument, Rules, RulesOverride, Selector
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from ..errors import InvalidPolicyError, PolicyProblem
from .source import Path, Source

DEFAULT = "default"
"""What the source map calls the default section; no override may have this name."""

_SIZES = frozenset({"storage", "memory"})
_DURATIONS = frozenset({"idle_timeout", "idle_warning"})
_NULLABLE = _DURATIONS
_EXAMPLES = {
    "server_name_length": "20", "named_servers": "5", "idle_timeout": "2h", "idle_warning": "10min", "storage": "2GiB",
    "cpu": "1", "memory": "2GB", "require_enforcement": "false", "launches": "true", "sharing": "true",
    "name": "my-override", "match": "{group: hpc}", "rules": "{memory: 4GB}",
}  # fmt: skip


def read_policy(source: str) -> PolicyDocument:
    """Read a policy from YAML.

    Raises
    ------
    InvalidPolicyError
        It is not a policy; names every fault with line, column, field and remedy.
    """
    text = Source(source)
    problems = list(_bare_sizes(text))
    try:
        document = PolicyDocument.model_validate(text.data, strict=True)
    except ValidationError as error:
        raise InvalidPolicyError([*problems, *(_explain(text, item) for item in error.errors())]) from error
    problems += _judge_overrides(text, document.overrides)
    if problems:
        raise InvalidPolicyError(problems)
    return document


def _bare_sizes(text: Source) -> Iterator[PolicyProblem]:
    # In Python a size is a number of bytes, so the model takes one; in a text nobody can tell bytes from gigabytes.
    for path, rules in _rule_sections(text.data):
        for name in sorted(_SIZES & rules.keys()):
            value = rules[name]
            if isinstance(value, int | float):
                yield text.problem((*path, name), *_say_unit(name, value))


def _rule_sections(data: Any) -> Iterator[tuple[Path, dict[Any, Any]]]:
    if not isinstance(data, dict):
        return
    if isinstance(data.get("default"), dict):
        yield ("default",), data["default"]
    overrides = data.get("overrides")
    for index, override in enumerate(overrides if isinstance(overrides, list) else ()):
        if isinstance(override, dict) and isinstance(override.get("rules"), dict):
            yield ("overrides", index, "rules"), override["rules"]


def _say_unit(name: str, value: Any) -> tuple[str, str]:
    noun = "size" if name in _SIZES else "duration"
    return f"{value!r} is not a {noun}: the unit is missing", f"Write for example '{name}: {_EXAMPLES[name]}'."


def _explain(text: Source, error: ErrorDetails) -> PolicyProblem:
    path = tuple(error["loc"])
    name = str(path[-1]) if path else ""
    match error["type"]:
        case "extra_forbidden":
            return text.problem(path, f"There is no field {name!r} here", _suggest(path), at_key=True)
        case "missing":
            remedy = f"Add '{name}: {_EXAMPLES[name]}', or what you want." if name in _EXAMPLES else f"Add '{name}:'."
            return text.problem(path, f"{name!r} is missing", remedy)
        case "time_delta_type" if isinstance(error["input"], int | float):
            return text.problem(path, *_say_unit(name, error["input"]))
        case _:
            example = f"Write for example '{name}: {_EXAMPLES[name]}'." if name in _EXAMPLES else "See docs/policy.md."
            return text.problem(path, f"{name}: {error['msg'].removeprefix('Value error, ')}", example)


def _suggest(path: Path) -> str:
    known = _known_fields(path)
    close = get_close_matches(str(path[-1]), known, n=1)
    return f"Did you mean {close[0]!r}?" if close else f"Use one of {', '.join(known)}."


def _known_fields(path: Path) -> list[str]:
    match path[:-1]:
        case ("default",):
            model: Any = Rules
        case ("overrides", _):
            model = Override
        case ("overrides", _, "match"):
            model = Selector
        case ("overrides", _, "rules"):
            model = RulesOverride
        case _:
            model = PolicyDocument
    return list(model.model_fields)


def _judge_overrides(text: Source, overrides: Sequence[Override]) -> Iterator[PolicyProblem]:
    names: set[str] = set()
    for index, override in enumerate(overrides):
        path = ("overrides", index)
        if override.name in names:
            yield text.problem((*path, "name"), f"Another override is called {override.name!r}", "Name them apart.")
        if override.name in {"", DEFAULT}:
            message = f"An override cannot be called {override.name!r}"
            yield text.problem((*path, "name"), message, "Say in its name whom it is for.")
        names.add(override.name)
        yield from _judge_selector(text, (*path, "match"), override.match)
        yield from _judge_rules(text, (*path, "rules"), override.rules)


def _judge_selector(text: Source, path: Path, selector: Selector) -> Iterator[PolicyProblem]:
    given = selector.model_dump(exclude_none=True)
    if not given:
        remedy = "Name a user, a group or a repository; what is for everyone belongs into 'default'."
        yield text.problem(path, "This override selects nobody", remedy)
    for name, value in given.items():
        if not value.strip():
            yield text.problem((*path, name), f"{name!r} is empty", f"Write a {name}, or leave the line out.")


def _judge_rules(text: Source, path: Path, rules: RulesOverride) -> Iterator[PolicyProblem]:
    if not rules.model_fields_set:
        yield text.problem(path, "This override replaces no rule", "Name at least one rule, or remove the override.")
    for name in sorted(rules.model_fields_set - _NULLABLE):
        if getattr(rules, name) is None:
            remedy = f"Give it a value, or leave it out to keep the default; {_or(_NULLABLE)} may be null."
            yield text.problem((*path, name), f"{name!r} cannot be null", remedy)


def _or(names: frozenset[str]) -> str:
    return " and ".join(sorted(names))
