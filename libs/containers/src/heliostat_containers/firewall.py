"""What servers' packets may reach: rules on the host, in chains of our own, and a trial of them from inside.

Servers reach the internet. They do not reach the link-local addresses where clouds hand out credentials, and of the
host itself only the hub. The rules are of the host's iptables, before the engine's own (chain DOCKER-USER).
"""

from datetime import timedelta
from ipaddress import IPv4Address
from secrets import token_hex

from heliostat_runtime import HostCommandError
from heliostat_runtime.commands import find_program, run_command
from heliostat_runtime.launch import memory_file

from .container import ContainerSpec
from .containers import Containers
from .networks import Network

__all__ = ["build_rules", "ensure_rules", "has_rules", "remove_rules"]

METADATA = "169.254.0.0/16"
_SILENT = IPv4Address("169.254.255.254")  # nobody's: who says "refused" at once is our rule
_DEADLINE = timedelta(seconds=20)
_ANSWER = 3  # seconds
_HOOKS = {"DOCKER-USER": "out", "INPUT": "in"}


def build_rules(bridge: str, *, hub_port: int) -> str:
    """Build the input of ``iptables-restore --noflush``: our chains, filled in one step."""
    refused = "-j REJECT --reject-with tcp-reset"
    lines = [
        "*filter",
        *(f":{_name(bridge, end)} - [0:0]" for end in _HOOKS.values()),
        f"-A {_name(bridge, 'out')} -d {METADATA} -p tcp {refused}",
        f"-A {_name(bridge, 'out')} -d {METADATA} -j DROP",
        f"-A {_name(bridge, 'in')} -m conntrack --ctstate RELATED,ESTABLISHED -j RETURN",
        f"-A {_name(bridge, 'in')} -p tcp --dport {hub_port} -j RETURN",
        f"-A {_name(bridge, 'in')} -p tcp {refused}",
        f"-A {_name(bridge, 'in')} -j DROP",
        "COMMIT",
        "",
    ]
    return "\n".join(lines)


async def ensure_rules(bridge: str, *, hub_port: int) -> None:
    """Put the rules in force, as root; rules of an earlier call are replaced.

    Raises
    ------
    HostCommandError
        iptables is not here, or refuses.
    """
    await _restore(build_rules(bridge, hub_port=hub_port))
    for hook, end in _HOOKS.items():
        jump = [hook, "-i", bridge, "-j", _name(bridge, end)]
        try:
            await _iptables("-C", *jump)
        except HostCommandError:
            await _iptables("-I", *jump)


async def remove_rules(bridge: str) -> None:
    """Take the rules away, as root; absent is success."""
    for hook, end in _HOOKS.items():
        chain = _name(bridge, end)
        for arguments in (["-D", hook, "-i", bridge, "-j", chain], ["-F", chain], ["-X", chain]):
            try:
                await _iptables(*arguments)
            except HostCommandError:
                continue


async def has_rules(containers: Containers, network: Network, *, image: str, labels: dict[str, str]) -> bool:
    """Try from a container on the network whether the rules for metadata addresses are in force.

    Raises
    ------
    EngineError
    """
    script = f"exec timeout {_ANSWER} bash -c 'exec 3<>/dev/tcp/{_SILENT}/9' 2>&1"
    spec = ContainerSpec(
        name=f"heliostat-trial-{token_hex(4)}",
        image=image,
        entrypoint=("/bin/sh", "-c"),
        command=(script,),
        labels=labels,
        environment={"LC_ALL": "C"},
        user="1000:1000",
        working_directory="/",
        network=network.name,
        read_only=True,
    )
    finished = await containers.run(spec, deadline=_DEADLINE)
    return finished.status == 1 and "refused" in finished.output


def _name(bridge: str, end: str) -> str:
    return f"{bridge}-{end}"


async def _iptables(*arguments: str) -> None:
    await run_command([find_program("iptables") or "iptables", "--wait", *arguments])


async def _restore(rules: str) -> None:
    with memory_file(rules.encode()) as descriptor:
        program = find_program("iptables-restore") or "iptables-restore"
        await run_command([program, "--noflush", "--wait=5", f"/proc/self/fd/{descriptor}"], pass_fds=[descriptor])
