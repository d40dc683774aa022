// What is wanted and what is reported, side by side. A row stays the same element while it is there: what was opened, read or
// half written in it survives every report.

import { $, fill, h, pill, seconds } from "./dom.js";
import { act, get, post, say, settingsOf, submitted, textOf, want } from "./lab.js";
import { prepare } from "./act.js";

const rows = new Map();
let wants = [];
let sources = {};

async function wantAll(change) {
  try {
    say((await want(wants.map(change), "wire")).done);
  } catch (problem) {
    say(problem.message, true);
  }
}

// The same settings, the protected ones included, under the next sequence number.
const again = (name, instance) => wantAll((one) => one.name !== name ? one : { ...one, settings: (one.settings ?? []).map((part) => (part.name ?? "") === instance ? { ...part, sequence: (part.sequence ?? 0) + 1 } : part) });
const turn = (name, state) => wantAll((one) => one.name !== name ? one : { ...one, state, settings: (one.settings ?? []).map((part) => ({ ...part, sequence: (part.sequence ?? 0) + 1 })) });

function make(key, name, instance) {
  const cell = (label, kind = "") => h("td", { class: kind, "data-label": label });
  const parts = { wanted: cell("wanted"), handler: cell("handler"), status: cell("status"), sequence: cell("sequence", "number"), since: cell("since", "number"), code: cell("code", "number") };
  const summary = h("summary", {});
  const message = h("pre", { class: "message", tabindex: 0 });
  const history = h("ol", { class: "history" });
  const substatus = h("ul", { class: "substatus" });
  const output = h("pre", { class: "output faint", tabindex: 0, "aria-label": `What the commands of ${name} printed` }, "Not looked at yet.");
  const look = async () => {
    output.textContent = textOf(await get(`output/${encodeURIComponent(name)}?instance=${encodeURIComponent(instance)}`));
    output.classList.remove("faint");
    output.scrollTop = output.scrollHeight;
  };
  const settings = h("form", { class: "settings" },
    h("label", { class: "tall" }, "Public settings, JSON", h("textarea", { name: "public", rows: 3, spellcheck: "false", "data-json": true })),
    h("label", { class: "tall" }, "Protected settings, JSON; empty: none", h("textarea", { name: "protected", rows: 1, spellcheck: "false", "data-json": true })),
    h("p", { class: "error tall", role: "alert" }),
    h("button", {}, "Change settings"));
  const details = h("details", { class: "more" }, summary,
    h("div", { class: "thirds" },
      h("div", {}, h("h3", {}, "Reported"), message, substatus, history),
      h("div", {}, h("h3", {}, "Output of its commands ", h("button", { type: "button", class: "small", onclick: look }, "Look again")), output),
      h("div", {}, h("h3", {}, "Settings"), settings)));
  details.addEventListener("toggle", () => details.open && output.classList.contains("faint") && look());
  const buttons = h("div", { class: "buttons" });
  const head = h("tr", { "data-extension": key }, h("td", { class: "name", "data-label": "extension" }, name, instance ? h("small", {}, instance) : null), ...Object.values(parts), h("td", { class: "acts" }, buttons));
  const body = h("tr", { class: "below", "data-of": key }, h("td", { colspan: 8 }, details));
  const row = { head, body, parts, summary, message, substatus, history, buttons, settings, touched: false, look, details, before: "" };
  settings.addEventListener("input", () => (row.touched = true));
  submitted(settings, async (form) => {
    const told = await post("do", { do: "change-settings", name, instance, ...settingsOf(form) });
    row.touched = false;
    return told;
  });
  return row;
}

function actions(name, instance, wanted) {
  if (!wanted) return [];
  const made = (label, title, onclick) => h("button", { type: "button", class: "small", title, onclick }, label);
  const gone = wanted.state === "uninstall";
  return [
    gone || made("Next sequence", "The same settings once more, under the next sequence number", () => again(name, instance)),
    gone || made("New version", "Fills the form below with the next version", () => prepare(wanted, sources[name])),
    gone || (wanted.state === "disabled" ? made("Enable", "", () => turn(name, "enabled")) : made("Disable", "", () => turn(name, "disabled"))),
    gone || made("Remove", "Asks for its removal: state uninstall", () => act({ do: "remove", extension: name })),
    made("Forget", "The goal state does not mention it any more", () => act({ do: "forget-extension", name })),
  ].filter((one) => one !== true);
}

function update(row, name, instance, wanted, said) {
  const settings = wanted?.settings?.find((one) => (one.name ?? "") === instance) ?? wanted?.settings?.[0];
  row.parts.wanted.replaceChildren(wanted ? `${wanted.version} ${wanted.state ?? "enabled"}` : "not wanted", h("small", {}, settings ? `sequence ${settings.sequence ?? 0}` : ""));
  row.parts.handler.replaceChildren(pill(said?.handler), h("small", {}, said?.version ?? ""));
  row.parts.status.replaceChildren(pill(said?.status));
  row.parts.code.textContent = said?.code ?? "";
  row.parts.sequence.textContent = said?.sequence ?? "";
  row.parts.since.textContent = said ? seconds(said.since) : "";
  row.summary.textContent = said?.message ? said.message.split("\n")[0].slice(0, 160) : said ? "no message" : "nothing reported yet";
  row.message.textContent = said?.message || "Nothing yet.";
  row.substatus.replaceChildren(...(said?.substatus ?? []).map((one) => h("li", {}, pill(one.status), ` ${one.name}${one.code ? `, code ${one.code}` : ""}`, one.message ? h("small", {}, one.message) : null)));
  row.history.replaceChildren(...(said?.history ?? []).slice().reverse().map((one) => h("li", {}, h("time", {}, seconds(one.since)), `${one.handler} ${one.status}`.trim(), one.sequence == null ? "" : `, sequence ${one.sequence}`)));
  row.buttons.replaceChildren(...actions(name, instance, wanted));
  row.settings.hidden = !wanted || wanted.state === "uninstall";
  if (!row.touched) row.settings.elements.public.value = settings?.public == null ? "" : JSON.stringify(settings.public, null, 1);
  if (row.details.open) row.look();
}

export function extensions(state) {
  wants = state.wanted;
  sources = state.sources;
  const now = new Map();
  for (const one of state.wanted) {
    const names = one.multi_config ? (one.settings ?? []).map((part) => part.name ?? "") : [""];
    for (const instance of names) now.set(`${one.name}/${instance}`, [one.name, instance, one, undefined]);
  }
  for (const said of state.extensions) {
    const wanted = state.wanted.find((one) => one.name.toLowerCase() === said.name.toLowerCase());
    now.set(`${wanted?.name ?? said.name}/${said.instance}`, [wanted?.name ?? said.name, said.instance, wanted, said]);
  }
  let body = $("extension-rows");
  if (!now.size) {
    rows.clear();
    return fill("extensions", h("p", { class: "empty" }, "No extension is wanted or reported. Publish one below: the sample is a handler that succeeds."));
  }
  if (!body) {
    const names = ["extension", "wanted", "handler", "status", "sequence", "since", "code", ""];
    body = h("tbody", { id: "extension-rows" });
    fill("extensions", h("table", {}, h("thead", {}, h("tr", {}, names.map((name) => h("th", { class: ["sequence", "since", "code"].includes(name) ? "number" : "" }, name)))), body));
  }
  for (const [key, row] of rows) {
    if (now.has(key)) continue;
    row.head.remove();
    row.body.remove();
    rows.delete(key);
  }
  for (const [key, [name, instance, wanted, said]] of now) {
    const row = rows.get(key) ?? make(key, name, instance);
    const shown = JSON.stringify([wanted, said && { ...said, seen: 0 }]);
    if (!rows.has(key)) {
      rows.set(key, row);
      body.append(row.head, row.body);
    }
    if (shown !== row.before) update(row, name, instance, wanted, said);
    row.before = shown;
  }
}
