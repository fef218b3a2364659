// A line of terminal output as pieces of plain text with a style.
//
// Build logs are hostile: whoever writes a repository writes them. Of everything a terminal understands only colours and
// weights (SGR, ECMA-48 8.3.117) are kept; every other escape sequence, control character and change of the writing
// direction is removed, and what is left is only ever used as text.

export const PLAIN = Object.freeze({ fg: null, bg: null, bold: false, dim: false, italic: false, underline: false });

// In this order: control sequences; strings (titles, links) with their end; other escapes; controls and directions.
const SPECIAL = new RegExp(
  "\\x1b\\[([0-?]*)[ -/]*([@-~])" +
    "|\\x1b[\\]PX^_][^\\x07\\x1b]*(?:\\x07|\\x1b\\\\)" +
    "|\\x1b[ -/]*[0-Z\\\\-~]?" +
    "|\\r|\\n|[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f-\\x9f\\u061c\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069]",
  "g",
);

/**
 * Read one line that begins in a style; a part that a carriage return lets a later one overwrite is left out.
 * Returns the pieces (`text` and `style`) and the style in which the next line begins.
 */
export function parseLine(line, style = PLAIN) {
  let pieces = [];
  let returned = false;
  let place = 0;
  const add = (text) => {
    if (!text) return;
    if (returned) pieces = [];
    returned = false;
    pieces.push({ text, style });
  };
  for (const match of line.matchAll(SPECIAL)) {
    add(line.slice(place, match.index));
    place = match.index + match[0].length;
    if (match[0] === "\r") returned = true;
    else if (match[0] === "\n") add(" ");
    else if (match[2] === "m") style = applySgr(style, match[1]);
  }
  add(line.slice(place));
  return { pieces, style };
}

/** Names of the classes, and the colours that have none, with which a style is shown. */
export function describeStyle(style) {
  const classes = ["bold", "dim", "italic", "underline"].filter((name) => style[name]).map((name) => `ansi-${name}`);
  const colours = {};
  for (const [key, property] of [["fg", "color"], ["bg", "backgroundColor"]]) {
    if (typeof style[key] === "number") classes.push(`ansi-${key}-${style[key]}`);
    else if (style[key]) colours[property] = style[key];
  }
  return { classes, colours };
}

const SWITCHES = {
  1: { bold: true }, 2: { dim: true }, 3: { italic: true }, 4: { underline: true },
  22: { bold: false, dim: false }, 23: { italic: false }, 24: { underline: false }, 39: { fg: null }, 49: { bg: null },
};

function applySgr(style, parameters) {
  const codes = parameters.split(/[;:]/).map(Number);
  for (let index = 0; index < codes.length; index += 1) {
    const code = codes[index];
    if (code === 0) style = PLAIN;
    else if (SWITCHES[code]) style = { ...style, ...SWITCHES[code] };
    else if (code === 38 || code === 48) {
      const [colour, used] = readColour(codes, index + 1);
      if (colour !== undefined) style = { ...style, [code === 38 ? "fg" : "bg"]: colour };
      index += used;
    } else style = { ...style, ...readBasic(code) };
  }
  return style;
}

function readBasic(code) {
  if (code >= 30 && code <= 37) return { fg: code - 30 };
  if (code >= 90 && code <= 97) return { fg: code - 82 };
  if (code >= 40 && code <= 47) return { bg: code - 40 };
  if (code >= 100 && code <= 107) return { bg: code - 92 };
  return {};
}

/** Read what follows 38 or 48: `5;n` or `2;r;g;b`. Returns the colour, if it is one, and how many codes it took. */
function readColour(codes, index) {
  if (codes[index] === 5) return [readIndexed(codes[index + 1]), 2];
  if (codes[index] === 2) {
    const parts = codes.slice(index + 1, index + 4);
    return [parts.length === 3 && parts.every(isByte) ? `rgb(${parts.join(", ")})` : undefined, 4];
  }
  return [undefined, 0];
}

function readIndexed(number) {
  if (!isByte(number)) return undefined;
  if (number < 16) return number;
  if (number >= 232) return `rgb(${Array(3).fill(8 + 10 * (number - 232)).join(", ")})`;
  const levels = [36, 6, 1].map((step) => Math.floor((number - 16) / step) % 6);
  return `rgb(${levels.map((level) => (level ? 55 + 40 * level : 0)).join(", ")})`;
}

function isByte(number) {
  return Number.isInteger(number) && number >= 0 && number <= 255;
}
