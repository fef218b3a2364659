import { base, send } from "./api.js";

const RETRY = 2000; // milliseconds before another connection where the browser gave up
const SILENCE = 20000; // milliseconds; more than the service's heartbeat, which a page cannot see
const find = (id) => document.getElementById(id);
const id = find("launch").dataset.id;
const log = find("log");
// Who waited for the server goes to it. Who comes back to a finished launch wants to read this page.
const going = location.hash === "#open" || find("launch").dataset.final === "false";

let last = ""; // id of the last message
let lines = []; // not yet shown
let source;
let timer;

// While a connection is only interrupted the browser resumes it by itself, after the last id it has. After an answer
// other than 200, such as the proxy's 503 while the service restarts, it gives up: then this page resumes. And the proxy
// keeps a connection open whose service was killed: so this page also resumes when nothing has come for a while.
function connect() {
  source?.close();
  resumeAfter(SILENCE);
  source = new EventSource(`${base}api/v1/launches/${id}/events${last && `?after=${last}`}`);
  source.addEventListener("message", receive);
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
  if (message.line === undefined) find("status").textContent = message.message;
  if (message.progress !== undefined) find("progress").value = message.progress;
  if (!message.error) show(message.message);
  if (message.final) finish(message);
}

// A late reader gets thousands of lines at once: they are shown once per frame.
function show(line) {
  if (lines.push(`${line}\n`) === 1) setTimeout(flush, 16);
}

function flush() {
  const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
  log.append(lines.join(""));
  lines = [];
  if (atEnd) log.scrollTop = log.scrollHeight;
}

function finish(message) {
  source.close();
  clearTimeout(timer);
  find("cancel").hidden = true;
  find("progress").hidden = true;
  if (message.url) {
    find("open").href = message.url;
    find("open").hidden = false;
    if (going) location.replace(message.url);
    return;
  }
  find("again").hidden = false;
  if (message.error) showProblem(message);
}

function showProblem({ phase, error }) {
  find("status").textContent = phase === "refused" ? "Refused" : "Failed";
  find("reason").textContent = error.message;
  find("remedy").textContent = error.remedy ?? "";
  for (const server of error.details?.servers ?? []) {
    const item = document.createElement("li");
    item.textContent = `${server.name} (${server.state}) ${server.repo ?? ""}`;
    find("servers").append(item);
  }
  find("problem").hidden = false;
}

find("cancel").addEventListener("click", () => {
  find("cancel").disabled = true;
  send("DELETE", `launches/${id}`).catch((error) => {
    find("status").textContent = error.message;
    find("cancel").disabled = false;
  });
});

connect();
