// The page: what Mooring is doing, why, and what it cannot do. It never inserts markup, only text.

import { action, decimal, putTime, signed, why } from "./words.js";
import { Wire, forget, token } from "./wire.js";

const RELOAD_MS = 5000; // lists are asked for this often at most: a session may make 100 calls a minute
const TELLS_OF_ROWS = new Set(["decision", "order", "fill", "equity", "alert"]);
const get = (id) => document.getElementById(id);
const secret = token();
const wire = new Wire(secret);
let status = null;
let reload = 0;
let reloaded = 0;
let heard = 0; // how often the daemon said its state by itself or as an answer to a button

const WORKS = {
  Halted: "Exits still work: stops and targets are kept, and orders can be cancelled. Nothing new is bought.",
  Killed: "Exits still work. Nothing new is bought until the kill switch is released.",
  Paused: "Exits still work: stops and targets are kept. Nothing new is bought.",
};
const NEXT = {
  Halted: "Read the alerts below and run mooring doctor. Resume once the cause is mended.",
  Killed: "Release the kill switch when you want Mooring to buy again.",
  Paused: "Resume when you want Mooring to buy again.",
};

function put(id, text) {
  const element = get(id);
  if (element.textContent !== text) element.textContent = text;
}

function show(id, wanted) {
  get(id).hidden = !wanted;
}

function putMoney(id, text) {
  const element = get(id);
  element.replaceChildren(decimal(text));
  if (text === null) return;
  const unit = document.createElement("span");
  unit.className = "unit";
  unit.textContent = status.quote;
  element.append(unit);
}

function sinceOf(seen) {
  return seen.word === "Killed" ? seen.kill_switch.since : seen.state_since;
}

function whatOf(seen) {
  if (seen.word === "Killed") return `You pressed the kill switch${seen.kill_switch.reason ? `: ${seen.kill_switch.reason}` : "."}`;
  if (seen.word === "Paused") return `You paused it${seen.state_reason ? `: ${seen.state_reason}` : "."}`;
  return seen.state_reason || "It stopped itself, and gave no reason.";
}

function works(seen) {
  const unarmed = seen.mode === "live" && !seen.armed;
  if (unarmed) return "Not armed: no order is sent, exits neither. Looking works.";
  if (seen.deciding) return WORKS[seen.word];
  return `Nothing is decided: nothing is bought, and no exit is made.${seen.mode === "live" ? " Orders that rest at Kraken stay there." : ""}`;
}

function next(seen) {
  return seen.word === "Halted" && !seen.deciding
    ? "Read the alerts below and run mooring doctor. Start once the cause is mended."
    : NEXT[seen.word];
}

function render(seen) {
  status = seen;
  const word = seen.word;
  get("shape").setAttribute("href", `/web/icons.svg#${word.toLowerCase()}`);
  put("word", word);
  put("line", seen.first_line.replaceAll("`", ""));
  document.title = `${word} – Mooring`;
  const state = get("state");
  const atRisk = seen.mode === "live" && seen.positions > 0 && word === "Halted";
  state.classList.toggle("risk", atRisk);
  state.classList.toggle("care", !atRisk && ["Halted", "Killed", "Paused"].includes(word));
  show("facts", word in WORKS);
  if (word in WORKS) {
    put("fact-what", whatOf(seen));
    putTime(get("fact-since"), sinceOf(seen), { date: true });
    put("fact-works", works(seen));
    put("fact-next", next(seen));
  }
  show("made-up", seen.made_up_prices);
  const ended = seen.state === "halted" && !seen.deciding;
  show("do-start", seen.state === "stopped" || ended);
  show("do-pause", seen.state === "running");
  show("do-resume", ["paused", "halted"].includes(seen.state) && !ended);
  show("do-release", seen.kill_switch.active);
  show("do-kill", !seen.kill_switch.active);
  putMoney("equity", seen.equity);
  putMoney("cash", seen.cash);
  put("drawdown", `${decimal(seen.drawdown_percent)} %`);
  putTime(get("last"), seen.last_cycle);
  putTime(get("next"), seen.next_cycle);
  for (const section of document.querySelectorAll(".state, .figures, .rows")) section.hidden = false;
}

function cell(row, text, kind = "", head = false) {
  const made = document.createElement(head ? "th" : "td");
  if (head) made.scope = "row";
  if (kind) made.className = kind;
  made.textContent = text;
  row.append(made);
  return made;
}

function fill(id, items, emptyId, write) {
  const rows = items.map((item) => {
    const row = document.createElement("tr");
    write(row, item);
    return row;
  });
  get(id).replaceChildren(...rows);
  get(id).closest(".scroll").hidden = rows.length === 0;
  show(emptyId, rows.length === 0);
}

function renderPositions(items) {
  fill("position-rows", items, "no-positions", (row, item) => {
    cell(row, item.symbol, "", true);
    cell(row, decimal(item.quantity, 2, true), "n");
    cell(row, decimal(item.price, 2, true), "n");
    cell(row, decimal(item.value), "n");
    cell(row, signed(item.unrealised_pnl), "n");
  });
}

function renderDecisions(items) {
  fill("decision-rows", items, "no-decisions", (row, item) => {
    putTime(cell(row, ""), item.time);
    cell(row, item.symbol, "", true);
    cell(row, action(item.action));
    cell(row, why(item), "why");
    cell(row, String(item.score), "n");
    const wanted = /[1-9]/.test(item.quantity);
    cell(row, wanted ? decimal(item.quantity, 2, true) : "\u2013", "n");
    cell(row, /[1-9]/.test(item.price) ? decimal(item.price, 2, true) : "\u2013", "n");
  });
}

function renderAlerts(items) {
  const open = items.filter((item) => !item.acknowledged_at);
  const rows = open.map((item) => {
    const row = document.createElement("li");
    const text = document.createElement("span");
    text.className = "text";
    text.textContent = item.text;
    const when = document.createElement("span");
    when.className = "when";
    putTime(when, item.at || item.time);
    const seen = document.createElement("button");
    seen.type = "button";
    seen.className = "quiet";
    seen.textContent = "Seen";
    seen.setAttribute("aria-label", `Seen: ${item.text}`);
    seen.addEventListener("click", () => acknowledge(item.alert_id, seen));
    row.append(text, when, seen);
    return row;
  });
  get("alert-rows").replaceChildren(...rows);
  show("alerts", rows.length > 0);
}

async function acknowledge(id, button) {
  button.disabled = true;
  try {
    await wire.call("POST", `/v1/alerts/${encodeURIComponent(id)}/acknowledge`);
    await load();
  } catch (trouble) {
    button.disabled = false;
    tell(trouble);
  }
}

async function load() {
  reloaded = performance.now();
  const before = heard;
  const [seen, positions, decisions, alerts] = await Promise.all([
    wire.call("GET", "/v1/status"),
    wire.call("GET", "/v1/positions?limit=60"),
    wire.call("GET", "/v1/decisions?limit=20"),
    wire.call("GET", "/v1/alerts?limit=50"),
  ]);
  if (heard === before) render(seen); // else what came meanwhile is newer
  renderPositions(positions.items);
  renderDecisions(decisions.items);
  renderAlerts(alerts.items);
  show("sign-out", true);
}

function loadSoon() {
  if (reload) return;
  const wait = Math.max(50, reloaded + RELOAD_MS - performance.now());
  reload = setTimeout(async () => {
    reload = 0;
    try {
      await load();
    } catch (trouble) {
      tell(trouble);
      if (trouble.status === 429 || trouble.status === 503) loadSoon();
    }
  }, wait);
}

function tell(trouble) {
  if (trouble.status === 401) return over("This page's session has ended.");
  if (!trouble.status) return; // the connection's own line says it
  put("notice", [trouble.message, trouble.money, trouble.todo].filter(Boolean).join(" "));
  show("notice", true);
}

function over(what) {
  wire.ended = true;
  forget();
  put("notice", `${what} What Mooring does goes on as it was. To look again, run: mooring dashboard`);
  show("notice", true);
  link(false, "Not signed in");
  for (const button of document.querySelectorAll(".actions button, .bar button")) button.hidden = true;
  unknown();
}

function link(on, text) {
  get("link").classList.toggle("on", on);
  put("link", text);
}

/** What it does now is not known: neither the page nor the name of its tab may go on saying that all is well. */
function unknown() {
  get("state").classList.add("stale");
  if (!status) return;
  get("state").classList.remove("risk", "care");
  get("shape").setAttribute("href", "/web/icons.svg#unknown");
  put("word", "Unknown");
  put("line", `Last heard: ${status.first_line}`);
  document.title = "Unknown \u2013 Mooring";
}

let lost = null;
function connection(on, trouble) {
  if (!on && trouble.status === 401) return over("This page's session has ended.");
  if (on) {
    get("state").classList.remove("stale");
    if (lost) show("notice", false);
    lost = null;
    link(true, "Connected");
    loadSoon();
    return;
  }
  unknown();
  lost = lost || new Date();
  const at = lost.toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
  link(false, "Not connected");
  const what = trouble.status ? trouble.message : "Mooring does not answer.";
  put("notice", `${what} What you see is from ${at}; what it does now is unknown to this page. It tries again by itself. If you ended or restarted Mooring, run: mooring dashboard`);
  show("notice", true);
}

function hear(seen) {
  heard += 1;
  render(seen);
}

function event(type, data) {
  if (type === "status") hear(data);
  if (type === "reset" || TELLS_OF_ROWS.has(type)) loadSoon();
}

const ASKS = {
  "do-start": ["Start?", "Mooring begins to decide and trade in the mode it is in.", "Start", (reason) => ["/v1/runtime/start", { reason }]],
  "do-pause": ["Pause?", "Nothing new is bought. Exits still work: stops and targets are kept.", "Pause", (reason) => ["/v1/runtime/pause", { reason }]],
  "do-resume": ["Resume?", "Mooring may buy again, within its limits.", "Resume", (reason) => ["/v1/runtime/resume", { reason }]],
  "do-kill": ["Press the kill switch?", "Open orders are cancelled and nothing new is bought, also after a restart, until you release it.", "Kill switch on", (reason) => ["/v1/kill-switch", { active: true, reason }]],
  "do-release": ["Release the kill switch?", "Mooring may buy again, within its limits.", "Release", (reason) => ["/v1/kill-switch", { active: false, reason }]],
};

function ask(id) {
  const [title, text, yes, call] = ASKS[id];
  const dialog = get("ask");
  put("ask-title", title);
  put("ask-text", text);
  put("ask-yes", yes);
  show("ask-error", false);
  get("ask-reason").value = "";
  get("ask-yes").disabled = false;
  get("ask-yes").onclick = async () => {
    get("ask-yes").disabled = true;
    const [path, body] = call(get("ask-reason").value);
    try {
      hear(await wire.call("POST", path, body));
      dialog.close();
      loadSoon();
    } catch (trouble) {
      if (trouble.status === 401) {
        dialog.close();
        tell(trouble);
        return;
      }
      const what = trouble.status ? trouble.message : "Mooring did not answer: it may have happened or not.";
      const todo = trouble.status ? trouble.todo : "Look at mooring status before you ask again.";
      put("ask-error", [what, trouble.money, todo, trouble.code && `(${trouble.code})`].filter(Boolean).join(" "));
      show("ask-error", true);
      get("ask-yes").disabled = false;
    }
  };
  dialog.showModal();
  get("ask-no").focus();
}

for (const id of Object.keys(ASKS)) get(id).addEventListener("click", () => ask(id));
get("ask-reason").addEventListener("keydown", (pressed) => {
  if (pressed.key === "Enter") {
    pressed.preventDefault(); // Enter in the field would press the first button, which is the one that does nothing
    get("ask-yes").click();
  }
});
get("sign-out").addEventListener("click", async () => {
  try {
    await wire.call("DELETE", "/v1/session");
    over("You signed out.");
  } catch (trouble) {
    tell(trouble);
  }
});

if (secret) {
  load().catch(tell);
  wire.follow(event, connection);
} else {
  over("This tab is not signed in: a sign-in link opens one tab.");
}
