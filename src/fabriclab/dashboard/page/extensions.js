// What is wanted and what is reported, side by side.

import { fill, h, pill, seconds } from "./dom.js";
import { act, get, want } from "./lab.js";

const opened = new Set();
let wants = [];

// The same settings, the protected ones included, under the next sequence number.
function again(name, instance) {
  const next = (part) => ((part.name ?? "") === instance ? { ...part, sequence: (part.sequence ?? 0) + 1 } : part);
  return want(wants.map((one) => (one.name === name ? { ...one, settings: (one.settings ?? []).map(next) } : one)), "wire");
}

function row(name, instance, wanted, said) {
  const key = `${name}/${instance}`;
  const settings = wanted?.settings?.find((one) => (one.name ?? "") === instance) ?? wanted?.settings?.[0];
  const more = h("details", { open: opened.has(key), ontoggle: (event) => opened[event.target.open ? "add" : "delete"](key) },
    h("summary", {}, said?.message ? said.message.split("\n")[0].slice(0, 120) : "no message"),
    h("pre", { tabindex: 0 }, [said?.message, ...(said?.history ?? []).map((one) => `${seconds(one.since)}: ${one.handler} ${one.status} (sequence ${one.sequence ?? "–"})`)].filter(Boolean).join("\n") || "nothing reported yet"),
    h("button", { type: "button", onclick: async (event) => { event.target.nextElementSibling.textContent = (await get(`output/${encodeURIComponent(name)}`)) || "(nothing)"; } }, "Output of its commands"),
    h("pre", { tabindex: 0, class: "output" }));
  const buttons = wanted ? [
    h("button", { type: "button", onclick: () => again(name, instance), title: "The same settings once more, under the next sequence number" }, "Next sequence"),
    wanted.state === "uninstall" ? "" : h("button", { type: "button", onclick: () => act({ do: "remove", extension: name }) }, "Remove"),
    h("button", { type: "button", onclick: () => act({ do: "forget-extension", name }) }, "Forget")] : [];
  return h("tr", { "data-extension": key },
    h("td", { class: "name" }, name, instance ? ` (${instance})` : ""),
    h("td", {}, wanted ? `${wanted.version} ${wanted.state ?? "enabled"}` : "not wanted"),
    h("td", { class: "number" }, settings ? settings.sequence ?? 0 : ""),
    h("td", {}, pill(said?.handler)), h("td", {}, pill(said?.status)),
    h("td", { class: "number" }, said?.code ?? ""), h("td", { class: "number" }, said?.sequence ?? ""),
    h("td", { class: "number" }, said ? seconds(said.since) : ""),
    h("td", {}, more), h("td", {}, h("div", { class: "buttons" }, buttons)));
}

let before = "";

export function extensions(state) {
  wants = state.wanted;
  const rows = new Map();
  for (const one of state.wanted) {
    const names = one.multi_config ? one.settings.map((part) => part.name ?? "") : [""];
    for (const instance of names) rows.set(`${one.name}/${instance}`, [one.name, instance, one, undefined]);
  }
  for (const said of state.extensions) {
    const wanted = state.wanted.find((one) => one.name.toLowerCase() === said.name.toLowerCase());
    const key = `${wanted?.name ?? said.name}/${said.instance}`;
    rows.set(key, [wanted?.name ?? said.name, said.instance, wanted, said]);
  }
  const now = JSON.stringify([...rows.values()].map(([name, instance, wanted, said]) => [name, instance, wanted, said && { ...said, seen: 0 }]));
  if (now === before) return;
  before = now;
  if (!rows.size) return fill("extensions", h("p", {}, "None is wanted yet: publish one below."));
  const names = ["extension", "wanted", "sequence", "handler", "status", "code", "reported for", "since", "message", ""];
  fill("extensions", h("table", {}, h("thead", {}, h("tr", {}, names.map((name) => h("th", {}, name)))), h("tbody", {}, [...rows.values()].map((one) => row(...one)))));
}
