// The field for a new server's name: while somebody types, policy's own words say why a name would be refused.
import { send } from "../api.js";
import { make, setText, showProblem } from "./elements.js";

const PAUSE = 300; // milliseconds without a key before a name is asked about

/** Build the form; `create` gets a name and makes the server. */
export function buildNaming({ create }) {
  const reason = make("div", { id: "heliostat-name-reason", className: "form-text", role: "status" });
  const left = make("span", { id: "heliostat-left", className: "text-body-secondary" });
  const alert = make("div", { className: "alert alert-danger py-2 mt-2", role: "alert", hidden: true });
  const input = make("input", { id: "heliostat-name", className: "form-control", autocomplete: "off", spellcheck: false, "aria-describedby": "heliostat-name-reason heliostat-left" });
  const submit = make("button", { type: "submit", className: "btn btn-primary" }, "Create and start");
  const element = make("form", { className: "mb-4" },
    make("label", { htmlFor: "heliostat-name", className: "form-label mb-1" }, "Name of a new server"),
    make("div", { className: "input-group" }, input, submit), reason, left, alert);
  let timer = 0;
  let asked = 0;

  function show(check) {
    const refused = Boolean(check && !check.allowed);
    input.classList.toggle("is-invalid", refused);
    input.setAttribute("aria-invalid", String(refused));
    reason.classList.toggle("text-danger-emphasis", refused);
    setText(reason, refused ? [check.message, check.remedy].filter(Boolean).join(". ") : check ? `${check.name} is free` : "");
  }

  async function check() {
    const number = ++asked;
    const name = input.value.trim();
    if (!name) return show(null);
    try {
      const answer = await send("GET", `server-names/${encodeURIComponent(name)}`);
      if (number === asked) show(answer);
    } catch {
      if (number === asked) show(null); // creating it will say what is wrong
    }
  }

  input.addEventListener("input", () => {
    clearTimeout(timer);
    showProblem(alert, null);
    timer = setTimeout(check, PAUSE);
  });

  element.addEventListener("submit", async (event) => {
    event.preventDefault();
    clearTimeout(timer);
    const name = input.value.trim();
    if (!name) return input.focus();
    submit.disabled = true;
    showProblem(alert, null);
    try {
      await create(name);
      asked += 1;
      input.value = "";
      show(null);
    } catch (problem) {
      showProblem(alert, problem);
      input.focus();
    } finally {
      submit.disabled = false;
    }
  });
  return { element, showLeft: (text) => setText(left, text) };
}
