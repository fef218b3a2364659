// The log as a terminal shows it: numbered lines of a build, and between them the steps of the launch. Everything in it
// is text, whatever it says. Full chunks of lines cost the browser nothing while they are out of sight.
import { describeStyle, parseLine, PLAIN } from "./ansi.js";
import { findAll } from "./finding.js";

const CHUNK = 200; // lines
const BATCH = 1000; // lines shown at once; a late reader gets thousands
const FRAME = 16; // milliseconds; timers, unlike frames, also come to pages in the background
const NEAR = 40; // pixels from the end that count as the end

export class LogView {
  #box;
  #follow;
  #found;
  #waiting = [];
  #style = PLAIN;
  #chunk;
  #rows = []; // { element, text, number }
  #top = 0;
  #wanted = "";
  #places = [];
  #place = -1;

  constructor({ box, follow, find, found, previous, next }) {
    this.#box = box;
    this.#follow = follow;
    this.#found = found;
    this.#showFollowing(!location.hash.startsWith("#L"));
    follow.addEventListener("click", () => this.#showFollowing(follow.getAttribute("aria-pressed") !== "true"));
    box.addEventListener("scroll", () => this.#noteScroll());
    addEventListener("hashchange", () => this.showTarget());
    find.addEventListener("input", () => this.#find(find.value));
    find.addEventListener("keydown", (event) => {
      if (event.key === "Enter") this.#step(event.shiftKey ? -1 : 1);
    });
    previous.addEventListener("click", () => this.#step(-1));
    next.addEventListener("click", () => this.#step(1));
  }

  /** Add a line of a build's log (with its number) or a step of the launch (without). */
  add(text, number) {
    if (this.#waiting.push({ text, number }) === 1) setTimeout(() => this.#flush(), FRAME);
  }

  /** The texts of the build's lines as they are shown, and their numbers. */
  get lines() {
    this.#flush(Infinity);
    return this.#rows.filter(({ number }) => number !== undefined);
  }

  #flush(most = BATCH) {
    const batch = this.#waiting.splice(0, most);
    const from = this.#rows.length;
    for (const { text, number } of batch) this.#append(text, number);
    if (this.#waiting.length) setTimeout(() => this.#flush(), FRAME);
    if (this.#wanted) {
      this.#places.push(...findAll(this.#rows.map((row) => row.text), this.#wanted, from));
      this.#showFound();
    }
    const target = this.#readTarget();
    if (target && batch.some(({ number }) => number === target)) this.showTarget();
    if (this.#following) this.#box.scrollTop = this.#box.scrollHeight;
  }

  #append(text, number) {
    if (!this.#chunk || this.#chunk.childElementCount === CHUNK) {
      this.#chunk?.classList.add("full");
      this.#chunk = document.createElement("div");
      this.#chunk.className = "chunk";
      this.#box.append(this.#chunk);
    }
    const element = document.createElement("div");
    element.className = number === undefined ? "line step" : "line";
    const { pieces, style } = number === undefined ? parseLine(text) : parseLine(text, this.#style);
    if (number !== undefined) {
      this.#style = style;
      element.id = `L${number}`;
      element.append(buildNumber(number));
    }
    element.append(...pieces.map(buildPiece), "\n");
    this.#chunk.append(element);
    this.#rows.push({ element, text: pieces.map((piece) => piece.text).join(""), number });
  }

  get #following() {
    return this.#follow.getAttribute("aria-pressed") === "true";
  }

  #showFollowing(following) {
    this.#follow.setAttribute("aria-pressed", following);
    this.#follow.classList.toggle("active", following);
    if (following) this.#box.scrollTop = this.#box.scrollHeight;
  }

  // Who scrolls up wants to read; who scrolls to the end wants to see what comes.
  #noteScroll() {
    const { scrollTop, scrollHeight, clientHeight } = this.#box;
    if (scrollHeight - scrollTop - clientHeight < NEAR) this.#showFollowing(true);
    else if (scrollTop < this.#top) this.#showFollowing(false);
    this.#top = scrollTop;
  }

  #readTarget() {
    return Number(/^#L(\d+)$/.exec(location.hash)?.[1]);
  }

  /** Go to the line that the address names, if it is there; also again, when what is above has grown. */
  showTarget() {
    const row = this.#rows.find(({ number }) => number === this.#readTarget());
    this.#box.querySelector(".target")?.classList.remove("target");
    if (!row) return;
    row.element.classList.add("target");
    this.#reveal(row.element, "center");
  }

  #reveal(element, block) {
    this.#showFollowing(false);
    element.scrollIntoView({ block });
    this.#top = this.#box.scrollTop;
  }

  #find(wanted) {
    this.#wanted = wanted;
    this.#places = findAll(this.#rows.map((row) => row.text), wanted);
    this.#place = -1;
    this.#step(1);
  }

  #step(direction) {
    this.#box.querySelector(".current")?.classList.remove("current");
    const count = this.#places.length;
    this.#place = count ? (this.#place + direction + count) % count : -1;
    if (count) {
      const { element } = this.#rows[this.#places[this.#place].line];
      element.classList.add("current");
      element.querySelector(".number")?.setAttribute("tabindex", 0);
      this.#reveal(element, "nearest");
    }
    this.#showFound();
  }

  #showFound() {
    this.#found.textContent = this.#wanted ? `${this.#place + 1} of ${this.#places.length}` : "";
    markPlaces(this.#places.map(({ line, ...place }) => ({ ...place, element: this.#rows[line].element })));
  }
}

function buildNumber(number) {
  const link = document.createElement("a");
  link.className = "number";
  link.href = `#L${number}`;
  link.dataset.number = number;
  link.tabIndex = -1; // thousands of them; the place that was found, and the line that failed, can be reached otherwise
  link.setAttribute("aria-label", `Line ${number}`);
  return link;
}

function buildPiece({ text, style }) {
  const { classes, colours } = describeStyle(style);
  if (!classes.length && !Object.keys(colours).length) return document.createTextNode(text);
  const span = document.createElement("span");
  span.className = classes.join(" ");
  Object.assign(span.style, colours);
  span.textContent = text;
  return span;
}

const MOST_MARKED = 2000;

/** Mark the words themselves, where the browser can do so without changing the document. */
function markPlaces(places) {
  if (!globalThis.Highlight) return;
  const ranges = places.slice(0, MOST_MARKED).map(({ element, start, length }) => {
    const range = new Range();
    const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
    let passed = 0;
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      if (start >= passed && start < passed + node.length) range.setStart(node, start - passed);
      if (start + length <= passed + node.length) {
        range.setEnd(node, start + length - passed);
        break;
      }
      passed += node.length;
    }
    return range;
  });
  CSS.highlights.set("found", new Highlight(...ranges));
}
