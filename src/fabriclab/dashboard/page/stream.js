// The exchanges, newest first: filtered, and one of them whole.

import { $, fill, h } from "./dom.js";
import { get } from "./lab.js";

const KEPT = 3000;
const SHOWN = 400;
let all = [];
let chosen = 0;

const words = (one) =>
  [one.service, one.who, one.summary, one.method, one.target, one.status, one.fault && "fault", one.refusal && "refused", one.kind].join(" ").toLowerCase();

function answer(one) {
  if (one.method == null) return "";
  const bad = one.refusal || one.fault || one.status == null || one.status >= 400;
  return h("span", { class: `pill ${bad ? "bad" : "good"}`, title: one.refusal ?? one.fault ?? "" }, one.status ?? "none", one.fault ? " fault" : one.refusal ? " refused" : "");
}

function line(one) {
  return h(
    "tr",
    { tabindex: one.number === chosen ? 0 : -1, "aria-selected": String(one.number === chosen), "data-number": one.number },
    h("td", { class: "number" }, one.number),
    h("td", { class: "number" }, one.since.toFixed(2)),
    h("td", { class: "name" }, one.service),
    h("td", { class: "what" }, one.method ? `${one.method} ${one.target}` : one.summary),
    h("td", {}, answer(one)),
    h("td", { class: "number" }, one.method ? `${one.sent}/${one.received}` : ""),
  );
}

function draw() {
  const wanted = $("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
  const found = all.filter((one) => wanted.every((word) => words(one).includes(word)));
  $("count").textContent = wanted.length ? `${found.length} of ${all.length}` : `${all.length}`;
  const focused = document.activeElement?.dataset?.number;
  fill("rows", ...found.slice(-SHOWN).reverse().map(line));
  const first = $("rows").firstElementChild;
  if (first && !$("rows").querySelector("[tabindex='0']")) first.tabIndex = 0;
  if (focused) $("rows").querySelector(`[data-number='${focused}']`)?.focus({ preventScroll: true });
}

export function add(rows) {
  if (!rows.length) return;
  all = [...all, ...rows].slice(-KEPT);
  if (!$("hold").checked) draw();
}

function message(part) {
  const head = part.headers.map(([name, value]) => `${name}: ${value}`).join("\n");
  const body = part.body == null ? `(${part.size} bytes, SHA-256 ${part.sha256})` : pretty(part.body);
  return `${head}\n\n${body}`.trim();
}

export function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text.trim().startsWith("<") ? text.replace(/>\s*</g, ">\n<") : text;
  }
}

async function choose(row) {
  chosen = Number(row.dataset.number);
  for (const one of $("rows").children) {
    one.setAttribute("aria-selected", String(one === row));
    one.tabIndex = one === row ? 0 : -1;
  }
  const one = await get(`entries/${chosen}`);
  const exchange = one.exchange;
  const parts = exchange
    ? [`${exchange.method} ${exchange.target}`, message(exchange.request), `— answered ${exchange.status ?? "never"}, connection ${exchange.connection}${exchange.fault ? `, fault ${exchange.fault}` : ""}${exchange.refusal ? `, refused: ${exchange.refusal}` : ""}`, message(exchange.response)]
    : [one.summary];
  if (one.facts) parts.push("— understood", JSON.stringify(one.facts, null, 2));
  $("detail").textContent = parts.join("\n\n");
}

$("rows").addEventListener("click", (event) => choose(event.target.closest("tr")));
$("rows").addEventListener("keydown", (event) => {
  const row = event.target.closest("tr");
  const next = { ArrowDown: row?.nextElementSibling, ArrowUp: row?.previousElementSibling, Enter: row, " ": row }[event.key];
  if (!next) return;
  event.preventDefault();
  next.focus();
  choose(next);
});
$("filter").addEventListener("input", draw);
$("hold").addEventListener("change", draw);
addEventListener("keydown", (event) => {
  if (event.key === "/" && !/INPUT|TEXTAREA|SELECT/.test(document.activeElement.tagName)) {
    event.preventDefault();
    $("tab-stream").click();
    $("filter").focus();
  }
});
