import assert from "node:assert/strict";
import test from "node:test";
import { findAll, findFailure } from "../../services/sessions/src/heliostat_sessions/static/finding.js";

test("every place is found, in any case, and nothing is a pattern", () => {
  const lines = ["An error. error!", "", "ERROR (x)"];
  assert.deepEqual(findAll(lines, "error").map(({ line, start }) => [line, start]), [[0, 3], [0, 10], [2, 0]]);
  assert.deepEqual(findAll(lines, "(x)").map(({ line, start }) => [line, start]), [[2, 6]]);
  assert.deepEqual(findAll(lines, "error", 1).map(({ line }) => line), [2]);
  assert.deepEqual(findAll(lines, "."), [{ line: 0, start: 8, length: 1 }]);
  assert.deepEqual(findAll(lines, ""), []);
});

test("the failing line is where the words of the reason begin", () => {
  const solve = ["Resolving", "  × No solution found:", "  ╰─▶ Because a needs b>2", "      and b<1, it cannot be."];
  assert.equal(findFailure(solve, "The requirements cannot be met: No solution found: Because a needs b>2 and b<1, it cannot be."), 1);
  assert.equal(findFailure(["one", "boom", "cleaning up"], "The script failed: cleaning up"), 2);
});

test("without such words it is the last line", () => {
  assert.equal(findFailure(["one", "two"], "It took too long"), 1);
  assert.equal(findFailure([], "It took too long"), null);
});
