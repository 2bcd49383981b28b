// What the page asks of the till interface (docs/till-api.md). The key is in the tab's own storage
// only, and is sent as a header, never in an address.

const KEY_NAME = "smiletill-key";
const WAIT_MS_MAX = 20_000;

export const key = {
  get: () => sessionStorage.getItem(KEY_NAME) ?? "",
  set: (value) => sessionStorage.setItem(KEY_NAME, value),
  forget: () => sessionStorage.removeItem(KEY_NAME),
};

/** What the till says when it refuses; `status` 0 means that no answer came. */
export class TillError extends Error {
  constructor(status, code, message, mend) {
    super([message, mend].filter(Boolean).join(" "));
    this.status = status;
    this.code = code;
  }
}

/** Ask once and return the answer, or throw a TillError. It never tries again by itself. */
export async function ask(method, path, body) {
  const response = await fetchWithin(path, {
    method,
    headers: { ...auth(), ...(body === undefined ? {} : { "Content-Type": "application/json" }) },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const text = await response.text();
  if (response.ok) return response.headers.get("Content-Type")?.includes("json") ? JSON.parse(text) : text;
  let told = {};
  try {
    told = JSON.parse(text);
  } catch {
    told = {};
  }
  throw new TillError(response.status, told.error ?? "", told.message ?? `The till refused (${response.status}).`, told.mend ?? "");
}

async function fetchWithin(path, options) {
  const end = new AbortController();
  const timer = setTimeout(() => end.abort(), WAIT_MS_MAX);
  try {
    return await fetch(path, { ...options, signal: end.signal, cache: "no-store", credentials: "omit" });
  } catch {
    throw new TillError(0, "no_answer", "The till does not answer.", "Look at the orders before you try again.");
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Listen to the news of orders until `stop` is aborted; connect again after a pause when the
 * connection ends. EventSource cannot send a header, so the stream is read by hand.
 */
export async function listen(onNews, onLink, stop) {
  let last = "";
  for (let pauseMs = 500; !stop.aborted; pauseMs = Math.min(pauseMs * 2, 10_000)) {
    try {
      const headers = { ...auth(), Accept: "text/event-stream", ...(last ? { "Last-Event-ID": last } : {}) };
      const response = await fetch("/v1/events", { headers, signal: stop, cache: "no-store", credentials: "omit" });
      if (!response.ok) throw new TillError(response.status, "", "", "");
      onLink(true);
      pauseMs = 250;
      await readStream(response.body, (event) => {
        last = event.id || last;
        onNews(event);
      });
    } catch (error) {
      if (stop.aborted) return;
      if (error instanceof TillError && (error.status === 401 || error.status === 403)) {
        onLink(false, error.status);
        return;
      }
    }
    onLink(false, 0);
    await new Promise((done) => setTimeout(done, pauseMs));
  }
}

async function readStream(stream, onEvent) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    rest += value.replaceAll("\r\n", "\n");
    for (let end = rest.indexOf("\n\n"); end >= 0; end = rest.indexOf("\n\n")) {
      const event = readEvent(rest.slice(0, end));
      rest = rest.slice(end + 2);
      if (event.data) onEvent(event);
    }
  }
}

function readEvent(block) {
  const event = { id: "", name: "message", data: "" };
  for (const line of block.split("\n")) {
    const [, field, text] = /^(\w+): ?(.*)$/.exec(line) ?? [];
    if (field === "id") event.id = text;
    if (field === "event") event.name = text;
    if (field === "data") event.data += text;
  }
  return event;
}

function auth() {
  return { Authorization: `Bearer ${key.get()}` };
}
