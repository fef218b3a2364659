import { base, send } from "./api.js";

const find = (id) => document.getElementById(id);
const id = find("launch").dataset.id;
const log = find("log");

// The browser sends the last id by itself when it connects again, so no line is lost and none comes twice.
const source = new EventSource(`${base}api/v1/launches/${id}/events`);

source.addEventListener("message", (event) => {
  const message = JSON.parse(event.data);
  if (message.line === undefined) find("status").textContent = message.message;
  if (message.progress !== undefined) find("progress").value = message.progress;
  const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
  log.append(`${message.message}\n`);
  if (atEnd) log.scrollTop = log.scrollHeight;
  if (message.final) finish(message);
});

function finish(message) {
  source.close();
  find("cancel").hidden = true;
  if (message.url) {
    find("open").href = message.url;
    find("open").hidden = false;
    location.replace(message.url);
  }
  if (message.error) showProblem(message.error);
}

function showProblem(error) {
  find("progress").hidden = true;
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
  send("DELETE", `launches/${id}`).catch((error) => { find("status").textContent = error.message; });
});
