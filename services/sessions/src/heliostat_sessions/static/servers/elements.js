// Building and changing pieces of the page; text is always set as text, never as markup.

/** Make an element: properties and `data-`/`aria-` attributes, then children (elements or text); undefined and null are left out. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined) continue;
    if (name in element && !name.includes("-")) element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

/** Set a text only when it changes, so that screen readers and selections are left alone. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function button(text, style, action, label) {
  const made = make("button", { type: "button", className: `btn btn-sm btn-${style}`, "aria-label": label }, text);
  made.addEventListener("click", action);
  return made;
}

/** Show a problem's own words in an alert, or take them away with null. */
export function showProblem(alert, problem) {
  setText(alert, problem ? problem.message : "");
  alert.hidden = !problem;
}

/** A modal dialog of the browser's own: it keeps the focus, closes with Escape and gives the focus back. */
export function openDialog(heading, ...children) {
  const id = `dialog-${crypto.randomUUID?.() ?? Date.now()}`;
  const dialog = make("dialog", { className: "heliostat-dialog", "aria-labelledby": id }, make("h2", { id, className: "h4" }, heading), ...children);
  document.body.append(dialog);
  dialog.addEventListener("close", () => dialog.remove());
  dialog.showModal();
  return dialog;
}
