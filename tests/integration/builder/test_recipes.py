"""What was built under an older recipe stays."""

from sqlalchemy import text

from tests.integration.builder.conftest import build


async def test_a_new_recipe_rebuilds_nothing_that_works(builder, git, ada, state, database, new_requirement):
    repository = git.create("ada/lens")
    repository.commit({"requirements.txt": new_requirement})
    built = await build(builder, ada, repository.url)
    environment = state / "environments" / built["plan"]["environment_id"]
    older = environment.with_name(f"older-{environment.name}")
    environment.rename(older)
    remember = text(
        "UPDATE plans SET recipe = 'process-0:x',"
        " plan = jsonb_set(plan, '{plan,environment_id}', to_jsonb(CAST(:id AS text)))"
    )
    async with database.transaction() as connection:
        await connection.execute(remember, {"id": older.name})
    plan = (await builder.post("api/v1/plans", json={"repo": repository.url}, headers=ada)).json()
    assert (plan["decision"], plan["environment_id"]) == ("hit", older.name)
    newer = repository.commit({"requirements.txt": f"{new_requirement}\nlens"})
    plan = (await builder.post("api/v1/plans", json={"repo": repository.url, "ref": newer}, headers=ada)).json()
    assert plan["decision"] == "full"
    older.rename(state / "staging" / older.name)
