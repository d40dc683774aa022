// The exchanges, newest first: filtered, and one of them whole.

import { $, fill, h, markRow, rowKeys } from "./dom.js";
import { get } from "./lab.js";

const KEPT = 3000;
const SHOWN = 400;
let all = [];
let chosen = 0;

const failed = (one) => one.method != null && (one.status == null || one.status >= 400);
const words = (one) =>
  [one.service, one.who, one.summary, one.method, one.target, one.status, one.fault && "fault struck", one.refusal && "refused", failed(one) && "failed", one.kind].join(" ").toLowerCase();

function answer(one) {
  if (one.method == null) return "";
  const bad = one.refusal || one.fault || failed(one);
  return h("span", { class: `pill ${bad ? "bad" : "good"}`, title: one.refusal ?? one.fault ?? "" }, one.status ?? "no answer", one.fault ? ", struck" : one.refusal ? ", refused" : "");
}

function line(one) {
  return h(
    "tr",
    { tabindex: one.number === chosen ? 0 : -1, "aria-selected": String(one.number === chosen), "data-number": one.number },
    h("td", { class: "number wide-only" }, one.number),
    h("td", { class: "number" }, one.since.toFixed(2)),
    h("td", { class: "name" }, one.service),
    h("td", { class: "what" }, one.method ? `${one.method} ${one.target}` : one.summary),
    h("td", {}, answer(one)),
    h("td", { class: "number wide-only" }, one.method ? `${one.sent} / ${one.received}` : ""),
  );
}

const wanted = () => $("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
const fits = (one, asked) => asked.every((word) => words(one).includes(word));

function count(shown, asked) {
  $("count").textContent = asked.length ? `${shown} of ${all.length}` : `${all.length}`;
  $("no-rows").hidden = shown > 0;
  $("no-rows").textContent = asked.length ? "No exchange fits the filter." : "Nothing has been said yet.";
}

function draw() {
  const asked = wanted();
  const found = all.filter((one) => fits(one, asked));
  count(found.length, asked);
  for (const one of $("quick").children) one.setAttribute("aria-pressed", String($("filter").value === one.dataset.words));
  fill("rows", ...found.slice(-SHOWN).reverse().map(line));
  const first = $("rows").firstElementChild;
  if (first && !$("rows").querySelector("[tabindex='0']")) first.tabIndex = 0;
}

// New lines come on top; the others stay the elements that they are, so that focus and selected text stay.
export function add(rows) {
  if (!rows.length) return;
  all = [...all, ...rows].slice(-KEPT);
  if ($("hold").checked) return void ($("count").textContent = `${rows.length ? "more have come: " : ""}${all.length}`);
  const asked = wanted();
  const body = $("rows");
  body.prepend(...rows.filter((one) => fits(one, asked)).slice(-SHOWN).reverse().map(line));
  while (body.children.length > SHOWN) body.lastElementChild.remove();
  if (body.firstElementChild && !body.querySelector("[tabindex='0']")) body.firstElementChild.tabIndex = 0;
  count(asked.length ? all.filter((one) => fits(one, asked)).length : all.length, asked);
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
    return text.trim().startsWith("<") ? indented(text) : text;
  }
}

// XML with one element a line; what stands in an element stays on its line.
function indented(text) {
  let depth = 0;
  return text.trim().replace(/>\s*</g, ">\n<").split("\n").map((one) => {
    if (one.startsWith("</")) depth = Math.max(depth - 1, 0);
    const shown = "  ".repeat(depth) + one;
    if (/^<[^!?/]/.test(one) && !one.endsWith("/>") && !/<\/[^>]*>\s*$/.test(one)) depth++;
    return shown;
  }).join("\n");
}

async function choose(row) {
  chosen = Number(row.dataset.number);
  markRow($("rows"), row);
  const mine = chosen;
  const one = await get(`entries/${mine}`);
  if (mine !== chosen) return;
  if (one.error) return void ($("detail").textContent = one.error);
  const box = $("detail");
  box.className = "";
  box.replaceChildren(...whole(one));
  box.scrollTop = 0;
}

function whole(one) {
  const exchange = one.exchange;
  const parts = [h("b", {}, exchange ? `${exchange.method} ${exchange.target}` : one.summary)];
  if (exchange) {
    const said = [`answered ${exchange.status ?? "never"}`, `connection ${exchange.connection}`, exchange.fault && `fault: ${exchange.fault}`, exchange.refusal && `refused: ${exchange.refusal}`];
    parts.push(message(exchange.request), h("b", { class: exchange.refusal || exchange.fault ? "bad-text" : "" }, said.filter(Boolean).join(", ")), message(exchange.response));
  }
  if (one.facts) parts.push(h("b", {}, "understood as"), JSON.stringify(one.facts, null, 2));
  return parts.flatMap((part) => [part, "\n\n"]);
}

const QUICK = { all: "", refused: "refused", struck: "struck", failed: "failed", statuses: "status" };
$("quick").append(...Object.entries(QUICK).map(([name, words]) => h("button", { type: "button", class: "small", "data-words": words, "aria-pressed": String(!words), onclick: () => {
  $("filter").value = words;
  draw();
} }, name)));
rowKeys($("rows"), choose);
$("filter").addEventListener("input", draw);
$("hold").addEventListener("change", draw);
addEventListener("keydown", (event) => {
  if (event.key === "/" && !/INPUT|TEXTAREA|SELECT/.test(document.activeElement.tagName)) {
    event.preventDefault();
    $("tab-stream").click();
    $("filter").focus();
  }
});
