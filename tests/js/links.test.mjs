import assert from "node:assert/strict";
import test from "node:test";
import { buildBadges, buildLink, recognise } from "../../services/sessions/src/heliostat_sessions/static/links.js";

const BASE = "https://hub.example/services/binder/";
const gh = { id: "gh", detect: { regex: "^(https?://github\\.com/)?(?<repo>.*[^/])/?" }, repo: {}, ref: { enabled: true, default: "HEAD" } };
const gl = { id: "gl", detect: { regex: "^(https?://gitlab\\.com/)?(?<repo>.*[^/])/?" }, repo: { urlEncode: true }, ref: { enabled: true, default: "HEAD" } };
const git = { id: "git", repo: { urlEncode: true }, ref: { enabled: true, default: "HEAD" } };
const zenodo = { id: "zenodo", repo: {}, ref: { enabled: false } };
const record = (id) => ({ id, repo: {}, ref: { enabled: false } });
const PROVIDERS = [gh, gl, git, zenodo, ...["figshare", "hydroshare", "dataverse", "ckan"].map(record)];
const read = (text) => recognise(text, PROVIDERS);

test("addresses of repositories fill provider and repository", () => {
  assert.deepEqual(read(" https://github.com/astro/survey.git "), { provider: "gh", repo: "astro/survey" });
  assert.deepEqual(read("https://git.example/astro/survey"), { provider: "git", repo: "https://git.example/astro/survey" });
  assert.equal(read("astro/survey"), null);
  assert.equal(read("https://git.example/"), null);
});

test("addresses of something inside fill ref and path too", () => {
  assert.deepEqual(read("https://github.com/o/r/tree/main"), { provider: "gh", repo: "o/r", ref: "main", path: "", kind: "file" });
  assert.deepEqual(read("https://github.com/o/r/blob/v1/a%20b/c.ipynb?plain=1#L3"), { provider: "gh", repo: "o/r", ref: "v1", path: "a b/c.ipynb", kind: "file" });
  assert.deepEqual(read("https://gitlab.com/g/s/r/-/tree/dev/notes/"), { provider: "gl", repo: "g/s/r", ref: "dev", path: "notes", kind: "file" });
});

test("DOIs are recognised however they are written", () => {
  for (const text of ["10.5281/zenodo.3242074", "doi:10.5281/zenodo.3242074", "https://doi.org/10.5281/zenodo.3242074"]) {
    assert.deepEqual(read(text), { provider: "zenodo", repo: "10.5281/zenodo.3242074" });
  }
});

test("pages of records are recognised", () => {
  const address = "https://www.hydroshare.org/resource/b8f6eae9d89241cf8b5904033460af61";
  for (const [text, provider, repo] of [
    ["https://zenodo.org/records/3242074#files", "zenodo", "10.5281/zenodo.3242074"],
    ["https://figshare.com/articles/dataset/A_title/9782777/1", "figshare", "10.6084/m9.figshare.9782777.v1"],
    [`${address}/`, "hydroshare", address],
    ["https://doi.org/10.4211/hs.b8f6", "hydroshare", "10.4211/hs.b8f6"],
    ["10.7910/DVN/TJCLKP", "dataverse", "10.7910/DVN/TJCLKP"],
    ["https://data.example/dataset.xhtml?persistentId=doi:10.7910/DVN/TJCLKP&version=1.0", "dataverse", "10.7910/DVN/TJCLKP"],
    ["https://ckan.example/en/dataset/spectra", "ckan", "https://ckan.example/en/dataset/spectra"],
    ["https://github.com/dataset/spectra", "gh", "dataset/spectra"],
  ]) assert.deepEqual(read(text), { provider, repo });
  assert.equal(recognise("https://hydro.example/resource/1", PROVIDERS, record("hydroshare")), null);
});

test("links that launch are read back, from any binder", () => {
  const fields = { repo: "g/s/r", ref: "feature/x", path: "a b.ipynb", kind: "file" };
  assert.deepEqual(read(buildLink(BASE, gl, fields)), { provider: "gl", ...fields });
  assert.deepEqual(read("https://mybinder.org/v2/gh/o/r/main?urlpath=doc%2Ftree%2Fa.ipynb"),
    { provider: "gh", repo: "o/r", ref: "main", path: "doc/tree/a.ipynb", kind: "url" });
  assert.equal(read("https://mybinder.org/v2/zenodo/10.5281/zenodo.3").repo, "10.5281/zenodo.3");
});

test("links follow each provider's grammar", () => {
  assert.equal(buildLink(BASE, gh, { repo: "o/r", ref: "feature/x", path: "" }), `${BASE}v2/gh/o/r/feature/x`);
  assert.equal(buildLink(BASE, gh, { repo: "o/r", ref: "", path: "lab?x=1", kind: "url" }), `${BASE}v2/gh/o/r/HEAD?urlpath=lab%3Fx%3D1`);
  assert.equal(buildLink(BASE, git, { repo: "https://g.example/a", ref: "v1" }), `${BASE}v2/git/https%3A%2F%2Fg.example%2Fa/v1`);
  assert.equal(buildLink(BASE, zenodo, { repo: "10.5281/zenodo.3", ref: "ignored" }), `${BASE}v2/zenodo/10.5281/zenodo.3`);
});

test("badges cannot be broken out of", () => {
  const link = buildLink(BASE, gh, { repo: "o/r", ref: "a)(b", path: "\"'<x>&y*", kind: "file" });
  const { markdown, rst, html } = buildBadges(link, `${BASE}badge_logo.svg`);
  const target = `${BASE}v2/gh/o/r/a%29%28b?filepath=%22%27%3Cx%3E%26y%2A`;
  assert.equal(markdown, `[![Binder](${BASE}badge_logo.svg)](${target})`);
  assert.equal(rst, `.. image:: ${BASE}badge_logo.svg\n   :target: ${target}\n   :alt: Binder`);
  assert.equal(html, `<a href="${target}"><img src="${BASE}badge_logo.svg" alt="Binder"></a>`);
});
