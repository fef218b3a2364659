// Buttons of administrators' pages: each says what it asks the API for, and what to ask the administrator first.
import { send } from "./api.js";

const problem = document.getElementById("problem");

document.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-path]");
  if (!button || !confirm(button.dataset.confirm)) return;
  problem.textContent = "";
  button.disabled = true;
  try {
    await send(button.dataset.method, button.dataset.path);
    location.reload();
  } catch (error) {
    problem.textContent = error.message;
    button.disabled = false;
  }
});
