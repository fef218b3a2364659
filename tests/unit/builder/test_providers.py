"""What people write, and what it means."""

import re
from urllib.parse import quote

import pytest
from heliostat_builder.domain.providers import (
    CkanProvider,
    DataverseForm,
    DoiProvider,
    FigshareForm,
    GistProvider,
    GitHubProvider,
    GitLabProvider,
    GitProvider,
    HydroShareProvider,
    ProviderRegistry,
    ZenodoForm,
)
from heliostat_builder.errors import (
    BadRefError,
    BadRepositoryError,
    BadSpecError,
    CredentialsInUrlError,
    UnknownProviderError,
    UnsupportedSchemeError,
)
from heliostat_core.errors import ClientError
from hypothesis import given
from hypothesis import strategies as st

SHA = "a" * 40
RESOURCE = "8f7c2f0341ef4180b0dbe97f59130756"
DOI = "https://doi.org"
REGISTRY = ProviderRegistry(
    [
        GitHubProvider(url="https://github.com"),
        GistProvider(url="https://gist.github.com"),
        GitLabProvider(url="https://gitlab.com"),
        DoiProvider(ZenodoForm(), resolver=DOI),
        DoiProvider(FigshareForm(), resolver=DOI),
        HydroShareProvider(url="https://www.hydroshare.org"),
        DoiProvider(DataverseForm(), resolver=DOI),
        CkanProvider(),
        GitProvider(),
    ]
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
    for parse in (REGISTRY.parse, REGISTRY.parse_spec):
        with pytest.raises(UnknownProviderError, match="swh") as refused:
            parse("x", provider="swh")
        assert refused.value.remedy == "Use gh, gist, gl, zenodo, figshare, hydroshare, dataverse, ckan, git."


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
    assert gitlab.build_resolved_spec(SHA) == f"group%2Fsub%2Flens/{SHA}"
    assert gitlab.slug == "lens"
    other = REGISTRY.parse("https://example.org/my%20stuff/The_Lens.git")[0]
    assert other.build_ref_url(SHA) == other.url
    assert other.slug == "the-lens"


def test_providers_are_described_as_binderhub_does():
    views = {view.id: view.model_dump(by_alias=True, exclude_none=True) for view in REGISTRY.list_views()}
    assert list(views) == ["gh", "gist", "gl", "zenodo", "figshare", "hydroshare", "dataverse", "ckan", "git"]
    assert set(views["gh"]) == {"displayName", "id", "spec", "detect", "repo", "ref"}
    assert views["gh"]["detect"]["regex"] == r"^(https?://github\.com/)?(?<repo>.*[^/])/?"
    assert {name for name, view in views.items() if view["repo"]["urlEncode"]} == {"gl", "hydroshare", "ckan", "git"}
    assert {name for name, view in views.items() if view["ref"]["enabled"]} == {"gh", "gist", "gl", "git"}
    assert {name for name, view in views.items() if "detect" in view} == {"gh", "gist", "gl"}


@pytest.mark.parametrize(
    ("provider", "spec", "url", "ref"),
    [
        ("gh", "Ada/Lens/feature/x", "https://github.com/ada/lens", "feature/x"),
        ("gh", "ada/lens.git/feature%2Fx/", "https://github.com/ada/lens", "feature/x"),
        ("gl", "Group%2FSub%2Flens/v1.0", "https://gitlab.com/group/sub/lens.git", "v1.0"),
        ("gl", "group%2flens/feature%2Fx", "https://gitlab.com/group/lens.git", "feature/x"),
        ("git", "https%3A%2F%2Fexample.org%2Flens.git/feature/x", "https://example.org/lens.git", "feature/x"),
        ("git", "https:%2F%2FExample.org%2Flens.git/HEAD", "https://example.org/lens.git", "HEAD"),
        ("gist", "Ada/8C45", "https://gist.github.com/8c45.git", "HEAD"),
        ("gist", f"bob/8c45/{SHA}", "https://gist.github.com/8c45.git", SHA),
        ("zenodo", "10.5281/zenodo.3242074", f"{DOI}/10.5281/zenodo.3242074", "HEAD"),
        ("zenodo", "10.5281%2FZENODO.3242074", f"{DOI}/10.5281/zenodo.3242074", "HEAD"),
        ("figshare", "10.6084/m9.figshare.9782777.v2", f"{DOI}/10.6084/m9.figshare.9782777", "9782777.v2"),
        ("figshare", "10.25375/uct.12345678", f"{DOI}/10.25375/uct.12345678", "HEAD"),
        ("hydroshare", RESOURCE.upper(), f"https://www.hydroshare.org/resource/{RESOURCE}", "HEAD"),
        ("hydroshare", f"10.4211/hs.{RESOURCE}", f"https://www.hydroshare.org/resource/{RESOURCE}", "HEAD"),
        ("dataverse", "10.7910/dvn/tjclkp", f"{DOI}/10.7910/DVN/TJCLKP", "HEAD"),
        ("ckan", quote("https://demo.ckan.org/x/dataset/a-1", safe=""), "https://demo.ckan.org/x/dataset/a-1", "HEAD"),
        (
            "ckan",
            quote("https://demo.ckan.org/dataset/activity/a/history/7f", safe=""),
            "https://demo.ckan.org/dataset/activity/history/7f",
            "HEAD",
        ),
    ],
)
def test_a_spec_is_read_as_it_stands_in_a_url(provider, spec, url, ref):
    repository, found = REGISTRY.parse_spec(spec, provider=provider)
    assert (repository.url, found) == (url, ref)
    again, found = REGISTRY.parse(url, provider=provider, ref=ref)  # how a plan is asked for once more
    assert (again.url, found) == (url, ref)


@pytest.mark.parametrize(
    ("provider", "spec"),
    [
        ("gh", "ada"),
        ("gh", "ada/lens/"),
        ("gl", "group/lens/main"),
        ("gl", "group%2Flens/"),
        ("git", "https%3A%2F%2Fexample.org%2Flens.git"),
        ("git", "https://example.org/lens/main"),
        ("gist", "8c45"),
        ("gist", "ada/8c45/a/b"),
        ("gist", "ada/not-an-id"),
        ("zenodo", "10.6084/m9.figshare.9782777"),
        ("zenodo", "https://evil.example/10.5281/zenodo.3"),
        ("zenodo", "10.5281/zenodo.3?x"),
        ("figshare", "10.6084/figshare"),
        ("hydroshare", "8f7c"),
        ("hydroshare", "a" * 40),
        ("dataverse", "10.7910/DVN/../x"),
        ("dataverse", "hdl:1902.1/111012"),
        ("ckan", "sample-dataset-1"),
    ],
)
def test_a_spec_that_is_not_of_the_form_is_answered_with_the_form(provider, spec):
    with pytest.raises(BadSpecError) as refused:
        REGISTRY.parse_spec(spec, provider=provider)
    assert str(refused.value).startswith('Spec is not of the form "')
    assert refused.value.remedy


def test_a_github_spec_without_a_ref_is_answered_in_binderhubs_words():
    with pytest.raises(BadSpecError) as refused:
        REGISTRY.parse_spec("ada/lens", provider="gh")
    assert str(refused.value) == (
        'Spec is not of the form "user/repo/ref", provided: "ada/lens". Did you mean "ada/lens/HEAD"?'
    )
    with pytest.raises(BadSpecError) as refused:
        REGISTRY.parse_spec("ada/main", provider="gh")
    assert "Did you mean" not in str(refused.value)


def test_records_have_versions_and_no_branches():
    assert REGISTRY.parse("10.5281/zenodo.3", provider="zenodo", ref="4")[1] == "4"
    with pytest.raises(BadRefError, match="no branches"):
        REGISTRY.parse("10.5281/zenodo.3", provider="zenodo", ref="main")
    with pytest.raises(BadRefError):
        REGISTRY.parse("10.6084/m9.figshare.3", provider="figshare", ref="4.v1")  # another article


@pytest.mark.parametrize(
    ("provider", "written", "commit", "spec", "page"),
    [
        ("gist", "ada/8c45", SHA, f"ada/8c45/{SHA}", f"https://gist.github.com/ada/8c45/{SHA}"),
        ("zenodo", "10.5281/zenodo.3", "4", "10.5281/zenodo.4", f"{DOI}/10.5281/zenodo.4"),
        ("figshare", "10.6084/x.3", "3.v2", "10.6084/x.3.v2", f"{DOI}/10.6084/x.3.v2"),
        ("dataverse", "10.7910/DVN/X", "40.v1.0", "10.7910/DVN/X", f"{DOI}/10.7910/DVN/X"),
        ("hydroshare", RESOURCE, f"{RESOURCE}.v9", RESOURCE, f"https://www.hydroshare.org/resource/{RESOURCE}"),
        (
            "ckan",
            "https://c.org/dataset/a",
            "a.v9",
            quote("https://c.org/dataset/a", safe=""),
            "https://c.org/dataset/a",
        ),
    ],
)
def test_the_resolved_spec_names_what_was_resolved(provider, written, commit, spec, page):
    repository = REGISTRY.parse(written, provider=provider)[0]
    assert repository.build_resolved_spec(commit) == spec
    assert repository.build_ref_url(commit) == page
    assert REGISTRY.parse_spec(spec, provider=provider)[0].url  # it can be asked for


def test_a_doi_is_recognised_without_its_provider():
    assert REGISTRY.parse("10.5281/zenodo.3")[0].provider == "zenodo"
    assert REGISTRY.parse("doi:10.5281/zenodo.3")[0].provider == "zenodo"
    assert REGISTRY.parse(f"{DOI}/10.5281/zenodo.3")[0].provider == "zenodo"
    assert REGISTRY.parse(f"{DOI}/10.6084/m9.figshare.3.v1")[0].provider == "figshare"
    assert REGISTRY.parse(f"https://www.hydroshare.org/resource/{RESOURCE}/")[0].provider == "hydroshare"
    assert REGISTRY.parse("https://demo.ckan.org/dataset/a")[0].provider == "git"


PREFIXES = [view.id for view in REGISTRY.list_views()]


@given(st.sampled_from(PREFIXES), st.sampled_from([REGISTRY.parse, REGISTRY.parse_spec]), st.text(max_size=60))
def test_whatever_is_written_is_a_repository_or_an_error_with_a_remedy(provider, parse, text):
    read = attempt(parse, text, provider=provider)
    if isinstance(read, ClientError):
        assert (read.status, bool(read.remedy)) == (422, True)
        return
    repository, ref = read
    assert re.fullmatch(r"https?://[^/\s]+/\S+", repository.url)
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", repository.slug)
    assert ref


def attempt(parse, text, **options):
    try:
        return parse(text, **options)
    except ClientError as error:
        return error


_NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,20}", fullmatch=True)


@given(_NAMES, _NAMES, st.sampled_from(["main", "feature/x", "v1.0", SHA]))
def test_a_spec_of_a_commit_means_the_same_repository_again(owner, name, ref):
    specs = {
        "gh": f"{owner}/{name}/{ref}",
        "gl": f"{owner}%2F{name}/{quote(ref, safe='')}",
        "git": f"{quote(f'https://example.org/{owner}/{name}', safe='')}/{ref}",
    }
    for provider, spec in specs.items():
        repository, found = REGISTRY.parse_spec(spec, provider=provider)
        assert found == ref
        assert REGISTRY.parse_spec(repository.build_resolved_spec(SHA), provider=provider) == (repository, SHA)
