"""The documents made from the code are those that are committed."""

import json
from pathlib import Path

from heliostat_local.documents import build_configuration_page, build_openapi_documents

DOCS = Path(__file__).parents[3] / "docs"
HINT = "run 'make config-docs' and read the difference"


def test_the_api_descriptions_are_current() -> None:
    for name, document in build_openapi_documents().items():
        committed = json.loads((DOCS / "api" / f"{name}.json").read_text())
        assert committed == json.loads(json.dumps(document)), HINT


def test_the_list_of_settings_is_current() -> None:
    assert (DOCS / "configuration.md").read_text() == build_configuration_page(), HINT
