"""What is on this host's disk: published environments and archives of files."""

from heliostat_core.contracts.builds import PlanDecision
from heliostat_runtime.contents import ContentStore
from heliostat_runtime.environments import EnvironmentStore

from ...domain.plans import FilesPlan


class Stores:
    """The two stores of the process runtime, asked together.

    Parameters
    ----------
    environments, contents
        The stores.
    """

    def __init__(self, *, environments: EnvironmentStore, contents: ContentStore) -> None:
        self.environments = environments
        self.contents = contents

    async def decide(self, plan: FilesPlan) -> PlanDecision:
        """Say what is missing; the disk is the truth, whatever the log says."""
        if not await self.environments.exists(plan.environment_id):
            return PlanDecision.FULL
        if await self.contents.exists(plan.content_id):
            return PlanDecision.HIT
        # What a postBuild wrote can only be had again by running it again.
        return PlanDecision.CONTENT_ONLY if plan.inputs.post_build is None else PlanDecision.FULL
