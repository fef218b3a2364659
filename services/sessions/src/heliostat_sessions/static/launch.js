// The page of a launch: it begins one when it is opened by a link, then shows what happens until the server is there.
import { base, Problem, send } from "./api.js";
import { showPhases } from "./bar.js";
import { findFailure } from "./finding.js";
import { LogView } from "./log.js";
import { advance, NOTHING } from "./phases.js";

const RETRY = 2000; // milliseconds before another connection where the browser gave up
const SILENCE = 20000; // milliseconds; more than the service's heartbeat
const find = (id) => document.getElementById(id);
const page = find("launch").dataset;
// Who waited for the server goes to it. Who comes back to a finished launch, or for a line, wants to read this page.
const going = location.hash === "#open" || (page.final !== "true" && !location.hash);
const ahead = Date.parse(page.now) - Date.now(); // of this browser's clock
const log = new LogView({ box: find("log"), ...pick("follow", "find", "found", "previous", "next") });

let id = page.id;
let last = ""; // id of the last message
let phases = NOTHING;
let source;
let timer;

function pick(...names) {
  return Object.fromEntries(names.map((name) => [name, find(name)]));
}

/**
 * Ask for the launch of a link, once: a reload before the answer asks with the same key, and after it the address is
 * that of the launch, so that a reload only looks.
 */
async function begin() {
  const place = `launch ${location.pathname}${location.search}`;
  const key = sessionStorage.getItem(place) ?? [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16)).join("-");
  sessionStorage.setItem(place, key);
  try {
    const launch = await send("POST", "launches", JSON.parse(page.request), { headers: { "Idempotency-Key": key } });
    sessionStorage.removeItem(place);
    id = launch.id;
    history.replaceState(null, "", `${base}launches/${id}`);
    find("download").href = `${base}launches/${id}/log.txt`;
    find("cancel").hidden = false;
    connect();
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    if (error.status && error.status < 500) sessionStorage.removeItem(place);
    find("form").href = `${base}?${new URLSearchParams({ repo: location.href })}`; // the form reads links
    fail({ phase: "failed", time: new Date(Date.now() + ahead).toISOString(), final: true, error: error.answer });
  }
}

// While a connection is only interrupted the browser resumes it by itself, after the last id it has. After an answer
// other than 200, such as the proxy's 503 while the service restarts, it gives up: then this page resumes. And the proxy
// keeps a connection open whose service was killed: so this page also resumes when not even a heartbeat has come.
function connect() {
  source?.close();
  resumeAfter(SILENCE);
  source = new EventSource(`${base}api/v1/launches/${id}/events${last && `?after=${last}`}`);
  source.addEventListener("message", receive);
  source.addEventListener("heartbeat", () => resumeAfter(SILENCE));
  source.addEventListener("error", () => {
    if (source.readyState === EventSource.CLOSED) resumeAfter(RETRY);
  });
}

function resumeAfter(delay) {
  clearTimeout(timer);
  timer = setTimeout(resume, delay);
}

async function resume() {
  try {
    await send("GET", `launches/${id}`);
  } catch (error) {
    if ([401, 403, 404].includes(error.status)) {
      location.reload(); // signs in again, or says what is the matter
    } else {
      find("status").textContent = "The connection is lost; trying again. The launch goes on.";
      resumeAfter(RETRY);
    }
    return;
  }
  connect();
}

function receive(event) {
  const message = JSON.parse(event.data);
  last = event.lastEventId;
  resumeAfter(SILENCE);
  phases = advance(phases, message);
  if (message.plan) showPlan(message.plan);
  if (message.line === undefined) find("status").textContent = message.message;
  if (!message.error) log.add(message.message, message.line);
  if (message.final) finish(message);
}

function showPlan(plan) {
  const link = document.createElement("a");
  link.href = `${base}v2/${plan.provider}/${plan.resolved_spec}`;
  link.textContent = "link to launch this commit";
  find("title").textContent = `${plan.repo} at ${plan.ref}`;
  document.title = `${plan.repo} – Heliostat`;
  find("facts").replaceChildren(`Commit ${plan.commit.slice(0, 12)} · `, link);
  const { path, urlpath } = JSON.parse(page.request);
  const opened = { path: path ?? urlpath ?? "", kind: urlpath ? "url" : "file" };
  find("form").href = `${base}?${new URLSearchParams({ provider: plan.provider, repo: plan.repo, ref: plan.ref, ...opened })}`;
}

function finish(message) {
  source?.close();
  clearTimeout(timer);
  find("cancel").hidden = true;
  if (message.url) {
    find("open").href = message.url;
    find("open").hidden = false;
    if (going) location.replace(message.url);
    return;
  }
  find("again").hidden = false;
  find("form").hidden = false;
  if (message.error) showProblem(message);
}

/** Delete a server and wait until it is gone: only then there is room for another. */
async function remove(name) {
  while (await send("DELETE", `sessions/${encodeURIComponent(name)}`)) {
    await new Promise((resolve) => setTimeout(resolve, RETRY / 2));
  }
}

function fail(message) {
  phases = advance(phases, message);
  finish(message);
}

function showProblem({ phase, error }) {
  find("status").textContent = phase === "refused" ? "Refused" : "Failed";
  find("reason").textContent = error.message;
  find("remedy").textContent = error.remedy ?? "";
  const lines = phases.current === "build" ? log.lines : [];
  const line = findFailure(lines.map(({ text }) => text), error.message);
  if (line !== null) find("where").querySelector("a").href = `#L${lines[line].number}`;
  find("where").hidden = line === null;
  find("servers").replaceChildren(...(error.details?.servers ?? []).map(buildServer));
  find("problem").hidden = false;
  log.showTarget();
}

/** A server that keeps another from being made, and the button that deletes it. */
function buildServer({ name, state, repo }) {
  const item = document.createElement("li");
  const button = document.createElement("button");
  button.type = "button";
  button.className = "btn btn-sm btn-outline-danger ms-2";
  button.textContent = `Delete ${name}`;
  button.addEventListener("click", async () => {
    if (!confirm(`Delete ${name} and all its files?`)) return;
    button.disabled = true;
    try {
      await remove(name);
      item.replaceChildren(`${name} is deleted`);
    } catch (problem) {
      find("status").textContent = problem.message;
      button.disabled = false;
    }
  });
  item.append(`${name} (${state}) ${repo ?? ""}`, button);
  return item;
}

find("cancel").addEventListener("click", () => {
  find("cancel").disabled = true;
  send("DELETE", `launches/${id}`).catch((error) => {
    find("status").textContent = error.message;
    find("cancel").disabled = false;
  });
});

find("again").addEventListener("click", async () => {
  if (!id) {
    location.reload(); // the link is asked again
    return;
  }
  find("again").disabled = true;
  try {
    const launch = await send("POST", "launches", JSON.parse(page.request));
    location.assign(`${base}launches/${launch.id}#open`);
  } catch (error) {
    find("status").textContent = error.message;
    find("again").disabled = false;
  }
});

if (location.hash === "#open") history.replaceState(null, "", location.pathname);
setInterval(() => showPhases(find("phases"), phases, Date.now() + ahead), 500);
if (id) connect();
else begin();
