// What a person does to the lab: publish, act, break things, edit what is wanted, look at files.

import { $, fill, h } from "./dom.js";
import { act, get, parsed, say, want } from "./lab.js";
import { pretty } from "./stream.js";

const BUTTONS = {
  "Bump incarnation": { do: "bump-incarnation" },
  "Bump etag": { do: "set-fast-track" },
  "Rotate certificate": () => ({ do: "rotate-certificate", certificate: { name: `tenant-${Date.now() % 100000}` } }),
  "Move the VM (new container)": { do: "change-container" },
  "Rename the VM": () => { const name = prompt("New name of the VM"); return name ? { do: "rename", vm_name: name } : null; },
  "Hold": { do: "set-hold", on_hold: true },
  "Release": { do: "set-hold", on_hold: false },
  "Pause guest": { do: "pause-guest" },
  "Resume guest": { do: "resume-guest" },
  "Restart agent": { do: "restart-agent" },
  "Kill agent": { do: "kill-agent" },
  "Start agent": { do: "start-agent" },
  "Reboot": { do: "reboot" },
};

fill("acts", ...Object.entries(BUTTONS).map(([name, step]) =>
  h("button", { type: "button", onclick: () => { const done = typeof step === "function" ? step() : step; if (done) act(done); } }, name)));

function submitted(id, work) {
  $(id).addEventListener("submit", async (event) => {
    event.preventDefault();
    try {
      await work(new FormData(event.target));
    } catch (problem) {
      say(problem.message, true);
    }
  });
}

submitted("publish", (form) => {
  const own = form.get("own").trim();
  const source = !own ? { sample: form.get("sample") } : own.endsWith(".zip") ? { package: own } : { directory: own };
  const extension = { ...source, name: form.get("name"), version: form.get("version"), sequence: Number(next.get(form.get("name")) ?? 0) };
  for (const key of ["public", "protected"]) {
    const value = parsed(form.get(key), `${key} settings`, undefined);
    if (value !== undefined) extension[key] = value;
  }
  return act({ do: "publish", channel: form.get("channel"), extension: [extension] });
});
submitted("any", (form) => act(parsed(form.get("step"), "step", {})));
submitted("want", async (form) => {
  if (await want(parsed(form.get("extensions"), "wanted extensions", []), form.get("channel"))) edited = false;
});
$("clear").addEventListener("click", () => act({ do: "clear-faults" }));

// Faults: the switches show what is in force, whoever put it there.
let tables = {};
export function faults(state) {
  if (!$("faults").children.length)
    fill("faults", ...state.faults.map((one) =>
      h("label", {}, h("input", { type: "checkbox", role: "switch", "data-fault": one.name, onchange: (event) => act({ do: event.target.checked ? "fault" : "lift-fault", ...tables[one.name] }) }), one.name)));
  for (const one of state.faults) document.querySelector(`[data-fault="${one.name}"]`).checked = one.on;
  $("other-faults").textContent = state.other_faults.length ? `Also in force: ${state.other_faults.join("; ")}` : "";
}

// What is wanted: as it is, until somebody writes in it.
let wanted = [];
let edited = false;
const next = new Map();
const box = $("want").elements.extensions;
const restore = () => { box.value = JSON.stringify(wanted, null, 2); edited = false; };
box.addEventListener("input", () => (edited = true));
$("restore").addEventListener("click", restore);
export function published(state) {
  wanted = state.wanted;
  next.clear();
  for (const one of wanted) next.set(one.name, Math.max(-1, ...(one.settings ?? []).map((part) => part.sequence ?? 0)) + 1);
  if (!edited) restore();
}

async function documents() {
  const found = await get("documents");
  const chosen = $("document").value || Object.keys(found)[0];
  fill("document", ...Object.keys(found).map((name) => h("option", { selected: name === chosen }, name)));
  $("served").textContent = pretty(found[chosen] ?? "");
}
$("tab-goal").addEventListener("opened", documents);
$("document").addEventListener("change", documents);
$("reload").addEventListener("click", documents);

async function compare() {
  $("changes").textContent = "comparing …";
  const found = await get("tree");
  if (found.error) return say(found.error, true);
  $("changes").textContent = `${found.length} changes`;
  $("files").textContent = found.join("\n");
}
$("compare").addEventListener("click", compare);
$("tab-tree").addEventListener("opened", compare);

async function log() {
  $("said-by-agent").textContent = (await get("log")) || "(nothing)";
  $("said-by-agent").scrollTop = $("said-by-agent").scrollHeight;
}
$("again").addEventListener("click", log);
$("tab-log").addEventListener("opened", log);

get("offers").then((offers) => {
  tables = offers.faults;
  fill("sample", ...offers.samples.map((name) => h("option", { selected: name === "good" }, name)));
});
