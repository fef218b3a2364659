"""An OpenID Connect provider on loopback: discovery, authorization code with PKCE, refresh tokens, userinfo.

It signs the one person in who is set, without a page; and it insists on everything a careful provider insists on.
"""

import base64
import contextlib
import hashlib
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from typing import Annotated, Any
from urllib.parse import parse_qsl

import uvicorn
from fastapi import Depends, FastAPI, Header, HTTPException, Request
from fastapi.responses import RedirectResponse

CLIENT_ID = "heliostat"
CLIENT_SECRET = "secret-of-the-client"


class OidcProvider:
    """One issuer with one client."""

    def __init__(self) -> None:
        self.claims: dict[str, Any] = {}
        self.refreshes = 0
        self._codes: dict[str, tuple[str, str, dict[str, Any]]] = {}
        self._sessions: dict[str, dict[str, Any]] = {}
        self._access: dict[str, str] = {}
        self._down = False
        app = FastAPI(dependencies=[Depends(self._fail_while_down)])
        app.get("/realm/.well-known/openid-configuration")(self._describe)
        app.get("/realm/authorize")(self._authorize)
        app.post("/realm/token")(self._give_tokens)
        app.get("/realm/userinfo")(self._tell)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.issuer = f"http://127.0.0.1:{self._listener.getsockname()[1]}/realm"
        self._server = uvicorn.Server(uvicorn.Config(app, log_config=None))

    @contextlib.contextmanager
    def running(self) -> Iterator["OidcProvider"]:
        thread = threading.Thread(target=self._server.run, args=([self._listener],), name="provider")
        thread.start()
        while not self._server.started:
            time.sleep(0.01)
        try:
            yield self
        finally:
            self._server.should_exit = True
            thread.join()
            self._listener.close()

    @contextlib.contextmanager
    def away(self) -> Iterator[None]:
        """Answer nothing but errors for a while, as the proxy before a provider that is down."""
        self._down = True
        try:
            yield
        finally:
            self._down = False

    def expire_access(self) -> None:
        """Let every access token expire; refresh tokens go on."""
        self._access.clear()

    def end_sessions(self) -> None:
        """End everybody's session, as locking an account does."""
        self._access.clear()
        self._sessions.clear()

    def _fail_while_down(self) -> None:
        if self._down:
            raise HTTPException(502)

    def _describe(self) -> dict[str, str]:
        endpoints = {name: f"{self.issuer}/{name}" for name in ("authorize", "token", "userinfo")}
        return {
            "issuer": self.issuer,
            "authorization_endpoint": endpoints["authorize"],
            "token_endpoint": endpoints["token"],
            "userinfo_endpoint": endpoints["userinfo"],
        }

    def _authorize(
        self,
        client_id: str,
        redirect_uri: str,
        response_type: str,
        state: str,
        scope: str,
        code_challenge: str,
        code_challenge_method: str,
    ) -> RedirectResponse:
        if (client_id, response_type, code_challenge_method) != (CLIENT_ID, "code", "S256"):
            raise HTTPException(400)
        if "openid" not in scope.split():
            raise HTTPException(400)
        code = secrets.token_urlsafe()
        self._codes[code] = (code_challenge, redirect_uri, self.claims)
        return RedirectResponse(f"{redirect_uri}?code={code}&state={state}", status_code=302)

    async def _give_tokens(self, request: Request) -> dict[str, Any]:
        form = dict(parse_qsl((await request.body()).decode()))
        if (form.get("client_id"), form.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
            raise HTTPException(401)
        session = self._redeem(form) if form["grant_type"] == "authorization_code" else self._continue(form)
        access_token = secrets.token_urlsafe()
        self._access[access_token] = session
        return {"access_token": access_token, "token_type": "Bearer", "refresh_token": session, "expires_in": 60}

    def _redeem(self, form: dict[str, str]) -> str:
        challenge, redirect_uri, claims = self._codes.pop(form["code"])
        digest = hashlib.sha256(form["code_verifier"].encode()).digest()
        fits = base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == challenge
        if not fits or form["redirect_uri"] != redirect_uri:
            raise HTTPException(400)
        session = secrets.token_urlsafe()
        self._sessions[session] = claims
        return session

    def _continue(self, form: dict[str, str]) -> str:
        if form["refresh_token"] not in self._sessions:
            raise HTTPException(400)
        self.refreshes += 1
        return form["refresh_token"]

    def _tell(self, authorization: Annotated[str, Header()]) -> dict[str, Any]:
        session = self._access.get(authorization.removeprefix("Bearer "))
        if session is None:
            raise HTTPException(401)
        claims = self._sessions[session]
        return {"sub": f"subject of {claims['preferred_username']}", **claims}
