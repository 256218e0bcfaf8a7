// Numbers, times and codes as people read them. Money stays text: it is cut and grouped, never made a float.

const DASH = "\u2013";
const MINUS = "\u2212";

const ACTIONS = { flat: "Stay out", hold: "Keep", enter: "Buy", exit: "Sell", refused: "Refused" };

/** Decimal text with thousands apart and `places` decimals, cut and not rounded; more where `all` says so. */
export function decimal(text, places = 2, all = false) {
  if (text === null || text === undefined) return "unknown";
  const negative = text.startsWith("-");
  let [whole, part = ""] = text.replace("-", "").split(".");
  part = all ? part.replace(/0+$/, "") : part.slice(0, places);
  part = part.padEnd(places, "0");
  whole = whole.replace(/\B(?=(\d{3})+$)/g, ",");
  const zero = /^[0,.]*$/.test(whole + part);
  return (negative && !zero ? MINUS : "") + whole + (part ? "." + part : "");
}

/** The same with a sign in front, for gains and losses. */
export function signed(text) {
  const shown = decimal(text);
  const gain = !text.startsWith("-") && /[1-9]/.test(shown);
  return (gain ? "+" : "") + shown;
}

/** A code in words: `below_minimum` as "below minimum". */
export function words(code) {
  return (code || DASH).replaceAll("_", " ");
}

/** Put a time into an element: local, with the zone and UTC on hover. */
export function putTime(element, text, { date = false } = {}) {
  if (!text) {
    element.textContent = DASH;
    return;
  }
  const at = new Date(text);
  const time = document.createElement("time");
  time.dateTime = text;
  const today = new Date().toDateString() === at.toDateString();
  const style = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
  if (date || !today) Object.assign(style, { day: "numeric", month: "short" });
  if (at.getFullYear() !== new Date().getFullYear()) style.year = "numeric";
  time.textContent = at.toLocaleString("en-GB", style);
  time.title = `${at.toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "long" })} = ${text}`;
  element.replaceChildren(time);
}

/** What was decided, in one word or two. */
export function action(code) {
  return ACTIONS[code] || words(code);
}

/** Why, with the number and its limit where there is one. */
export function why(row) {
  const unit = { score: "score", money: "", price: "price", quantity: "quantity", bars: "hours", bps: "bps", count: "" };
  if (!(row.unit in unit) || row.limit === undefined) return words(row.reason);
  const show = (text) => (row.unit === "money" || row.unit === "price" ? decimal(text) : text);
  const name = unit[row.unit] ? `${unit[row.unit]} ` : "";
  return `${words(row.reason)}: ${name}${show(row.observed)}, limit ${show(row.limit)}`;
}
