import { base, send } from "./api.js";

const POLL = 2000; // milliseconds between looks at what is changing
const problem = document.getElementById("problem");
const form = document.getElementById("launch");

async function attempt(button, action) {
  problem.textContent = "";
  for (const field of form.querySelectorAll("[aria-invalid]")) field.removeAttribute("aria-invalid");
  button.disabled = true;
  try {
    await action();
  } catch (error) {
    problem.textContent = error.message;
    const field = form.elements[error.field];
    field?.setAttribute("aria-invalid", "true");
    field?.focus();
  } finally {
    button.disabled = false;
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const body = { repo: form.elements.repo.value.trim(), new: form.elements.new.checked };
  for (const name of ["ref", "path", "server_name"]) {
    const value = form.elements[name].value.trim();
    if (value) body[name] = value;
  }
  attempt(form.querySelector("button"), async () => {
    const launch = await send("POST", "launches", body);
    location.assign(`${base}launches/${launch.id}#open`);
  });
});

document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-path]");
  if (!button || (button.dataset.confirm && !confirm(button.dataset.confirm))) return;
  attempt(button, async () => {
    await send(button.dataset.method, `sessions/${button.dataset.path}`);
    await refresh();
  });
});

let timer;

// Only the lists are replaced: what somebody is typing into the form stays.
async function refresh() {
  clearTimeout(timer);
  const response = await fetch(location.pathname).catch(() => null);
  if (response?.ok) {
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    const mine = page.getElementById("mine");
    if (!mine) location.reload(); // signed out meanwhile
    else document.getElementById("mine").replaceWith(mine);
  }
  watch();
}

function watch() {
  clearTimeout(timer);
  if (document.querySelector("[data-changing]")) timer = setTimeout(refresh, POLL);
}

watch();
