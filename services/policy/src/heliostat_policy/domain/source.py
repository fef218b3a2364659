"""YAML text with the place of everything in it, so that a fault can be shown where it is."""

from collections.abc import Iterator, Sequence
from typing import Any

import yaml

from ..errors import InvalidPolicyError, PolicyProblem

Path = Sequence[str | int]

# What PyYAML raises for values whose explicit tag or spelling does not fit (``!!bool x``, a 13th month, 5000 digits).
_CONSTRUCTION_ERRORS = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError)


class Source:
    """A parsed text.

    Raises
    ------
    InvalidPolicyError
        It is not YAML, is empty, or names a key twice.
    """

    def __init__(self, text: str) -> None:
        text = text.removeprefix("\ufeff")  # what editors on Windows write
        try:
            loader = yaml.SafeLoader(text)
        except yaml.reader.ReaderError as error:
            raise _unprintable(text, error) from error
        try:
            node = loader.get_single_node()
            if node is None:
                raise _refuse(1, 1, "The policy is empty", "Write a 'default' section with all rules.")
            duplicates = [self._problem_at(key, message) for key, message in _duplicates(node)]
            if duplicates:
                raise InvalidPolicyError(duplicates)
            self.data: Any = loader.construct_document(node)
        except yaml.MarkedYAMLError as error:
            raise _syntax(error) from error
        except yaml.YAMLError as error:
            raise _refuse(1, 1, f"This is not YAML: {error}", _SYNTAX_REMEDY) from error
        except _CONSTRUCTION_ERRORS as error:
            raise _refuse(1, 1, f"A value cannot be read: {error}", _SYNTAX_REMEDY) from error
        finally:
            loader.dispose()
        self._node: yaml.Node = node

    def problem(self, path: Path, message: str, remedy: str, *, at_key: bool = False) -> PolicyProblem:
        """Describe a fault at a path; where the path is not in the text, at the deepest part of it that is."""
        node = key = self._node
        for part in path:
            found = _child(node, part)
            if found is None:
                break
            key, node = found
        mark = (key if at_key else node).start_mark
        return PolicyProblem(mark.line + 1, mark.column + 1, format_path(path), message, remedy)

    @staticmethod
    def _problem_at(node: yaml.Node, message: str) -> PolicyProblem:
        mark = node.start_mark
        return PolicyProblem(mark.line + 1, mark.column + 1, str(node.value), message, "Keep one of them.")


def format_path(path: Path) -> str:
    """Write a path as people do: ``overrides[0].rules.storage``."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}"
    return text.removeprefix(".")


def _child(node: yaml.Node, part: str | int) -> tuple[yaml.Node, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        return next(((key, value) for key, value in node.value if key.value == part), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part], node.value[part]
    return None


def _duplicates(root: yaml.Node) -> Iterator[tuple[yaml.Node, str]]:
    # Aliases make a graph of the tree, so every node is visited once.
    seen: set[int] = set()
    left = [root]
    while left:
        node = left.pop()
        if id(node) in seen or not isinstance(node, yaml.CollectionNode):
            continue
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            left.extend(node.value)
            continue
        lines: dict[Any, int] = {}
        for key, value in node.value:
            left.append(value)
            if not isinstance(key, yaml.ScalarNode):
                continue
            if key.value in lines:
                yield key, f"{key.value!r} is here a second time; the first is on line {lines[key.value]}"
            lines.setdefault(key.value, key.start_mark.line + 1)


_SYNTAX_REMEDY = "Mend the YAML; deploy/policy/default.yaml is an example."


def _refuse(line: int, column: int, message: str, remedy: str) -> InvalidPolicyError:
    return InvalidPolicyError([PolicyProblem(line, column, "", message, remedy)])


def _syntax(error: yaml.MarkedYAMLError) -> InvalidPolicyError:
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark is not None else (1, 1)
    return _refuse(line, column, f"This is not YAML: {error.problem or error.context}", _SYNTAX_REMEDY)


def _unprintable(text: str, error: yaml.reader.ReaderError) -> InvalidPolicyError:
    before = text[: error.position]
    line, column = before.count("\n") + 1, error.position - before.rfind("\n")
    return _refuse(line, column, f"The character {text[error.position]!r} is not allowed in YAML", "Remove it.")
