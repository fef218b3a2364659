// Finding words in a log, and the line at which a build failed.

/** Every place of a text in lines, in any case: the index of the line and of the character. */
export function findAll(lines, wanted, from = 0) {
  if (!wanted) return [];
  const pattern = new RegExp(wanted.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"), "gi");
  return lines.slice(from).flatMap((text, index) =>
    [...text.matchAll(pattern)].map((match) => ({ line: from + index, start: match.index, length: match[0].length })));
}

/**
 * The line at which a build failed, as an index; null without lines. The reason a build gives is made of the last words
 * its tool printed, so it is the first of the last lines that the reason holds; else the last line of all.
 */
export function findFailure(lines, reason) {
  let found = null;
  for (let index = lines.length - 1; index >= 0 && index >= lines.length - 100; index -= 1) {
    const words = lines[index].replace(/^[^\w'"`([<./-]+/, "").trim();
    if (words.length > 2 && reason.includes(words)) found = index;
    else if (words && found !== null) break;
  }
  return found ?? (lines.length ? lines.length - 1 : null);
}
