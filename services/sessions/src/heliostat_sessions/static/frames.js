// Server-sent events read by hand, for what an EventSource cannot do: beginning after an id that an earlier page had.

/** Take whole events from the beginning of a text. Returns them (`id` and `data`) and what is left. */
export function takeFrames(text) {
  const blocks = text.split("\n\n");
  const rest = blocks.pop();
  const frames = blocks.map((block) => {
    const lines = block.split("\n").map((line) => [line.split(":", 1)[0], line.replace(/^[^:]*: ?/, "")]);
    return Object.fromEntries(lines);
  });
  return { frames: frames.filter(({ data }) => data !== undefined), rest };
}

/** Read the events of a stream from after an id, or from its beginning, until it closes. */
export async function* readFrames(url, after) {
  const response = await fetch(url, { headers: after ? { "Last-Event-ID": after } : {} });
  if (!response.body) return;
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const { frames, rest } = takeFrames(text + value);
    text = rest;
    yield* frames;
  }
}
