// How the list of servers says things: pure functions of what the service answered and of the time.
const UNITS = ["KiB", "MiB", "GiB", "TiB"];
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** Bytes as people read them, in powers of 1024. */
export function sayBytes(bytes) {
  if (bytes < 1024) return `${bytes} B`;
  let size = bytes / 1024;
  let unit = 0;
  while (size >= 1024 && unit < UNITS.length - 1) {
    size /= 1024;
    unit += 1;
  }
  return `${size < 10 ? size.toFixed(1).replace(/\.0$/, "") : Math.round(size)} ${UNITS[unit]}`;
}

/** A duration in milliseconds to the minute, in its two largest units. */
export function sayDuration(milliseconds) {
  if (milliseconds < MINUTE) return "less than a minute";
  const parts = [[DAY, "d"], [HOUR, "h"], [MINUTE, "min"]];
  const first = parts.findIndex(([unit]) => milliseconds >= unit);
  let left = milliseconds;
  return parts.slice(first, first + 2)
    .map(([unit, name]) => {
      const count = Math.floor(left / unit);
      left -= count * unit;
      return count ? `${count} ${name}` : "";
    })
    .filter(Boolean)
    .join(" ");
}

/** How long ago a time was; clocks that are ahead say "just now". */
export function sayAgo(time, now) {
  const passed = now - Date.parse(time);
  return passed < MINUTE ? "just now" : `${sayDuration(passed)} ago`;
}

const SOURCES = { start: "its start", requests: "use of its pages", kernel: "a kernel", terminal: "a terminal", hub: "as JupyterHub saw it" };

/** When a server was last active, and what was seen. */
export function sayActivity(view, now) {
  if (!view.last_activity) return "never active";
  const source = SOURCES[view.activity_source];
  return `${sayAgo(view.last_activity, now)}${source ? ` (${source})` : ""}`;
}

/** When a running server will be stopped, and the rule behind it; null where nothing is known. */
export function sayIdle(idle, now) {
  if (!idle) return null;
  if (!idle.stop_at) return { text: idle.reason, rule: idle.rule, soon: false };
  const left = Date.parse(idle.stop_at) - now;
  const text = left <= 0 ? "due to be stopped" : `in ${sayDuration(left)} if nothing happens`;
  return { text: `${text}. ${idle.reason}`, rule: idle.rule, soon: idle.rule === "idle_warning" || left <= 0 };
}

/** Used storage in percent and in words; null where there is none. */
export function sayStorage(storage, now) {
  if (storage.limit === null) return null;
  if (storage.used === null) return { percent: 0, text: `not measured yet, of ${sayBytes(storage.limit)}` };
  const percent = Math.min(100, Math.round((100 * storage.used) / storage.limit));
  const measured = storage.measured_at ? `, measured ${sayAgo(storage.measured_at, now)}` : "";
  return { percent, text: `${sayBytes(storage.used)} of ${sayBytes(storage.limit)} (${percent} %)${measured}` };
}

/** The limits this host does not enforce, one sentence each. */
export function sayUnenforced(limits) {
  return limits.filter((limit) => !limit.enforced).map(({ resource, reason }) => `${resource} is not limited on this host${reason ? `: ${reason}` : ""}`);
}

/** A commit as people recognise it: the end of the repository's address, and the first characters of the commit. */
export function sayOrigin({ repo, commit }) {
  if (!repo) return null;
  const path = repo.replace(/^[a-z+]+:\/\/[^/]*\//i, "").replace(/\.git$/, "").replace(/\/+$/, "");
  return `${path || repo}${commit ? ` @ ${commit.slice(0, 12)}` : ""}`;
}

/** An address that may be a link, or null: what is not of the web could be a script. */
export function webAddress(text) {
  return /^https?:\/\//i.test(text ?? "") ? text : null;
}

export const title = (name) => name || "My Server";
export const segment = (name) => encodeURIComponent(name || "~default");

/** The number of named servers left, as a sentence. */
export function sayLeft(servers, rules) {
  const limit = rules.named_servers;
  const left = Math.max(0, limit - servers.filter((view) => view.name).length);
  return `${left} of ${limit} named server${limit === 1 ? "" : "s"} left`;
}
