// Giving others access to a server, seeing who has it, taking it back.
import { send } from "../api.js";
import { button, make, openDialog, showProblem } from "./elements.js";
import { segment, title } from "./words.js";

const TOGETHER = {
  yes: "This server has real-time collaboration: everybody sees the others' changes as they type.",
  no: "This server has no real-time collaboration: everybody opens the same files, and the last one to save a file wins.",
};

/** Open the dialog for one server; `collaboration` says whether servers here have real-time collaboration. */
export async function openSharing(view, { collaboration, announce }) {
  const path = `sessions/${segment(view.name)}/shares`;
  const list = make("ul", { className: "list-unstyled heliostat-shares", "aria-label": "Who has access" });
  const alert = make("div", { className: "alert alert-danger py-2", role: "alert", hidden: true });
  const kind = make("select", { className: "form-select heliostat-kind", "aria-label": "Person or group" },
    make("option", { value: "user" }, "Person"), make("option", { value: "group" }, "Group"));
  const guest = make("input", { className: "form-control", required: true, maxLength: 255, autocomplete: "off", "aria-label": "User name or name of the group" });
  const form = make("form", { className: "input-group mb-2" }, kind, guest, make("button", { type: "submit", className: "btn btn-primary" }, "Share"));
  const everybody = button("Take back from everybody", "outline-contrast", () => change(() => send("DELETE", path), `${title(view.name)} is not shared any more`));
  const close = button("Close", "secondary", () => dialog.close());
  const dialog = openDialog(`Share ${title(view.name)}`,
    make("p", {}, "Whoever you add can open this server while it runs, and read, change and run everything in it as you can. They cannot start, stop, delete or share it."),
    make("p", { className: "text-body-secondary" }, TOGETHER[collaboration ? "yes" : "no"]),
    form, alert, list,
    make("p", { className: "text-break" }, "Its address: ", make("a", { href: view.url }, view.url)),
    make("div", { className: "d-flex flex-wrap gap-2 justify-content-end" }, everybody, close));

  async function refresh() {
    const shares = await send("GET", path);
    everybody.hidden = shares.length === 0;
    list.replaceChildren(...(shares.length ? shares.map(buildItem) : [make("li", {}, "Nobody else has access.")]));
  }

  function buildItem(share) {
    const name = `${share.kind} ${share.name}`;
    const revoke = () => change(() => send("DELETE", `${path}/${share.kind}/${encodeURIComponent(share.name)}`), `${name} has no access any more`);
    return make("li", {}, make("span", { className: "text-break" }, name), button("Take back", "outline-contrast", revoke, `Take access back from ${name}`));
  }

  async function change(request, done) {
    showProblem(alert, null);
    try {
      if (request) await request();
      await refresh();
      if (done) announce(done);
    } catch (problem) {
      showProblem(alert, problem);
    }
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const body = { [kind.value]: guest.value.trim() };
    change(async () => {
      await send("POST", path, body);
      guest.value = "";
    }, `${title(view.name)} is shared with ${guest.value.trim()}`);
  });
  guest.focus();
  await change();
}
