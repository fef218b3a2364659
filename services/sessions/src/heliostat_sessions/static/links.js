// Repositories as people write them, and the links and badges that launch them. Providers are described as BinderHub's
// api/repoproviders does: { id, detect: { regex }, repo: { urlEncode }, ref: { enabled, default } }.

const DOI = /^(?:https?:\/\/(?:dx\.)?doi\.org\/|doi:\s*)?(10\.\d{4,9}\/\S+)$/i;
// Whose a DOI is; every institution has a Dataverse with a prefix of its own.
const DOI_HOMES = [[/zenodo/i, "zenodo"], [/figshare/i, "figshare"], [/^10\.4211\/hs/i, "hydroshare"], [/^/, "dataverse"]];
// Pages of records, and what to keep of their addresses.
const RECORDS = [
  [/^https?:\/\/zenodo\.org\/records?\/(\d+)/, "zenodo", ([, id]) => `10.5281/zenodo.${id}`],
  [/^https?:\/\/(?:[\w-]+\.)?figshare\.com\/articles\/(?:[^/]+\/){1,2}(\d+)(?:\/(\d+))?\/?$/, "figshare",
    ([, id, version]) => `10.6084/m9.figshare.${id}${version ? `.v${version}` : ""}`],
  [/^https?:\/\/(?:www\.)?hydroshare\.org\/resource\/[0-9a-f]{32}/, "hydroshare", ([address]) => address],
  [/[?&]persistentId=(?:doi:)?(10\.\d{4,9}\/[^&#\s]+)/i, "dataverse", ([, doi]) => doi],
  [/^https?:\/\/[^/]+\/(?:[^?#]*\/)?dataset\/[^?#]+(?:\?activity_id=[\w-]+)?/, "ckan", ([address]) => address],
];
const BINDER_LINK = /^https?:\/\/[^?#]*?\/v2\/([a-z0-9_-]+)\/([^?#]+)(?:\?([^#]*))?/;
const INSIDE = /^(https?:\/\/.+?)\/(?:-\/)?(tree|blob)\/([^/?#]+)(?:\/([^?#]*))?/;

/**
 * Read what somebody pasted while a provider was chosen. Returns the fields it fills (provider, repo, ref, path, kind), or null when it is nothing
 * that is recognised. A branch whose name has a slash cannot be told from a folder in an address; it is taken as one part.
 */
export function recognise(text, providers, chosen) {
  const written = text.trim();
  return readBinderLink(written, providers) ?? readInside(written, providers) ?? readRepository(written, providers) ?? readRecord(written, providers) ?? readAddress(written, providers, chosen);
}

function readBinderLink(text, providers) {
  const match = BINDER_LINK.exec(text);
  const provider = match && providers.find(({ id }) => id === match[1]);
  if (!provider) return null;
  const parts = match[2].replace(/\/+$/, "").split("/");
  const ofRepo = provider.ref.enabled ? (provider.repo.urlEncode ? 1 : 2) : parts.length;
  const query = new URLSearchParams(match[3] ?? "");
  const file = query.get("labpath") ?? query.get("filepath");
  return {
    provider: provider.id,
    repo: decode(parts.slice(0, ofRepo).join("/")),
    ref: decode(parts.slice(ofRepo).join("/")),
    path: file ?? query.get("urlpath") ?? "",
    kind: file === null && query.has("urlpath") ? "url" : "file",
  };
}

function readInside(text, providers) {
  const match = INSIDE.exec(text);
  const found = match && (readRepository(match[1], providers) ?? readAddress(match[1], providers));
  return found && { ...found, ref: decode(match[3]), path: decode(match[4] ?? "").replace(/\/$/, ""), kind: "file" };
}

function readRepository(text, providers) {
  for (const { id, detect } of providers) {
    const repo = detect && new RegExp(detect.regex).exec(text)?.groups?.repo;
    // The expression takes everything, and leaves out of an address of its provider's what is before the repository.
    if (repo && !text.startsWith(repo)) return { provider: id, repo: repo.replace(/\.git$/, "") };
  }
  return null;
}

function readRecord(text, providers) {
  const known = (id) => providers.some((provider) => provider.id === id);
  for (const [pattern, provider, build] of RECORDS) {
    const match = pattern.exec(text);
    if (match && known(provider)) return { provider, repo: build(match) };
  }
  const doi = DOI.exec(text)?.[1];
  const home = doi && DOI_HOMES.find(([sign]) => sign.test(doi))[1];
  return home && known(home) ? { provider: home, repo: doi } : null;
}

/** Any other address is one of a git repository, unless a provider of records was chosen, which have hosts we do not know. */
function readAddress(text, providers, chosen) {
  const git = providers.some(({ id }) => id === "git") && chosen?.ref.enabled !== false;
  return git && /^https?:\/\/[^/]+\/./.test(text) ? { provider: "git", repo: text } : null;
}

/** The link that launches: `<base>v2/<provider>/<spec>?…`, as BinderHub's. `kind` says what a path is: `file` or `url`. */
export function buildLink(base, provider, { repo, ref, path, kind }) {
  const spec = [encodeRepo(provider, repo), ...(provider.ref.enabled ? [encodeSegments(ref || provider.ref.default || "HEAD")] : [])];
  const query = path ? `?${kind === "url" ? "urlpath" : "filepath"}=${encodeURIComponent(path)}` : "";
  return `${base}v2/${provider.id}/${spec.join("/")}${query}`;
}

function encodeRepo(provider, repo) {
  return provider.repo.urlEncode ? encodeURIComponent(repo) : encodeSegments(repo);
}

function encodeSegments(text) {
  return text.split("/").map(encodeURIComponent).join("/");
}

function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The badge of a link in three languages. Links hold no character that ends Markdown's or reStructuredText's. */
export function buildBadges(link, image) {
  const target = link.replace(/[()'*!]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
  return {
    markdown: `[![Binder](${image})](${target})`,
    rst: `.. image:: ${image}\n   :target: ${target}\n   :alt: Binder`,
    html: `<a href="${escapeHtml(target)}"><img src="${escapeHtml(image)}" alt="Binder"></a>`,
  };
}

function escapeHtml(text) {
  return text.replaceAll("&", "&amp;").replaceAll('"', "&quot;").replaceAll("<", "&lt;");
}
