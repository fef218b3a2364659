"""What people write, and what it means."""

import pytest
from heliostat_builder.domain.providers import GitHubProvider, GitLabProvider, GitProvider, ProviderRegistry
from heliostat_builder.errors import (
    BadRefError,
    BadRepositoryError,
    CredentialsInUrlError,
    UnknownProviderError,
    UnsupportedSchemeError,
)

SHA = "a" * 40
REGISTRY = ProviderRegistry(
    [GitHubProvider(url="https://github.com"), GitLabProvider(url="https://gitlab.com"), GitProvider()]
)


@pytest.mark.parametrize(
    ("written", "provider", "url", "ref"),
    [
        ("ada/lens", None, "https://github.com/ada/lens", "HEAD"),
        (" Ada/Lens ", None, "https://github.com/ada/lens", "HEAD"),
        ("https://github.com/Ada/Lens", None, "https://github.com/ada/lens", "HEAD"),
        ("https://GitHub.com:443/ada/lens.git", None, "https://github.com/ada/lens", "HEAD"),
        ("https://github.com/ada/lens/", None, "https://github.com/ada/lens", "HEAD"),
        ("https://github.com/ada/lens/tree/feature/x", None, "https://github.com/ada/lens", "feature/x"),
        ("ada/lens/feature/x", "gh", "https://github.com/ada/lens", "feature/x"),
        ("ada/lens/feature%2Fx", "gh", "https://github.com/ada/lens", "feature/x"),
        ("ada/lens", "gl", "https://gitlab.com/ada/lens.git", "HEAD"),
        ("group%2Fsub%2Flens/v1.0", "gl", "https://gitlab.com/group/sub/lens.git", "v1.0"),
        ("https://gitlab.com/group/sub/lens", None, "https://gitlab.com/group/sub/lens.git", "HEAD"),
        ("https://gitlab.com/group/lens/-/tree/main", None, "https://gitlab.com/group/lens.git", "main"),
        ("https%3A%2F%2Fexample.org%2Flens.git/main", "git", "https://example.org/lens.git", "main"),
        ("HTTP://Example.org:80/x/lens/", None, "http://example.org/x/lens", "HEAD"),
        ("https://[2001:db8::1]:8443/lens", None, "https://[2001:db8::1]:8443/lens", "HEAD"),
    ],
)
def test_a_repository_is_understood_however_it_is_written(written, provider, url, ref):
    repository, found = REGISTRY.parse(written, provider=provider)
    assert (repository.url, found) == (url, ref)


@pytest.mark.parametrize(
    ("written", "error"),
    [
        ("lens", BadRepositoryError),
        ("a/b/c", BadRepositoryError),
        ("", BadRepositoryError),
        ("../..", BadRepositoryError),
        ("ada/..", BadRepositoryError),
        ("https://github.com/ada/lens/blob/main/x.ipynb", BadRepositoryError),
        ("https://github.com/ada", BadRepositoryError),
        ("https://example.org/", BadRepositoryError),
        ("https://example.org/a/../b", BadRepositoryError),
        ("https://example.org/a/%2e%2e/b", BadRepositoryError),
        ("https://example.org/a?x=1", BadRepositoryError),
        ("https://example.org:99999/a", BadRepositoryError),
        ("https://exa mple.org/a", BadRepositoryError),
        ("https://example.org\\@evil.example/a", BadRepositoryError),
        ("https://-x/a", BadRepositoryError),
        ("https://example.org/a\nb", BadRepositoryError),
        ("git@github.com:ada/lens.git", UnsupportedSchemeError),
        ("ssh://git@github.com/ada/lens", UnsupportedSchemeError),
        ("git://example.org/lens", UnsupportedSchemeError),
        ("file:///etc/passwd", UnsupportedSchemeError),
        ("ext::sh -c touch% x", BadRepositoryError),
        ("ext::touch", UnsupportedSchemeError),
        ("https://ada:secret@example.org/lens", CredentialsInUrlError),
        ("https://ada@github.com/ada/lens", CredentialsInUrlError),
    ],
)
def test_what_names_no_public_repository_is_refused(written, error):
    with pytest.raises(error) as refused:
        REGISTRY.parse(written)
    assert "secret" not in str(refused.value)
    assert refused.value.remedy


def test_an_ssh_address_is_answered_with_the_https_one():
    with pytest.raises(UnsupportedSchemeError) as refused:
        REGISTRY.parse("git@github.com:ada/lens.git")
    assert refused.value.remedy == "Write https://github.com/ada/lens.git"


def test_an_unknown_provider_is_refused_with_the_known_ones():
    with pytest.raises(UnknownProviderError, match="zenodo") as refused:
        REGISTRY.parse("10.5281/zenodo.3242074", provider="zenodo")
    assert refused.value.remedy == "Use gh, gl, git."


def test_a_ref_given_twice_must_be_the_same():
    assert REGISTRY.parse("https://github.com/ada/lens/tree/v1", ref="v1")[1] == "v1"
    with pytest.raises(BadRepositoryError):
        REGISTRY.parse("https://github.com/ada/lens/tree/v1", ref="v2")


@pytest.mark.parametrize(
    "ref",
    ["--upload-pack=touch /tmp/x", "-x", "a..b", "a b", "a~1", "a^", "a:b", "a\x00b", "a.lock", "a/", "@{-1}", "@"],
)
def test_a_ref_git_would_not_allow_is_refused(ref):
    with pytest.raises(BadRefError):
        REGISTRY.parse("ada/lens", ref=ref)


def test_specs_and_pages_name_the_commit():
    github = REGISTRY.parse("Ada/Lens")[0]
    assert github.build_resolved_spec(SHA) == f"ada/lens/{SHA}"
    assert github.build_ref_url(SHA) == f"https://github.com/ada/lens/tree/{SHA}"
    gitlab = REGISTRY.parse("https://gitlab.com/group/sub/Lens")[0]
    assert gitlab.build_resolved_spec(SHA) == f"group%2Fsub%2FLens/{SHA}"
    assert gitlab.slug == "lens"
    other = REGISTRY.parse("https://example.org/my%20stuff/The_Lens.git")[0]
    assert other.build_ref_url(SHA) == other.url
    assert other.slug == "the-lens"


def test_providers_are_described_as_binderhub_does():
    github, gitlab, git = (view.model_dump(by_alias=True, exclude_none=True) for view in REGISTRY.list_views())
    assert set(github) == {"displayName", "id", "spec", "detect", "repo", "ref"}
    assert github["detect"]["regex"] == r"^(https?://github\.com/)?(?<repo>.*[^/])/?"
    assert gitlab["repo"]["urlEncode"] is True
    assert "detect" not in git
