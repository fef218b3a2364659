// The four phases people see of a launch, and how long each took, from the messages of its stream.

export const PHASES = ["resolve", "build", "launch", "ready"];

const PHASE_OF = {
  request: "resolve", plan: "build", build: "build", admit: "launch", spawn: "launch", ready: "ready",
  // BinderHub's words
  waiting: "resolve", fetching: "build", building: "build", built: "launch", launching: "launch",
};

/** What is known before the first message; `begun` holds when each phase began, in milliseconds. */
export const NOTHING = Object.freeze({ begun: {}, current: "resolve", outcome: null, ended: null });

/** The state after one more message; `outcome` is `ready`, `refused`, `failed` or `cancelled` once it is over. */
export function advance(state, message) {
  const time = Date.parse(message.time);
  const current = PHASE_OF[message.phase] ?? state.current;
  const begun = current in state.begun ? state.begun : { ...state.begun, [current]: time };
  return { begun, current, outcome: message.final ? message.phase : null, ended: message.final ? time : null };
}

/** How a phase is to be shown: `waiting`, `current`, `done`, or how the launch ended in it. */
export function describePhase(state, phase) {
  if (phase === state.current) return state.outcome === "ready" ? "done" : (state.outcome ?? "current");
  return PHASES.indexOf(phase) < PHASES.indexOf(state.current) ? "done" : "waiting";
}

/** How many milliseconds a phase took, or has taken by now; null when it has not begun or takes no time. */
export function measurePhase(state, phase, now) {
  const begin = state.begun[phase];
  if (begin === undefined || phase === "ready") return null;
  const next = PHASES.slice(PHASES.indexOf(phase) + 1).map((later) => state.begun[later]).find((time) => time !== undefined);
  return Math.max((next ?? state.ended ?? now) - begin, 0);
}

export function formatElapsed(milliseconds) {
  const seconds = Math.floor(milliseconds / 1000);
  const minutes = Math.floor(seconds / 60);
  return minutes ? `${minutes} min ${String(seconds % 60).padStart(2, "0")} s` : `${seconds} s`;
}
