// The page of a launch without a sign-in: the stream that BinderHub's clients follow. The id of its first message is kept
// while the launch is under way, so that a reload reads on from there and launches nothing again.
import { showPhases } from "./bar.js";
import { readFrames } from "./frames.js";
import { LogView } from "./log.js";
import { advance, NOTHING } from "./phases.js";

const RETRY = 2000; // milliseconds before another connection
const OUTPUT = new Set(["fetching", "building"]);
const find = (id) => document.getElementById(id);
const page = find("launch").dataset;
const place = `launch ${location.pathname}${location.search}`;
const controls = Object.fromEntries(["follow", "find", "found", "previous", "next"].map((name) => [name, find(name)]));
const log = new LogView({ box: find("log"), ...controls });
let phases = NOTHING;
let lines = 0;

async function follow() {
  let last = sessionStorage.getItem(place);
  while (!phases.outcome) {
    try {
      for await (const { id, data } of readFrames(page.stream, last)) {
        if (id && !last) sessionStorage.setItem(place, id);
        last = id ?? last;
        receive(JSON.parse(data));
      }
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // a lost connection is one
      find("status").textContent = "The connection is lost; trying again. The launch goes on.";
    }
    await new Promise((resolve) => setTimeout(resolve, RETRY));
  }
}

function receive(message) {
  if (phases.outcome) return;
  const final = ["ready", "failed"].includes(message.phase);
  phases = advance(phases, { phase: message.phase, time: new Date().toISOString(), final });
  const text = (message.message ?? "").trimEnd();
  if (OUTPUT.has(message.phase)) lines += 1;
  else find("status").textContent = text;
  log.add(text, OUTPUT.has(message.phase) ? lines : undefined);
  if (final) finish(message, text);
}

function finish({ phase, url, token }, text) {
  sessionStorage.removeItem(place);
  if (phase === "ready") {
    const target = new URL(page.opening, url);
    target.searchParams.set("token", token);
    location.replace(target);
    return;
  }
  find("status").textContent = "Failed";
  find("reason").textContent = text;
  find("problem").hidden = false;
}

setInterval(() => showPhases(find("phases"), phases, Date.now()), 500);
follow();
