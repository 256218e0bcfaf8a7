// How the page speaks with the daemon: each call carries the header token of its session, which only this tab holds.

const KEY = "mooring-session";
const RETRY_MS = [500, 1000, 2000, 4000, 8000];
const SILENCE_MS = 45000; // the daemon gives a sign of life every 15 seconds

/** What the daemon answered instead of what was asked for; `status` is 0 where it did not answer at all. */
export class Trouble extends Error {
  constructor(status, problem) {
    super(problem.detail || "The daemon does not answer.");
    this.status = status;
    this.money = problem.money || "";
    this.todo = problem.todo || "";
    this.code = problem.code || "";
    this.waitSeconds = problem.retry_after_seconds || 0;
  }
}

/** Take the token that came with the page, or the one that an earlier load left in this tab; empty where none is. */
export function token() {
  const meta = document.querySelector('meta[name="mooring-session"]');
  const handed = meta ? meta.content : "";
  if (meta) meta.remove();
  try {
    if (handed) sessionStorage.setItem(KEY, handed);
    return handed || sessionStorage.getItem(KEY) || "";
  } catch {
    return handed; // a browser that keeps nothing: the page works until it is loaded anew
  }
}

export function forget() {
  try {
    sessionStorage.removeItem(KEY);
  } catch {
    // nothing was kept
  }
}

export class Wire {
  constructor(secret) {
    this.secret = secret;
    this.lastId = "";
    this.ended = false;
  }

  /** One call; answers parsed JSON, or throws Trouble. */
  async call(method, path, body) {
    const headers = { "X-Mooring-Session": this.secret };
    if (body !== undefined) headers["Content-Type"] = "application/json";
    let answer;
    try {
      answer = await fetch(path, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) });
    } catch {
      throw new Trouble(0, {});
    }
    if (answer.ok) return answer.json();
    throw new Trouble(answer.status, await answer.json().catch(() => ({})));
  }

  /**
   * Follow the stream for ever: `tell(type, data)` for each event, `change(connected, trouble)` where the connection
   * comes or goes. After a gap the stream goes on behind the last event that was seen.
   */
  async follow(tell, change) {
    let tries = 0;
    while (!this.ended) {
      let trouble = new Trouble(0, {});
      try {
        await this.listen(tell, () => {
          tries = 0;
          change(true, null);
        });
      } catch (error) {
        if (error instanceof Trouble) trouble = error;
      }
      if (this.ended) return;
      change(false, trouble);
      if (trouble.status === 401) return;
      const wait = Math.max(RETRY_MS[Math.min(tries, RETRY_MS.length - 1)], trouble.waitSeconds * 1000);
      tries += 1;
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }

  async listen(tell, opened) {
    const headers = { "X-Mooring-Session": this.secret };
    if (this.lastId) headers["Last-Event-ID"] = this.lastId;
    const stop = new AbortController();
    let clock = setTimeout(() => stop.abort(), SILENCE_MS);
    try {
      const answer = await fetch("/v1/events", { headers, signal: stop.signal });
      if (!answer.ok) throw new Trouble(answer.status, await answer.json().catch(() => ({})));
      opened();
      const reader = answer.body.getReader();
      const decoder = new TextDecoder();
      let rest = "";
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        clearTimeout(clock);
        clock = setTimeout(() => stop.abort(), SILENCE_MS);
        rest += decoder.decode(value, { stream: true });
        const blocks = rest.split("\n\n");
        rest = blocks.pop();
        for (const block of blocks) this.pass(block, tell);
      }
    } finally {
      clearTimeout(clock);
    }
  }

  pass(block, tell) {
    const fields = { id: "", event: "", data: "" };
    for (const line of block.split("\n")) {
      const at = line.indexOf(": ");
      if (at > 0) fields[line.slice(0, at)] = line.slice(at + 2);
    }
    if (!fields.event) return;
    if (fields.id) this.lastId = fields.id;
    tell(fields.event, JSON.parse(fields.data));
  }
}
