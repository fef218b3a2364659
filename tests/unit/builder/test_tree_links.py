"""repo2docker reads a repository's files on this host, so none of them may be a link out of the repository."""

import pytest
from heliostat_builder.errors import UnsupportedConfigurationError
from heliostat_builder.runtimes.docker.repo2docker_recipe import check_links


def test_links_inside_are_followed(tmp_path):
    (tmp_path / "deps").mkdir()
    (tmp_path / "deps/environment.yml").write_text("")
    (tmp_path / "environment.yml").symlink_to("deps/environment.yml")
    (tmp_path / "data").symlink_to("/usr/share")  # nothing repo2docker reads
    check_links(tmp_path)


@pytest.mark.parametrize(
    ("link", "target"),
    [("Pipfile", "/etc/passwd"), ("binder", "/etc"), ("postBuild", "../../x"), ("start", "gone/../../x")],
)
def test_a_link_out_is_refused(tmp_path, link, target):
    (tmp_path / link).symlink_to(target)
    with pytest.raises(UnsupportedConfigurationError):
        check_links(tmp_path)
