"""Scripts and styles of the pages."""

from pathlib import Path
from typing import Any

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from typing_extensions import override

_FOLDER = Path(__file__).parents[1] / "static"


class StaticPages(StaticFiles):
    """Serves the files; browsers ask each time whether they changed, so that modules of two releases never meet."""

    def __init__(self) -> None:
        super().__init__(directory=_FOLDER)

    @override
    def file_response(self, *args: Any, **options: Any) -> Response:
        response = super().file_response(*args, **options)
        response.headers["Cache-Control"] = "no-cache"
        return response
