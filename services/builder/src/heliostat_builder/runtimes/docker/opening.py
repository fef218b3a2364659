"""Putting the docker runtime together."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from heliostat_containers import (
    DEFAULT_URL,
    Credentials,
    Engine,
    EngineImageStore,
    Images,
    ImageStore,
    Registry,
    RegistryImageStore,
)
from heliostat_runtime import instance_name

from ...config import BuilderConfig
from ...storage.workplaces import WorkplaceStorage
from ..needs import Needs
from .naming import Names
from .repo2docker_recipe import Repo2DockerRecipe, Repo2DockerSettings
from .runtime import DockerRuntime, Recipes
from .space import SpaceGuard
from .steps import StepLimits, Steps
from .toolbox import Toolbox
from .uv_recipe import UvRecipe, UvSettings


@asynccontextmanager
async def open_docker_runtime(needs: Needs) -> AsyncIterator[DockerRuntime]:
    """Connect to the engine and to the registry; neither has to answer yet."""
    config = needs.config
    async with AsyncExitStack() as stack:
        engine = await stack.enter_async_context(Engine.open(config.engine_url))
        names = Names(config.instance or instance_name(config.state_directory))
        space = _make_space(config, engine)
        steps = _make_steps(needs, engine, names, space)
        yield DockerRuntime(
            names=names,
            toolbox=Toolbox(
                engine=engine,
                preferred=config.recipe,
                base=config.base_image,
                repo2docker_base=config.repo2docker_base_image,
            ),
            images=Images(engine),
            store=await _open_store(config, engine, stack),
            steps=steps,
            recipes=Recipes(
                uv=await _make_uv(config, engine, names, steps),
                repo2docker=_make_repo2docker(needs, engine, names, space),
            ),
            mirrors=needs.mirrors,
            workplaces=WorkplaceStorage(shared=config.state_directory / "staging", own_uid=False),
            metrics=needs.metrics,
        )


async def _open_store(config: BuilderConfig, engine: Engine, stack: AsyncExitStack) -> ImageStore:
    if config.registry_url is None:
        return EngineImageStore(Images(engine))
    password = config.registry_password
    credentials = (
        Credentials(config.registry_user, password.get_secret_value()) if config.registry_user and password else None
    )
    registry = await stack.enter_async_context(
        Registry.open(str(config.registry_url), credentials=credentials, ca=config.registry_certificates)
    )
    return RegistryImageStore(engine=engine, registry=registry)


def _make_space(config: BuilderConfig, engine: Engine) -> SpaceGuard:
    return SpaceGuard(
        engine=engine,
        size=config.build_size,
        free_space=config.minimum_free_space,
        disks=(config.state_directory,),
    )


def _make_steps(needs: Needs, engine: Engine, names: Names, space: SpaceGuard) -> Steps:
    config = needs.config
    limits = StepLimits(
        cpus=config.build_cpus,
        memory=config.build_memory,
        processes=config.build_processes,
        silence=config.build_silence_deadline,
        network=config.build_network,
    )
    return Steps(engine=engine, names=names, limits=limits, space=space, metrics=needs.metrics)


async def _make_uv(config: BuilderConfig, engine: Engine, names: Names, steps: Steps) -> UvRecipe:
    named = config.build_environment.get("SSL_CERT_FILE")
    trusted = config.build_certificates or (Path(named) if named else None)
    settings = UvSettings(
        variables=config.build_environment,
        certificates=await asyncio.to_thread(trusted.read_bytes) if trusted else None,
        compiles=config.build_compiles,
    )
    return UvRecipe(engine=engine, names=names, steps=steps, settings=settings)


def _make_repo2docker(needs: Needs, engine: Engine, names: Names, space: SpaceGuard) -> Repo2DockerRecipe:
    config = needs.config
    settings = Repo2DockerSettings(
        url=config.engine_url or DEFAULT_URL,
        base=config.repo2docker_base_image,
        cpus=config.build_cpus,
        memory=config.build_memory,
        network=config.build_network,
        silence=config.build_silence_deadline,
    )
    return Repo2DockerRecipe(engine=engine, names=names, settings=settings, space=space, metrics=needs.metrics)
