// The list of servers on JupyterHub's home page, kept up to date. Until it is there, and when the service is away, the
// hub's own plain list stays. Requests carry this service's cookie, and changes the token `signIn` gets for it.
import { base, send } from "../api.js";
import { Card } from "./cards.js";
import { button, make, openDialog, setText } from "./elements.js";
import { buildNaming } from "./naming.js";
import { showShared } from "./shared.js";
import { openSharing } from "./sharing.js";
import { sayBytes, sayLeft, segment, title } from "./words.js";

const SOON = 2_000; // milliseconds between looks while a server changes
const RETRY = 5_000; // while the service is away
const LATER = 15_000;
const RARELY = 60_000; // what changes seldom: rules, and what others share
const SETTLED = new Set(["running", "stopped"]);
const page = document.getElementById("heliostat-home");
const { user, hub, collaboration } = page.dataset;
const find = (id) => document.getElementById(`heliostat-${id}`);
const notice = find("notice");
const list = find("servers");
const cards = new Map();
const context = { collaboration: collaboration === "true", announce: (text) => setText(find("live"), text) };
const naming = buildNaming({ create });
let timer = 0;
let looking = null;
let signedIn = false;
let rules = null;
let askedRarely = 0;

find("new").append(naming.element);
document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(timer) : look()));
look();

/** Get this service's cookie and the token for changes, by way of the hub where needed: one request, redirected. */
async function signIn() {
  // The hub lets a script's request through without its own token only where the script cannot set headers.
  const response = await fetch(`${base}browser`, { mode: "no-cors", credentials: "same-origin", cache: "no-store" });
  const answer = await response.json().catch(() => null);
  if (!answer?.csrf) throw new Error("The sign-in to Heliostat did not succeed. Reload the page to sign in again.");
  if (answer.user !== user) throw new Error(`Signed in as ${answer.user} a moment ago; waiting for ${user}.`);
  document.querySelector('meta[name="heliostat-csrf"]').content = answer.csrf;
  signedIn = true;
}

/** Look now, and again later; only one look at a time. */
function look() {
  clearTimeout(timer);
  looking ??= refresh().finally(() => {
    looking = null;
    if (!document.hidden) timer = setTimeout(look, !notice.hidden ? RETRY : isChanging() ? SOON : LATER);
  });
  return looking;
}

async function refresh() {
  try {
    if (!signedIn) await signIn();
    const [servers] = await Promise.all([send("GET", "sessions"), lookAround()]);
    if (servers.some((view) => view.user !== user)) throw new Error("Somebody else is signed in here now. Reload the page.");
    show(servers);
    naming.showLeft(rules ? sayLeft(servers, rules) : "");
    find("plain").hidden = true;
    find("list").hidden = false;
    notice.hidden = true;
    notice.classList.remove("heliostat-late");
  } catch (problem) {
    if (problem.status === 401) signedIn = false;
    setText(notice, cards.size || find("plain").hidden
      ? `This list is not up to date. ${problem.message}`
      : `Only JupyterHub's own list can be shown now. ${problem.message}`);
    notice.hidden = false;
    notice.classList.remove("heliostat-late");
    find("plain").classList.remove("heliostat-late");
  }
}

/** Ask for what the list can do without: policy or the hub may be away while the servers are known. */
async function lookAround() {
  if (Date.now() - askedRarely < RARELY) return;
  askedRarely = Date.now();
  const [shared, policy] = await Promise.allSettled([send("GET", "shared"), send("GET", "policy")]);
  rules = policy.value?.rules ?? rules;
  if (shared.value) showShared(find("shared"), find("shared-list"), shared.value);
}

function isChanging() {
  return [...cards.values()].some((card) => !SETTLED.has(card.view.state));
}

function show(servers) {
  const now = Date.now();
  const order = [...servers].sort((one, other) => one.name.localeCompare(other.name));
  if (!order.some((view) => !view.name)) order.unshift(absentDefault());
  const names = new Set(order.map((view) => view.name));
  for (const [name, card] of cards) if (!names.has(name)) drop(card);
  for (const [place, view] of order.entries()) {
    let card = cards.get(view.name);
    if (!card) cards.set(view.name, (card = new Card(view, { start, stop, share, remove })));
    else if (card.view.state !== view.state) context.announce(`${title(view.name)} is ${view.state}`);
    card.update(view, { now, hub });
    if (view.absent) card.share.hidden = card.remove.hidden = true;
    if (list.children[place] !== card.element) list.insertBefore(card.element, list.children[place] ?? null);
  }
}

/** The default server before its first start: everybody has one, and the service does not know of it yet. */
function absentDefault() {
  return { absent: true, name: "", user, state: "stopped", repo: null, last_activity: null, idle: null, limits: [], storage: { limit: null }, url: "", links: {} };
}

function drop(card) {
  const focused = card.element.contains(document.activeElement);
  card.element.remove();
  cards.delete(card.name);
  context.announce(`${title(card.name)} is deleted`);
  if (focused) find("heading").focus();
}

async function create(name) {
  await send("POST", "sessions", { name });
  await lookAgain();
}

async function act(card, request) {
  card.say(null);
  card.setBusy(true);
  try {
    await request();
    await lookAgain();
  } catch (problem) {
    card.say(problem);
  } finally {
    card.setBusy(false);
  }
}

/** Look once what is asked for has begun; a look under way may have begun before it. */
async function lookAgain() {
  if (looking) await looking;
  await look();
}

function start(card) {
  return act(card, () => (card.view.absent ? send("POST", "sessions", { name: "" }) : send("POST", `sessions/${segment(card.name)}/start`)));
}

function stop(card) {
  return act(card, () => send("POST", `sessions/${segment(card.name)}/stop`));
}

function share(card) {
  return openSharing(card.view, context);
}

function remove(card) {
  const { used } = card.view.storage;
  const size = used ? ` (${sayBytes(used)})` : "";
  const confirm = button("Delete", "danger", () => {
    dialog.close();
    act(card, () => send("DELETE", `sessions/${segment(card.name)}`));
  });
  const cancel = button("Cancel", "secondary", () => dialog.close());
  const dialog = openDialog(`Delete ${title(card.name)}?`,
    make("p", {}, `The server is stopped, and all files in it${size} are deleted for good.`),
    make("div", { className: "d-flex gap-2 justify-content-end" }, cancel, confirm));
  cancel.focus();
}
