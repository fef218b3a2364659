"""Images that nothing needs go from the engine, and are built again when they are asked for."""

from heliostat_containers import Images

from tests.integration.builder.conftest import build, wait_until


async def test_images_of_a_commit_and_its_environment_go_and_come_back(replica, git, ada, admin, engine):
    repository = git.create("ada/empty")
    repository.commit({"notes.txt": "clear"})
    async with replica() as builder:
        built = await build(builder, ada, repository.url)
    assert built["state"] == "succeeded", built["failure"]
    async with replica(build_deadline="100ms", retention_age="1s") as builder:
        environment = f"api/v1/environments/{built['plan']['environment_id']}"

        async def is_collected() -> bool:
            await builder.post("api/v1/retention/runs", json={}, headers=admin)  # refused while the replica's own runs
            return (await builder.get(environment, headers=admin)).status_code == 404

        await wait_until(is_collected)
        assert await Images(engine).find(built["image"]) is None
        plan = (await builder.post("api/v1/plans", json={"repo": repository.url}, headers=ada)).json()
        assert (plan["decision"], plan["image"]) == ("full", None)
