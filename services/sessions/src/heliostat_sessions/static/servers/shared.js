// Servers of others that the user may open.
import { make } from "./elements.js";
import { sayOrigin, title } from "./words.js";

/** Fill a section with the servers; it is hidden while there are none. */
export function showShared(section, list, servers) {
  section.hidden = servers.length === 0;
  const known = JSON.stringify(servers);
  if (list.dataset.known === known) return;
  list.dataset.known = known;
  list.replaceChildren(...servers.map(buildItem));
}

function buildItem(server) {
  const name = `${title(server.name)} of ${server.owner}`;
  const through = server.shared_with.kind === "group" ? `through the group ${server.shared_with.name}` : "with you";
  const origin = sayOrigin(server);
  return make("li", { className: "heliostat-server", "data-shared": `${server.owner}/${server.name}` },
    make("h3", { className: "h5 mb-1 text-break" }, name),
    make("p", { className: "mb-2 text-break" }, [origin, `shared ${through}`].filter(Boolean).join(", ")),
    server.ready
      ? make("a", { className: "btn btn-sm btn-success", href: server.url, "aria-label": `Open ${name}` }, "Open")
      : make("span", { className: "text-body-secondary" }, `Not running; only ${server.owner} can start it.`));
}
