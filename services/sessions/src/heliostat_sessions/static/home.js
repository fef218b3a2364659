// The launch page: fields that understand what is pasted, the plan before the click, the link and the badge after it.
import { base, Problem, send } from "./api.js";
import { buildBadges, buildLink, recognise } from "./links.js";

const POLL = 3000; // milliseconds between looks at launches under way
const PAUSE = 600; // milliseconds without a keystroke before the service is asked
const find = (id) => document.getElementById(id);
const form = find("launch");
const fields = form.elements;
const providers = JSON.parse(form.dataset.providers);
const badge = new URL("badge_logo.svg", form.dataset.publicBase).href;
const value = (name) => fields[name].value.trim();
const guest = form.dataset.guest === "true"; // nobody who is signed in: a link is all there is
const chosen = () => providers.find(({ id }) => id === fields.provider.value);

form.addEventListener("input", (event) => {
  showProblem("", ""); // it was about what was there before
  if (event.target === fields.repo) fill(event.inputType);
  if (event.target === fields.server_name) checkName();
  showProvider();
  showLink();
  if (["provider", "repo", "ref"].includes(event.target.name)) plan();
  if (event.target.name === "path") showProblem("path", "");
});

// An address that was pasted fills the other fields; one that is still being typed only once it is left.
fields.repo.addEventListener("change", () => fill("insertFromPaste"));

function fill(inputType) {
  const found = inputType === "insertFromPaste" && recognise(fields.repo.value, providers, chosen());
  if (!found || (found.provider === fields.provider.value && found.repo === fields.repo.value)) return;
  for (const name of ["provider", "repo", "ref", "path", "kind"]) {
    if (found[name] !== undefined) fields[name].value = found[name];
  }
  showProvider();
  showLink();
  plan();
}

/** Choose the provider of an address that is typed; its other parts are taken apart once the field is left. */
function adopt() {
  const found = recognise(fields.repo.value, providers, chosen());
  if (found?.repo !== value("repo")) return;
  fields.provider.value = found.provider;
  showProvider();
  showLink();
}

function showProvider() {
  const { repo, ref } = chosen();
  fields.repo.placeholder = repo.placeholder;
  fields.ref.placeholder = ref.default ?? "";
  fields.ref.disabled = !ref.enabled;
}

function showLink() {
  const repo = value("repo");
  const link = repo && buildLink(form.dataset.publicBase, chosen(), { repo, ref: value("ref"), path: value("path"), kind: fields.kind.value });
  find("link").value = link;
  const texts = link ? buildBadges(link, badge) : {};
  for (const language of ["markdown", "rst", "html"]) find(language).value = texts[language] ?? "";
}

/** Ask, after a pause, what the newest input means; an answer to older input is dropped. */
function later(ask) {
  let timer;
  let last;
  return () => {
    clearTimeout(timer);
    last?.abort();
    const mine = new AbortController();
    last = mine;
    timer = setTimeout(async () => {
      await ask(mine.signal).catch((error) => {
        if (!(error instanceof Problem)) throw error;
        if (!mine.signal.aborted) showProblem(error.field, error.message);
      });
    }, PAUSE);
  };
}

function readSource() {
  const body = { repo: value("repo"), provider: fields.provider.value };
  if (!fields.ref.disabled && value("ref")) body.ref = value("ref");
  return body;
}

const plan = later(async (signal) => {
  for (const name of ["repo", "ref"]) showProblem(name, "");
  if (!value("repo")) return;
  adopt();
  if (guest) return;
  find("plan").setAttribute("aria-busy", "true");
  try {
    showPlan(await send("POST", "plans", readSource(), { signal }));
  } catch (error) {
    if (!signal.aborted) showPlan(null);
    throw error;
  } finally {
    if (!signal.aborted) find("plan").removeAttribute("aria-busy");
  }
});

const checkName = later(async (signal) => {
  const name = value("server_name");
  showProblem("server_name", "");
  if (!name) return;
  const { allowed, message, remedy, repo } = await send("GET", `server-names/${encodeURIComponent(name)}`, undefined, { signal });
  if (!allowed && !repo) showProblem("server_name", new Problem(0, { message, remedy }).message);
});

const DECISIONS = {
  hit: "Nothing to build: this commit is there already.",
  "content-only": "Only the files are new: the environment is there already, and no build is needed.",
  full: "The environment has to be built, which takes a while; others then share it.",
};

function showPlan(made) {
  find("decision").textContent = made ? DECISIONS[made.decision] : "There is no plan yet.";
  const facts = made ? [
    ["Commit", made.commit],
    ["Made from", made.config_files.join(", ") || "no dependency files"],
    ["Forces a build for this commit alone", made.forced_by],
  ] : [];
  find("facts").replaceChildren(...facts.filter(([, text]) => text).flatMap(([name, text]) => [make("dt", name), make("dd", text)]));
  find("facts").hidden = !made;
  find("warnings").replaceChildren(...(made?.warnings ?? []).map((text) => make("li", text)));
}

function make(name, text) {
  const element = document.createElement(name);
  element.textContent = text;
  return element;
}

/** Show what is wrong beside its field, or below all where it concerns none. */
function showProblem(name, message) {
  const field = name ? fields[name] : null;
  const place = field && find(`${name}-problem`);
  (place || find("problem")).textContent = message;
  if (field && message) field.setAttribute("aria-invalid", "true");
  else field?.removeAttribute("aria-invalid");
  return place ? field : null;
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  if (guest && find("link").value) {
    location.assign(find("link").value);
    return;
  }
  const button = form.querySelector("[type=submit]");
  for (const name of ["", "provider", "repo", "ref", "path", "server_name"]) showProblem(name, "");
  const body = readSource();
  if (value("path")) body[fields.kind.value === "url" ? "urlpath" : "path"] = value("path");
  button.disabled = true;
  try {
    if (!body.repo) throw new Problem(0, { message: "Name a repository", field: "repo" });
    body.new = fields.new.checked;
    if (value("server_name")) body.server_name = value("server_name");
    const { id } = await send("POST", "launches", body);
    location.assign(`${base}launches/${id}#open`);
  } catch (error) {
    const name = error.field === "urlpath" ? "path" : error.field;
    showProblem("", error.message);
    showProblem(name, error.message)?.focus();
  } finally {
    button.disabled = false;
  }
});

document.addEventListener("click", async ({ target }) => {
  const source = find(target.closest("[data-copy]")?.dataset.copy);
  if (!source?.value) return;
  source.select();
  // Browsers have a clipboard only for pages that came over HTTPS or from this machine.
  await (navigator.clipboard?.writeText(source.value) ?? Promise.reject()).catch(() => document.execCommand("copy"));
  find("copied").textContent = "";
  find("copied").textContent = "Copied";
});

// Only the list is replaced: what somebody is typing into the form stays.
async function refresh() {
  const response = await fetch(location.href).catch(() => null);
  if (response?.ok) {
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    const mine = page.getElementById("mine");
    if (!mine) location.reload(); // signed out meanwhile
    else find("mine").replaceWith(mine);
  }
  watch();
}

function watch() {
  if (document.querySelector("[data-changing]")) setTimeout(refresh, POLL);
}

form.querySelector("[type=submit]").disabled = false; // before this script runs, the browser would send the form itself
showProvider();
showLink();
if (value("repo")) {
  fill("insertFromPaste");
  plan();
}
watch();
