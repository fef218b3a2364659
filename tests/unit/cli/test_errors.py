import pytest
from heliostat_cli.errors import ExitCode, RefusedError
from heliostat_cli.render.errors import build_error_lines
from heliostat_core.contracts.model import ErrorView


@pytest.mark.parametrize(
    ("status", "code", "exit_code"),
    [
        (401, "unauthenticated", ExitCode.UNREACHABLE),
        (403, "forbidden", ExitCode.UNREACHABLE),
        (403, "named_servers", ExitCode.FAILED),
        (404, "not_found", ExitCode.FAILED),
        (422, "bad_repository", ExitCode.FAILED),
        (500, "internal_error", ExitCode.FAILED),
        (502, "spawn_failed", ExitCode.FAILED),
        (503, "unavailable", ExitCode.UNREACHABLE),
    ],
)
def test_the_exit_code_says_whether_to_sign_in_to_wait_or_to_change_the_request(
    status: int, code: str, exit_code: ExitCode
) -> None:
    assert RefusedError(ErrorView(code=code, message="no"), status=status).exit_code is exit_code


def test_a_refusal_lists_the_servers_and_how_to_delete_one() -> None:
    servers = [
        {"name": "iris", "state": "running", "repo": "https://git.example/iris", "delete": "/x"},
        {"name": "plain", "state": "stopped", "repo": None, "delete": "/y"},
    ]
    details = {"rule": "named_servers", "limit": 5, "current": 5, "servers": servers}
    view = ErrorView(
        code="named_servers", message="You have 5 servers", field="server_name", remedy="Delete one.", details=details
    )
    assert build_error_lines(view) == [
        "You have 5 servers",
        "  Field:   server_name",
        "  Remedy:  Delete one.",
        "  Rule:    named_servers (limit 5, now 5)",
        "Your servers:",
        "  NAME   STATE    REPOSITORY",
        "  iris   running  https://git.example/iris",
        "  plain  stopped",
        "Delete one, with its files:  heliostat sessions delete NAME",
    ]


def test_all_faults_of_a_policy_are_told() -> None:
    problems = [
        {"line": 2, "column": 3, "field": "a", "message": "no such rule", "remedy": "Use b."},
        {"line": 9, "column": 1, "field": "c", "message": "no size", "remedy": "Write 2GiB."},
    ]
    lines = build_error_lines(ErrorView(code="invalid_policy", message="Line 2", details={"problems": problems}))
    assert lines[-2:] == ["  2:3  no such rule. Use b.", "  9:1  no size. Write 2GiB."]


def test_details_of_another_shape_do_no_harm() -> None:
    view = ErrorView(code="x", message="no", details={"servers": "many", "problems": [1], "rule": 7})
    assert build_error_lines(view) == ["no", "  Rule:  7"]
