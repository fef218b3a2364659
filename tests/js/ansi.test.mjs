import assert from "node:assert/strict";
import test from "node:test";
import { describeStyle, parseLine, PLAIN } from "../../services/sessions/src/heliostat_sessions/static/ansi.js";

const read = (line) => parseLine(line).pieces.map(({ text }) => text).join("");
const classes = (line) => parseLine(line).pieces.map(({ style }) => describeStyle(style).classes.join(" "));

test("colours become classes and end where they end", () => {
  assert.deepEqual(classes("a\x1b[31mb\x1b[1;92mc\x1b[0md"), ["", "ansi-fg-1", "ansi-bold ansi-fg-10", ""]);
  assert.deepEqual(classes("\x1b[44;30mx\x1b[49my\x1b[39mz"), ["ansi-fg-0 ansi-bg-4", "ansi-fg-0", ""]);
  assert.deepEqual(classes("\x1b[mx"), [""]);
});

test("colours without a class are made of numbers only", () => {
  const colour = (line) => describeStyle(parseLine(line).pieces[0].style).colours;
  assert.deepEqual(colour("\x1b[38;5;208mx"), { color: "rgb(255, 135, 0)" });
  assert.deepEqual(colour("\x1b[48;5;232mx"), { backgroundColor: "rgb(8, 8, 8)" });
  assert.deepEqual(colour("\x1b[38;2;1;2;3mx"), { color: "rgb(1, 2, 3)" });
  assert.deepEqual(colour("\x1b[38;2;1;2;999mx"), {});
  assert.deepEqual(colour("\x1b[38;5;url(x)mx"), {});
});

test("a style lasts until the next line", () => {
  const { style } = parseLine("\x1b[32mgreen");
  assert.equal(parseLine("still", style).pieces[0].style.fg, 2);
  assert.deepEqual(parseLine("\x1b[0m", style).style, PLAIN);
});

test("every other escape sequence and control character is removed", () => {
  assert.equal(read("a\x1b[2J\x1b[1;1H\x1b[?25lb\x1b[5 qc"), "abc");
  assert.equal(read("\x1b]0;title\x07a\x1b]8;;https://evil.example\x1b\\link\x1b]8;;\x1b\\"), "alink");
  assert.equal(read("\x1bPq#0;2\x1b\\a\x1b(B\x1b=\x1bcb\x1b"), "ab");
  assert.equal(read("a\x00\x07\x08\x9b31m\u202eb\u2066c\td"), "a31mbc\td");
});

test("a sequence without an end hides nothing", () => {
  assert.equal(read("before \x1b]0;the rest of the line"), "before 0;the rest of the line");
  assert.equal(read("a\x1b[31"), "a[31");
});

test("of what carriage returns overwrite only the last is shown", () => {
  assert.equal(read("10 %\r50 %\r100 %"), "100 %");
  assert.equal(read("done\r\r"), "done");
  assert.equal(read("10 %\r\x1b[K\x1b[32m100 %"), "100 %");
});

test("markup is text", () => {
  assert.equal(read("<img src=x onerror=alert(1)>"), "<img src=x onerror=alert(1)>");
});

test("a hostile line takes no time that grows with the square of its length", () => {
  for (const piece of ["\x1b]", "\x1bP\x9d", "\x1b[38;5;", "\r"]) assert.ok(read(piece.repeat(200_000)).length >= 0);
});
