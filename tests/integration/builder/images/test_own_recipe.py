"""Plain pip repositories become images by our own recipe."""

from tests.integration.builder.conftest import build
from tests.integration.builder.images.conftest import run_in


async def test_a_commit_becomes_an_image_with_its_packages_and_files(builder, git, ada, new_requirement):
    repository = git.create("ada/lens")
    repository.commit({"requirements.txt": f"mirror\nlens==1.0\n{new_requirement}", "notes/sky.txt": "clear"})
    built = await build(builder, ada, repository.url)
    assert built["state"] == "succeeded", built["failure"]
    assert built["image"].startswith("sha256:")
    code = "import lens, mirror, ipykernel, pip, os; print(lens.VERSION, mirror.VERSION, os.getuid())"
    assert run_in(built["image"], "python", "-c", code).split() == ["1.0", "2.0", "1000"]
    listed = run_in(built["image"], "sh", "-c", "cat notes/sky.txt; stat -c %u:%g notes; ls -A /tmp; touch new")
    assert listed.split() == ["clear1000:1000"]
    plan = (await builder.post("api/v1/plans", json={"repo": repository.url}, headers=ada)).json()
    assert (plan["decision"], plan["image"]) == ("hit", built["image"])
