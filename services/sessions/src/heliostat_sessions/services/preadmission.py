"""Refusing a launch at once that policy would refuse after its build."""

from heliostat_core.auth import Principal
from heliostat_core.clients import PeerRefusedError, PeerUnavailableError, PolicyClient
from heliostat_core.contracts.policy import AdmissionAction, AdmissionRequest, AdmissionView, ServerFact
from heliostat_core.database import Database

from ..domain.refusals import build_refusal
from ..domain.servers import HubUser
from ..errors import AdmissionRefusedError
from ..storage.host import Host, HostError
from ..storage.sessions import SessionStorage


class Preadmission:
    """Asks policy ahead; the launch asks again, bindingly, when its turn comes.

    Parameters
    ----------
    api
        Public URL of this service's API, with a slash at the end.
    host
        Says what it cannot limit.
    """

    def __init__(
        self,
        *,
        database: Database,
        sessions: SessionStorage,
        policy: PolicyClient,
        api: str,
        host: Host,
    ) -> None:
        self._database = database
        self._sessions = sessions
        self._policy = policy
        self._api = api
        self._host = host

    async def check(self, name: str, *, repository: str, user: HubUser, by: Principal) -> None:
        """Check a server that was named; one that runs needs no permission, and a policy service that is away no hurry.

        Raises
        ------
        AdmissionRefusedError
            Policy would refuse it now; the refusal is recorded, as every refusal is.
        """
        server = user.servers.get(name)
        if server is not None and server.active:
            return
        try:
            verdict = await self._ask(
                AdmissionRequest(
                    action=AdmissionAction.CREATE if server is None else AdmissionAction.START,
                    user=by.name,
                    groups=list(by.groups),
                    server_name=name,
                    repository=repository,
                    servers=[ServerFact(name=other.name, active=other.active) for other in user.servers.values()],
                    unenforced=list(await self._host.list_unenforced()),
                    simulate=True,
                )
            )
        except (PeerUnavailableError, PeerRefusedError, HostError):
            return
        if not verdict.allowed:
            async with self._database.statements() as connection:
                sessions = await self._sessions.list_of_user(connection, by.name)
            view = build_refusal(verdict, servers=user.servers, sessions=sessions, api=self._api)
            raise AdmissionRefusedError(view=view)

    async def _ask(self, request: AdmissionRequest) -> AdmissionView:
        """Ask without a trace, so that nothing is reserved for a launch still to be built; a refusal leaves one."""
        verdict = await self._policy.admit(request)
        if verdict.allowed:
            return verdict
        return await self._policy.admit(request.model_copy(update={"simulate": False}))
