import assert from "node:assert/strict";
import test from "node:test";
import { advance, describePhase, formatElapsed, measurePhase, NOTHING, PHASES } from "../../services/sessions/src/heliostat_sessions/static/phases.js";

const at = (second) => new Date(1000 * second).toISOString();
const after = (...messages) => messages.reduce(advance, NOTHING);
const shown = (state) => PHASES.map((phase) => describePhase(state, phase));
const BEGUN = [{ phase: "request", time: at(0) }, { phase: "plan", time: at(1) }, { phase: "build", time: at(1) }];

test("a launch goes through its phases", () => {
  assert.deepEqual(shown(NOTHING), ["current", "waiting", "waiting", "waiting"]);
  assert.deepEqual(shown(after(...BEGUN)), ["done", "current", "waiting", "waiting"]);
  const ready = after(...BEGUN, { phase: "spawn", time: at(70) }, { phase: "ready", time: at(75), final: true });
  assert.deepEqual(shown(ready), ["done", "done", "done", "done"]);
  assert.deepEqual(PHASES.map((phase) => measurePhase(ready, phase, 0)), [1000, 69_000, 5000, null]);
});

test("a phase that goes on is measured until now", () => {
  const building = after(...BEGUN);
  assert.equal(measurePhase(building, "build", 5000), 4000);
  assert.equal(measurePhase(building, "build", 0), 0, "a clock that is behind gives no negative time");
  assert.equal(measurePhase(building, "launch", 5000), null);
});

test("how it ended is shown at the phase in which it ended", () => {
  const failed = after(...BEGUN, { phase: "failed", time: at(9), final: true });
  assert.deepEqual(shown(failed), ["done", "failed", "waiting", "waiting"]);
  assert.equal(measurePhase(failed, "build", 1e9), 8000);
});

test("elapsed times are short", () => {
  assert.equal(formatElapsed(900), "0 s");
  assert.equal(formatElapsed(59_999), "59 s");
  assert.equal(formatElapsed(125_000), "2 min 05 s");
});
