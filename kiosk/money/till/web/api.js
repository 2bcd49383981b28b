// What the page asks of the till interface (docs/till-api.md). The key is in the tab's own storage
// only, and is sent as a header, never in an address.

const KEY_NAME = "smiletill-key";
const NEWS_NAME = "smiletill-news";
const WAIT_MS_MAX = 20_000;
const PAUSE_MS_MIN = 300;
const PAUSE_MS_MAX = 5_000;
const SILENCE_MS_MAX = 40_000; // the till says something every 15 s: a stream as quiet as this is dead

export const key = {
  get: () => sessionStorage.getItem(KEY_NAME) ?? "",
  set: (value) => sessionStorage.setItem(KEY_NAME, value),
  forget: () => {
    sessionStorage.removeItem(KEY_NAME);
    sessionStorage.removeItem(NEWS_NAME);
  },
};

/** What the till says when it refuses; `status` 0 means that no answer came. */
export class TillError extends Error {
  constructor(status, code, message, mend) {
    super([message, mend].filter(Boolean).join(" "));
    this.status = status;
    this.code = code;
  }

  /** Whether the key is worth nothing here. */
  get isKeyRefused() {
    return this.status === 401 || this.status === 403;
  }
}

/** Ask once and return the answer, or throw a TillError. It never tries again by itself. */
export async function ask(method, path, body) {
  const { response, text } = await fetchWithin(path, {
    method,
    headers: { ...auth(), ...(body === undefined ? {} : { "Content-Type": "application/json" }) },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const told = response.headers.get("Content-Type")?.includes("json") ? parsed(text) : text;
  if (response.ok && told !== undefined) return told;
  const { error = "", message = `The till refused (${response.status}).`, mend = "" } = Object(told);
  const wait = Math.ceil(Number(response.headers.get("Retry-After") ?? 0) / 60);
  throw new TillError(response.status, error, message, wait > 1 ? `Wait ${wait} minutes.` : mend);
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Fetch an answer with its body, or throw: a half answer is no answer. */
async function fetchWithin(path, options) {
  try {
    const signal = AbortSignal.timeout(WAIT_MS_MAX);
    const response = await fetch(path, { ...options, signal, cache: "no-store", credentials: "omit" });
    return { response, text: await response.text() };
  } catch {
    throw new TillError(0, "no_answer", "The till does not answer.", "Look at the orders before you try again.");
  }
}

/**
 * Listen to the news of orders until `stop` is aborted; connect again after a pause when the
 * connection ends. EventSource cannot send a header, so the stream is read by hand.
 *
 * @param {(event: {name: string, data: string}) => void} onNews
 * @param {(isOn: boolean, status: number) => void} onLink status 401: it has given up
 * @param {AbortSignal} stop
 */
export async function listen(onNews, onLink, stop) {
  let pauseMs = PAUSE_MS_MIN;
  while (!stop.aborted) {
    try {
      await listenOnce(onNews, () => {
        pauseMs = PAUSE_MS_MIN;
        onLink(true, 200);
      }, stop);
    } catch (error) {
      if (stop.aborted) return;
      if (error instanceof TillError && error.isKeyRefused) {
        onLink(false, error.status);
        return;
      }
    }
    if (stop.aborted) return;
    onLink(false, 0);
    await pause(pauseMs);
    pauseMs = Math.min(pauseMs * 2, PAUSE_MS_MAX);
  }
}

async function listenOnce(onNews, onOpen, stop) {
  const end = new AbortController();
  const hangUp = () => end.abort();
  let watch = setTimeout(hangUp, SILENCE_MS_MAX);
  const heard = () => {
    clearTimeout(watch);
    watch = setTimeout(hangUp, SILENCE_MS_MAX);
  };
  stop.addEventListener("abort", hangUp);
  window.addEventListener("offline", hangUp);
  try {
    const last = sessionStorage.getItem(NEWS_NAME);
    const headers = { ...auth(), Accept: "text/event-stream", ...(last ? { "Last-Event-ID": last } : {}) };
    const options = { headers, signal: end.signal, cache: "no-store", credentials: "omit" };
    const response = await fetch("/v1/events", options);
    if (!response.ok) throw new TillError(response.status, "", "", "");
    onOpen();
    await readStream(response.body, heard, (event) => {
      if (event.id && !stop.aborted) sessionStorage.setItem(NEWS_NAME, event.id);
      onNews(event);
    });
  } finally {
    clearTimeout(watch);
    stop.removeEventListener("abort", hangUp);
    window.removeEventListener("offline", hangUp);
  }
}

/** Wait, or less where the network comes back meanwhile. */
function pause(pauseMs) {
  return new Promise((done) => {
    const go = () => {
      clearTimeout(timer);
      window.removeEventListener("online", go);
      done();
    };
    const timer = setTimeout(go, pauseMs);
    window.addEventListener("online", go);
  });
}

async function readStream(stream, heard, onEvent) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    heard();
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
