"""Golden files: read, compare, write again on request; reviewed as a diff."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Golden:
    """The golden files below a folder."""

    root: Path
    update: bool

    def assert_json(self, name: str, value: Any) -> None:
        """Compare a JSON value with a golden file."""
        path = self.root / name
        text = json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
        if self.update:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        assert path.exists(), f"{name} is missing; --update-data writes it"
        assert text == path.read_text(), f"{name} is another; if that is meant, --update-data writes it again"
