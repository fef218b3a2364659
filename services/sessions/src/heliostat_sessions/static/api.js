// Requests to the API of this service, with the token that proves they come from its own pages.
const read = (name) => document.querySelector(`meta[name="${name}"]`).content;

export const base = read("heliostat-base");

export async function send(method, path, body) {
  const headers = { "X-Heliostat-CSRF": read("heliostat-csrf") };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const response = await fetch(`${base}api/v1/${path}`, { method, headers, body: JSON.stringify(body) });
  const answer = response.status === 204 ? null : await response.json();
  if (!response.ok) throw new Error([answer.message, answer.remedy].filter(Boolean).join(". "));
  return answer;
}
