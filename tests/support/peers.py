"""The builder and the policy service on loopback, as far as the sessions service calls them."""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote
from uuid import UUID, uuid4

from fastapi import FastAPI, Response
from fastapi.responses import JSONResponse
from heliostat_core.contracts.builds import BuildLinks, BuildRequest, BuildState, BuildView, PlanDecision, PlanView
from heliostat_core.contracts.policy import (
    AdmissionAction,
    AdmissionRequest,
    AdmissionView,
    EffectivePolicyView,
    IdleDecision,
    IdleDecisions,
    IdleFacts,
    IdleRequest,
    Rules,
    UsageView,
)
from heliostat_core.database import Database
from sqlalchemy import text

RULES = Rules(
    server_name_length=20,
    named_servers=5,
    idle_timeout="2h",
    idle_warning="10min",
    storage="2GiB",
    cpu=1,
    memory="2GB",
    require_enforcement=False,
    launches=True,
)


class FakeBuilder:
    """Plans by rule; builds are rows a test finishes."""

    def __init__(self, database: Database) -> None:
        self.app = FastAPI()
        self.decision = PlanDecision.HIT
        self.down = False
        self.plans = 0
        self.builds: list[UUID] = []
        self._database = database
        self.app.get("/services/builder/healthz")(self._get_health)
        self.app.get("/services/builder/api/v1/providers")(_list_providers)
        self.app.post("/services/builder/api/v1/plans")(self._post_plan)
        self.app.post("/services/builder/api/v1/builds")(self._post_build)
        self.app.get("/services/builder/api/v1/providers")(self._list_providers)

    async def write_lines(self, build_id: UUID, *lines: str, first: int = 1) -> None:
        """Write lines of a build's log."""
        statement = text(
            "INSERT INTO build_log_lines (build_id, number, phase, text) VALUES (:id, :number, 'pip', :text)"
        )
        async with self._database.transaction() as connection:
            for number, line in enumerate(lines, start=first):
                await connection.execute(statement, {"id": build_id, "number": number, "text": line})

    async def end(self, build_id: UUID, state: str = "succeeded", failure: str | None = None) -> None:
        """End a build."""
        statement = text("UPDATE builds SET state = :state, failure = CAST(:failure AS jsonb) WHERE id = :id")
        async with self._database.transaction() as connection:
            await connection.execute(statement, {"id": build_id, "state": state, "failure": failure})
        await self._database.notify([f"stream:build-{build_id}", f"log:{build_id}"])

    async def _get_health(self) -> Any:
        return Response(status_code=502) if self.down else {"ok": True}

    async def _post_plan(self, body: BuildRequest) -> Any:
        self.plans += 1
        if self.down:
            return Response(status_code=502)
        error = _find_error(body)
        return self._plan(body) if error is None else JSONResponse(error, status_code=404)

    def _plan(self, body: BuildRequest) -> PlanView:
        if body.spec:
            owner, name, ref = unquote(body.repo).split("/", 2)
            body = body.model_copy(update={"repo": f"{owner}/{name}", "ref": ref, "spec": False})
        repo = body.repo if "://" in body.repo else f"https://git.example/{body.repo}"
        is_commit = len(body.ref) == 40
        commit = body.ref if is_commit else hashlib.sha1(f"{repo}@{body.ref}".encode()).hexdigest()  # noqa: S324 a stand-in
        return PlanView(
            provider=body.provider or "git",
            repo=repo,
            ref=body.ref,
            commit=commit,
            ref_url=f"{repo}/tree/{commit}",
            resolved_spec=f"{body.repo}/{commit}",
            slug=repo.rsplit("/", 1)[-1],
            environment_id="env-1",
            content_id=f"content-{commit[:8]}",
            image_id=f"image-{commit[:8]}",
            image_name=f"gh-demo:image-{commit[:8]}",
            decision=self.decision,
        )

    async def _list_providers(self) -> Any:
        form = {"label": "Any git repository", "placeholder": "https://git.example/name", "urlEncode": True}
        ref = {"enabled": True, "default": "HEAD"}
        return [{"displayName": "Git", "id": "git", "spec": {"validateRegex": ".+"}, "repo": form, "ref": ref}]

    async def _post_build(self, body: BuildRequest) -> Any:
        if self.down:
            return Response(status_code=502)
        plan = self._plan(body)
        known = await self._find_finished(plan.image_id)
        if known is not None:
            return self._view(known, plan, BuildState.SUCCEEDED)
        build_id = uuid4()
        statement = text(
            "INSERT INTO builds (id, image_id, state, repo, plan, requested_by, created_at)"
            " VALUES (:id, :image, 'running', :repo, CAST(:plan AS jsonb), 'sessions', now())"
            " ON CONFLICT (image_id) WHERE state IN ('queued', 'running')"
            " DO UPDATE SET state = excluded.state RETURNING id"
        )
        values = {"id": build_id, "image": plan.image_id, "repo": plan.repo, "plan": plan.model_dump_json()}
        async with self._database.transaction() as connection:
            build_id = (await connection.execute(statement, values)).scalar_one()
        self.builds.append(build_id)
        return self._view(build_id, plan, BuildState.RUNNING)

    async def _find_finished(self, image_id: str) -> UUID | None:
        statement = text("SELECT id FROM builds WHERE image_id = :image AND state = 'succeeded'")
        async with self._database.transaction() as connection:
            return (await connection.execute(statement, {"image": image_id})).scalar_one_or_none()

    def _view(self, build_id: UUID, plan: PlanView, state: BuildState) -> BuildView:
        return BuildView(
            id=build_id,
            state=state,
            plan=plan,
            requested_by="sessions",
            created_at=datetime.now(UTC),
            links=BuildLinks(self="", log=""),
        )


async def _list_providers() -> list[dict[str, Any]]:
    return [
        {
            "displayName": "GitHub",
            "id": "gh",
            "spec": {"validateRegex": "[^/]+/[^/]+/.+"},
            "repo": {"label": "GitHub repository", "placeholder": "owner/name", "urlEncode": False},
            "ref": {"enabled": True, "default": "HEAD"},
        }
    ]


def _find_error(body: BuildRequest) -> dict[str, Any] | None:
    if body.provider not in {None, "gh", "git"}:
        return {"code": "unknown_provider", "message": f"No provider {body.provider!r}", "remedy": "Use gh or git."}
    if body.spec and body.repo.count("/") < 2:
        return {"code": "bad_repository", "message": f"{body.repo!r} is not of the form owner/name/ref"}
    if body.repo.split("/")[0] == "nowhere":
        return {"code": "repository_unknown", "message": "There is no such repository", "field": "repo"}
    if body.repo.endswith(("/main", "/gone")):
        return {"code": "ref_not_found", "message": "There is no such ref", "field": "ref"}
    return None


class FakePolicy:
    """The default rules of names and numbers, and idle verdicts a test decides."""

    def __init__(self) -> None:
        self.app = FastAPI()
        self.down = False
        self.rules = RULES
        self.admissions: list[AdmissionRequest] = []
        self.verdict: Callable[[IdleFacts], str] = lambda _: "keep"
        self.judged: list[IdleFacts] = []
        self.app.get("/services/policy/healthz")(lambda: {"ok": True})
        self.app.post("/services/policy/api/v1/decisions/admission")(self._admit)
        self.app.post("/services/policy/api/v1/decisions/idle")(self._judge)
        self.app.get("/services/policy/api/v1/policy")(self._read)

    async def _read(self, user: str) -> Any:
        usage = UsageView(named_servers=1, named_servers_left=4, servers=["work"])
        return EffectivePolicyView(user=user, policy_version=1, rules=self.rules, source={}, usage=usage)

    async def _admit(self, body: AdmissionRequest) -> Any:
        if self.down:
            return Response(status_code=502)
        self.admissions.append(body)
        name, named = body.server_name or "", [server for server in body.servers if server.name]
        if len(name) > self.rules.server_name_length:
            return self._answer(rule="server_name_length", limit=self.rules.server_name_length, current=len(name))
        if body.action is AdmissionAction.CREATE and name and len(named) >= self.rules.named_servers:
            return self._answer(rule="named_servers", limit=self.rules.named_servers, current=len(named))
        if body.action is AdmissionAction.SHARE and not self.rules.sharing:
            return self._answer(rule="sharing")
        return self._answer()

    def _answer(
        self, *, rule: str | None = None, limit: int | None = None, current: int | None = None
    ) -> AdmissionView:
        return AdmissionView(
            decision_id=uuid4(),
            allowed=rule is None,
            rule=rule,
            policy_version=1,
            message=f"{rule}: {current} of at most {limit}" if rule else "allowed",
            remedy="Delete one." if rule else None,
            field="server_name" if rule else None,
            limit=limit,
            current=current,
            rules=self.rules,
        )

    async def _judge(self, body: IdleRequest) -> Any:
        if self.down:
            return Response(status_code=502)
        if not body.simulate:
            self.judged.extend(body.sessions)
        decisions = [self._decide(facts, record=not body.simulate) for facts in body.sessions]
        return IdleDecisions(policy_version=1, decisions=decisions)

    def _decide(self, facts: IdleFacts, *, record: bool) -> IdleDecision:
        verdict: Any = self.verdict(facts)
        return IdleDecision(
            session_id=facts.session_id,
            verdict=verdict,
            rule="idle_timeout",
            reason=f"idle since {facts.last_activity}",
            stop_at=datetime.now(UTC),
            decision_id=uuid4() if record and verdict != "keep" else None,
        )
