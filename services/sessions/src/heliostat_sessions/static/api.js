// Requests to the API of this service, with the token that proves they come from its own pages.
const read = (name) => document.querySelector(`meta[name="${name}"]`).content;

export const base = read("heliostat-base");

/** What the service answered instead of what was asked for; status 0 when it did not answer. */
export class Problem extends Error {
  constructor(status, answer) {
    super([answer.message, answer.remedy].filter(Boolean).map(endSentence).join(" "));
    this.status = status;
    this.field = answer.field;
    this.answer = answer;
  }
}

/** Send a request and return the JSON of the answer; `options` are those of `fetch`. */
export async function send(method, path, body, { headers = {}, ...options } = {}) {
  const sent = { "X-Heliostat-CSRF": read("heliostat-csrf"), ...headers };
  if (body !== undefined) sent["Content-Type"] = "application/json";
  const response = await fetch(`${base}api/v1/${path}`, { ...options, method, headers: sent, body: JSON.stringify(body) })
    .catch(() => { throw new Problem(0, { message: "There is no connection to the service", remedy: "Try again in a moment" }); });
  const answer = response.status === 204 ? null : await response.json().catch(() => null);
  if (!response.ok) throw new Problem(response.status, answer ?? { message: `The service answers ${response.status}`, remedy: "Try again in a moment" });
  return answer;
}

function endSentence(text) {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
