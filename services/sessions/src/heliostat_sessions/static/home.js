import { base, send } from "./api.js";

const problem = document.getElementById("problem");

async function attempt(action) {
  problem.textContent = "";
  try {
    await action();
  } catch (error) {
    problem.textContent = error.message;
  }
}

document.getElementById("launch").addEventListener("submit", (event) => {
  event.preventDefault();
  const form = event.target;
  const body = { repo: form.repo.value.trim(), new: form.elements.new.checked };
  for (const name of ["ref", "path", "server_name"]) {
    const value = form.elements[name].value.trim();
    if (value) body[name] = value;
  }
  attempt(async () => {
    const launch = await send("POST", "launches", body);
    location.assign(`${base}launches/${launch.id}`);
  });
});

for (const button of document.querySelectorAll("button[data-path]")) {
  button.addEventListener("click", () => {
    if (button.dataset.confirm && !confirm(button.dataset.confirm)) return;
    attempt(async () => {
      button.disabled = true;
      await send(button.dataset.method, `sessions/${button.dataset.path}`);
      location.reload();
    }).finally(() => { button.disabled = false; });
  });
}
