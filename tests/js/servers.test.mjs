import assert from "node:assert/strict";
import test from "node:test";
import { sayActivity, sayAgo, sayBytes, sayDuration, sayIdle, sayLeft, sayOrigin, sayStorage, sayUnenforced, segment, webAddress } from "../../services/sessions/src/heliostat_sessions/static/servers/words.js";

const NOW = Date.parse("2026-11-23T12:00:00Z");
const at = (minutes) => new Date(NOW + minutes * 60_000).toISOString();

test("sizes are in powers of 1024, as the policy writes them", () => {
  assert.deepEqual([0, 1023, 1024, 1536, 64 * 2 ** 20, 2 * 2 ** 30].map(sayBytes), ["0 B", "1023 B", "1 KiB", "1.5 KiB", "64 MiB", "2 GiB"]);
});

test("durations have at most two units and no zeros", () => {
  const minutes = [0.5, 1, 59, 60, 118, 24 * 60, 25 * 60, 24 * 60 + 5];
  assert.deepEqual(minutes.map((count) => sayDuration(count * 60_000)), ["less than a minute", "1 min", "59 min", "1 h", "1 h 58 min", "1 d", "1 d 1 h", "1 d"]);
});

test("a clock that is ahead is now", () => {
  assert.equal(sayAgo(at(5), NOW), "just now");
  assert.equal(sayAgo(at(-5), NOW), "5 min ago");
  assert.equal(sayActivity({ last_activity: at(-90), activity_source: "kernel" }, NOW), "1 h 30 min ago (a kernel)");
  assert.equal(sayActivity({ last_activity: null }, NOW), "never active");
});

test("the countdown says its rule, and what is never stopped or not known has none", () => {
  const idle = { stop_at: at(117), rule: "idle_timeout", reason: "No activity for 3m" };
  assert.deepEqual(sayIdle(idle, NOW), { text: "in 1 h 57 min if nothing happens. No activity for 3m", rule: "idle_timeout", soon: false });
  assert.equal(sayIdle({ ...idle, stop_at: at(-1) }, NOW).soon, true);
  assert.equal(sayIdle({ ...idle, rule: "idle_warning" }, NOW).soon, true);
  assert.equal(sayIdle({ stop_at: null, rule: "idle_timeout", reason: "The policy never stops this server" }, NOW).text, "The policy never stops this server");
  assert.equal(sayIdle(null, NOW), null);
});

test("storage is a share of its limit, with its age", () => {
  const storage = { limit: 2 * 2 ** 30, used: 2 ** 29, measured_at: at(-2) };
  assert.deepEqual(sayStorage(storage, NOW), { percent: 25, text: "512 MiB of 2 GiB (25 %), measured 2 min ago" });
  assert.equal(sayStorage({ ...storage, used: 3 * 2 ** 30 }, NOW).percent, 100);
  assert.equal(sayStorage({ limit: 2 ** 30, used: null }, NOW).text, "not measured yet, of 1 GiB");
  assert.equal(sayStorage({ limit: null, used: null }, NOW), null);
});

test("only limits that are not enforced are named", () => {
  const limits = [{ resource: "cpu", enforced: true }, { resource: "storage", enforced: false, reason: "no loop devices" }, { resource: "memory", enforced: false }];
  assert.deepEqual(sayUnenforced(limits), ["storage is not limited on this host: no loop devices", "memory is not limited on this host"]);
});

test("origins are short, and addresses that are not of the web are no links", () => {
  assert.equal(sayOrigin({ repo: "https://git.example/astro/survey.git", commit: "0123456789abcdef" }), "astro/survey @ 0123456789ab");
  assert.equal(sayOrigin({ repo: null }), null);
  assert.equal(webAddress("javascript:alert(1)"), null);
  assert.equal(webAddress("https://git.example/x"), "https://git.example/x");
});

test("the default server neither counts nor has a name in paths", () => {
  assert.equal(sayLeft([{ name: "" }, { name: "a" }], { named_servers: 5 }), "4 of 5 named servers left");
  assert.equal(sayLeft(Array(7).fill({ name: "a" }), { named_servers: 5 }), "0 of 5 named servers left");
  assert.deepEqual([segment(""), segment("a b")], ["~default", "a%20b"]);
});
