import assert from "node:assert/strict";
import test from "node:test";
import { takeFrames } from "../../services/sessions/src/heliostat_sessions/static/frames.js";

test("whole events are taken and the beginning of the next is left", () => {
  const { frames, rest } = takeFrames('id: 1.a\ndata: {"a": "b: c"}\n\n: heartbeat\n\ndata:x\n\nid: 2\nda');
  assert.deepEqual(frames, [{ id: "1.a", data: '{"a": "b: c"}' }, { data: "x" }]);
  assert.equal(rest, "id: 2\nda");
});
