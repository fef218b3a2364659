// One card per server. Elements stay and only change, so that the focus and what is being read stay too.
import { button, make, setText, showProblem } from "./elements.js";
import { sayActivity, sayIdle, sayOrigin, sayStorage, sayUnenforced, title, webAddress } from "./words.js";

const BADGES = { running: "success", starting: "warning", stopping: "warning", deleting: "danger", stopped: "secondary", unknown: "info" };

export class Card {
  /** `actions` has start, stop, remove and share; each gets the card. */
  constructor(view, actions) {
    this.name = view.name;
    this.view = view;
    this.busy = false;
    const name = title(view.name);
    const act = (action) => () => action(this);
    this.badge = make("span", { className: "badge" });
    this.origin = make("p", { className: "mb-1 text-break" });
    this.facts = make("dl", { className: "heliostat-facts mb-2" });
    this.alert = make("div", { className: "alert alert-danger py-2", role: "alert", hidden: true });
    this.open = make("a", { className: "btn btn-sm btn-success", "aria-label": `Open ${name}` }, "Open");
    this.progress = make("a", { className: "btn btn-sm btn-outline-contrast", "aria-label": `Show how ${name} starts` }, "Show progress");
    this.start = button("Start", "primary", act(actions.start), `Start ${name}`);
    this.stop = button("Stop", "outline-contrast", act(actions.stop), `Stop ${name}`);
    this.share = button("Share…", "outline-contrast", act(actions.share), `Share ${name}`);
    this.relaunch = make("a", { className: "btn btn-sm btn-outline-contrast", "aria-label": `Relaunch this commit of ${name} in a new server` }, "Relaunch this commit");
    this.remove = button("Delete…", "outline-contrast", act(actions.remove), `Delete ${name}`);
    this.controls = [this.open, this.progress, this.start, this.stop, this.share, this.relaunch, this.remove];
    this.heading = make("h2", { className: "h5 mb-0 text-break", tabIndex: -1 }, name);
    this.element = make("li", { className: "heliostat-server", "data-server-name": view.name },
      make("div", { className: "d-flex flex-wrap gap-2 align-items-center mb-1" }, this.heading, this.badge),
      this.origin, this.facts, this.alert, make("div", { className: "d-flex flex-wrap gap-2" }, ...this.controls));
  }

  update(view, { now, hub }) {
    const before = this.view.state;
    this.view = view;
    const { state, links } = view;
    setText(this.badge, state);
    this.badge.className = `badge text-bg-${BADGES[state] ?? "info"}`;
    this.#showOrigin(view);
    this.#showFacts(view, now);
    this.open.href = view.url;
    const server = view.name ? `/${encodeURIComponent(view.name)}` : "";
    this.progress.href = `${hub}spawn-pending/${encodeURIComponent(view.user)}${server}`;
    if (before === "starting" && state === "stopped") this.#sayNotStarted();
    if (links.relaunch) this.relaunch.href = links.relaunch;
    this.#choose({
      open: state === "running",
      progress: state === "starting",
      start: state === "stopped",
      stop: state === "running",
      share: state !== "deleting",
      relaunch: Boolean(links.relaunch),
      remove: state !== "deleting",
    });
  }

  say(problem) {
    showProblem(this.alert, problem);
  }

  setBusy(busy) {
    this.busy = busy;
    for (const control of this.controls) if (control.tagName === "BUTTON") control.disabled = busy;
  }

  /** The reason is the hub's to tell, on the page that showed the start. */
  #sayNotStarted() {
    this.alert.replaceChildren("It did not start, or was stopped meanwhile. ", make("a", { className: "alert-link", href: this.progress.href }, "What happened"));
    this.alert.hidden = false;
  }

  #choose(shown) {
    const focused = this.controls.includes(document.activeElement) && document.activeElement;
    for (const [name, show] of Object.entries(shown)) this[name].hidden = !show;
    if (focused && focused.hidden) this.heading.focus();
  }

  #showOrigin(view) {
    const text = sayOrigin(view) ?? "Default environment";
    if (this.origin.textContent === text) return;
    const address = webAddress(view.links.source) ?? webAddress(view.repo);
    this.origin.replaceChildren(view.repo && address ? make("a", { href: address, rel: "noreferrer" }, text) : text);
  }

  #showFacts(view, now) {
    const idle = view.state === "running" ? sayIdle(view.idle, now) : null;
    const storage = sayStorage(view.storage, now);
    const facts = [["Last activity", sayActivity(view, now)]];
    if (idle) facts.push(["Will be stopped", idle.text + (idle.rule ? ` (rule ${idle.rule})` : ""), idle.soon ? "text-danger-emphasis" : ""]);
    if (storage) facts.push(["Storage", storage.text, "", storage.percent]);
    if (view.state !== "stopped") for (const sentence of sayUnenforced(view.limits)) facts.push(["Not limited", sentence]);
    const known = JSON.stringify(facts);
    if (this.known === known) return;
    this.known = known;
    this.facts.replaceChildren(...facts.flatMap(([name, text, style, percent]) => [
      make("dt", {}, name),
      make("dd", { className: style ?? "" }, percent === undefined ? null : buildBar(percent, text), text),
    ]));
  }
}

function buildBar(percent, text) {
  const level = percent >= 95 ? "bg-danger" : percent >= 80 ? "bg-warning" : "bg-success";
  const bar = make("div", { className: `progress-bar ${level}` });
  bar.style.width = `${percent}%`;
  return make("div", { className: "progress", role: "progressbar", "aria-label": "Storage used", "aria-valuenow": percent, "aria-valuemin": 0, "aria-valuemax": 100, "aria-valuetext": text }, bar);
}
