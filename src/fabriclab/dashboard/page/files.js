// The guest: its files that differ from the untouched guest, what one of them holds, and the agent's log.

import { $, fill, h, markRow, rowKeys } from "./dom.js";
import { get, textOf } from "./lab.js";

let found = [];
let chosen = "";

function line(one) {
  const kind = { added: "good", removed: "bad" }[one.what] ?? "";
  return h("tr", { tabindex: -1, "aria-selected": String(one.path === chosen), "data-path": one.path },
    h("td", {}, h("span", { class: `pill ${kind}` }, one.what)), h("td", { class: "what" }, one.path), h("td", { class: "wide-only faint" }, one.after ?? ""));
}

function draw() {
  const words = $("tree-filter").value.toLowerCase().split(/\s+/).filter(Boolean);
  const shown = found.filter((one) => words.every((word) => `${one.what} ${one.path} ${one.after ?? one.before}`.toLowerCase().includes(word)));
  fill("files", ...shown.map(line));
  markRow($("files"), [...$("files").children].find((row) => row.dataset.path === chosen));
  $("changes").textContent = words.length ? `${shown.length} of ${found.length} changes` : `${found.length} change${found.length === 1 ? "" : "s"}`;
}

async function compare() {
  $("changes").textContent = "comparing …";
  const told = await get("tree");
  if (told.error) return void ($("changes").textContent = told.error);
  found = told;
  draw();
}

function coloured(text) {
  return text.split("\n").map((one) => {
    const kind = /^(---|\+\+\+|@@)/.test(one) ? "faint" : one.startsWith("+") ? "good-text" : one.startsWith("-") ? "bad-text" : "";
    return h("span", { class: kind }, `${one}\n`);
  });
}

async function show(row) {
  chosen = row.dataset.path;
  markRow($("files"), row);
  const told = await get(`file?path=${encodeURIComponent(chosen)}`);
  if (row.dataset.path !== chosen) return;
  $("content").className = "";
  fill("content", h("span", { class: "faint" }, `${told.about ?? chosen}\n\n`), ...(told.diff ? coloured(told.text) : [told.text ?? told.error]));
}

rowKeys($("files"), show);
$("compare").addEventListener("click", compare);
$("tree-filter").addEventListener("input", draw);
$("tab-tree").addEventListener("opened", compare);

async function log() {
  const box = $("said-by-agent");
  const text = textOf(await get("log"));
  if (box.textContent !== text) box.textContent = text;
  if ($("follow").checked) box.scrollTop = box.scrollHeight;
}
$("again").addEventListener("click", log);
$("tab-log").addEventListener("opened", log);
setInterval(() => {
  if (!$("log").hidden && $("follow").checked && !document.hidden) log();
}, 3000);
