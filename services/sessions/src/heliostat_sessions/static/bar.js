// The phases of a launch as a bar on its page.
import { describePhase, formatElapsed, measurePhase } from "./phases.js";

export function showPhases(bar, phases, now) {
  for (const item of bar.children) {
    const { phase } = item.dataset;
    const state = describePhase(phases, phase);
    const time = measurePhase(phases, phase, now);
    if (item.dataset.state !== state) {
      item.dataset.state = state;
      item.querySelector(".said").textContent = state;
    }
    item.querySelector(".elapsed").textContent = time === null ? "" : formatElapsed(time);
  }
}
