// Trying and changing the policy: faults are shown with their place in the text, effects as sentences.
import { send } from "./api.js";

const form = document.getElementById("change");
const { source, comment } = form.elements;
const faults = document.getElementById("faults");
const effects = document.getElementById("effects");

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const trying = event.submitter?.value !== "put";
  if (!trying && !confirm("Put this policy in force for everybody?")) return;
  faults.replaceChildren();
  effects.replaceChildren();
  source.removeAttribute("aria-invalid");
  const body = {
    source: source.value, comment: comment.value, dry_run: trying, expected_version: Number(form.dataset.version),
  };
  enable(false);
  try {
    showEffects(await send("PUT", "admin/policies", body));
  } catch (error) {
    showFaults(error);
  } finally {
    enable(true);
  }
});

enable(true); // before this script runs, the browser would send the form itself

function enable(whether) {
  for (const button of form.querySelectorAll("button")) button.disabled = !whether;
}

function showEffects({ version, changed, effects: found }) {
  if (changed) return location.reload();
  const same = version === Number(form.dataset.version);
  const head = same ? `This is in force already, as version ${version}.` : `This can be put in force, as version ${version}.`;
  const changes = found.changes.map(({ scope, rule, before, after }) => `${scope}: ${rule} from ${say(before)} to ${say(after)}`);
  const excesses = found.excesses.map(({ user, message }) => `${user}: ${message}`);
  effects.append(
    paragraph(head),
    ...section(changes.length ? "It changes:" : "It changes no rule.", changes),
    ...(excesses.length ? section("These are above the new limits already, and are left alone:", excesses) : []),
  );
}

function showFaults(error) {
  source.setAttribute("aria-invalid", "true");
  const problems = error.answer?.details?.problems;
  if (!problems) return faults.append(paragraph(error.message));
  const list = document.createElement("ul");
  for (const { line, column, field, message, remedy } of problems) {
    const item = document.createElement("li");
    const jump = document.createElement("button");
    jump.type = "button";
    jump.className = "btn btn-sm btn-link p-0 align-baseline";
    jump.textContent = `Line ${line}, column ${column}`;
    jump.addEventListener("click", () => moveTo(line, column));
    item.append(jump, `${field ? ` (${field})` : ""}: ${message}. ${remedy ?? ""}`);
    list.append(item);
  }
  faults.append(list);
  moveTo(problems[0].line, problems[0].column);
}

function moveTo(line, column) {
  const lines = source.value.split("\n").slice(0, line);
  const start = lines.slice(0, -1).reduce((sum, text) => sum + text.length + 1, 0);
  source.focus();
  source.setSelectionRange(start + column - 1, start + (lines.at(-1)?.length ?? 0));
}

function section(title, lines) {
  const list = document.createElement("ul");
  for (const line of lines) list.append(Object.assign(document.createElement("li"), { textContent: line }));
  return [paragraph(title), list];
}

function paragraph(text) {
  return Object.assign(document.createElement("p"), { textContent: text });
}

function say(value) {
  return value === null ? "nothing" : JSON.stringify(value);
}
