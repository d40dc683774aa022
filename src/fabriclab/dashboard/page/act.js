// What a person does to the lab: publish, and everything that happens to a VM; each as a step of a scenario.

import { $, fill, h, whenChanged } from "./dom.js";
import { act, offers, parsed, post, settingsOf, submitted } from "./lab.js";

const always = () => true;
// [group, [label, step, whether it can be done now]]; a button that cannot do anything now rests.
const GROUPS = [
  ["Goal state", [
    ["Bump incarnation", { do: "bump-incarnation" }, always],
    ["Bump etag", { do: "set-fast-track" }, always],
    ["Hold", { do: "set-hold", on_hold: true }, (state) => !state.on_hold],
    ["Release", { do: "set-hold", on_hold: false }, (state) => state.on_hold],
  ]],
  ["VM", [
    ["Rotate certificate", () => ({ do: "rotate-certificate", certificate: { name: `tenant-${Date.now() % 100000}` } }), always],
    ["Move (new container)", { do: "change-container" }, always],
    ["Reboot", { do: "reboot" }, always],
    ["Pause guest", { do: "pause-guest" }, (state) => state.guest.running && !state.paused],
    ["Resume guest", { do: "resume-guest" }, (state) => state.paused],
  ]],
  ["Agent", [
    ["Start agent", { do: "start-agent" }, (state) => state.guest.running && !state.agent.running],
    ["Restart agent", { do: "restart-agent" }, (state) => state.agent.running],
    ["Stop agent", { do: "stop-agent" }, (state) => state.agent.running],
    ["Kill agent", { do: "kill-agent" }, (state) => state.agent.running],
  ]],
];
const buttons = [];

function button(label, step, can) {
  const made = h("button", { type: "button", onclick: async () => {
    made.classList.add("busy");
    await act(typeof step === "function" ? step() : step);
    made.classList.remove("busy");
  } }, label);
  buttons.push([made, can]);
  return made;
}

fill("acts", ...GROUPS.map(([name, all]) => h("div", { class: "group", role: "group", "aria-label": name }, h("h3", {}, name), h("div", { class: "buttons" }, all.map((one) => button(...one))))));

const disks = whenChanged((names) =>
  fill("disks", ...(names.length ? names.map((name) => h("button", { type: "button", onclick: () => act({ do: "detach-disk", name }) }, `Take out ${name}`)) : [h("span", { class: "faint" }, "No disk besides the system's.")])));

let verbs = {};
let samples = {};
const next = new Map(); // sequence numbers, by extension

export function acts(state) {
  for (const [made, can] of buttons) made.disabled = !can(state);
  disks(state.guest.disks);
  next.clear();
  for (const one of state.wanted) next.set(one.name, Math.max(-1, ...(one.settings ?? []).map((part) => part.sequence ?? 0)) + 1);
  const name = $("disk").elements.name;
  if (state.guest.disks.includes(name.value) && document.activeElement !== name) name.value = free(state.guest.disks);
}

const free = (taken) => [..."cdefghijklmnop"].map((one) => `sd${one}`).find((one) => !taken.includes(one)) ?? "";

submitted($("publish"), async (form) => {
  const own = form.get("own").trim();
  const source = !own ? { sample: form.get("sample") } : own.endsWith(".zip") ? { package: own } : { directory: own };
  const name = form.get("name").trim();
  const extension = { ...source, name, version: form.get("version"), sequence: Number(next.get(name) ?? 0), ...settingsOf(form) };
  return post("do", { do: "publish", channel: form.get("channel"), extension: [extension] });
});

// The same form for the next version of one that is there.
export function prepare(extension, source) {
  const form = $("publish").elements;
  const settings = extension.settings?.[0] ?? {};
  form.name.value = extension.name;
  form.version.value = extension.version.replace(/\d+(?=\.\d+$)/, (part) => Number(part) + 1);
  form.public.value = JSON.stringify(settings.public ?? {});
  form.own.value = source && ["directory", "package"].includes(source.kind) ? source.name : "";
  if (source?.kind === "sample") form.sample.value = source.name;
  about();
  form.version.focus();
}

submitted($("rename"), (form, element) => post("do", { do: "rename", vm_name: form.get("vm_name").trim() }).then((told) => (element.reset(), told)));
submitted($("disk"), (form) => post("do", { do: "attach-disk", name: form.get("name"), content: form.get("content"), mib: Number(form.get("mib")) }));
submitted($("any"), (form) => post("do", parsed(form.get("step"), "step", {})));

$("run").append(h("p", { class: "error tall", role: "alert" }));
submitted($("run"), async (form) => {
  const told = await post("do", { do: "run", command: form.get("command"), any_status: true });
  $("printed").textContent = told.output || "(it has printed nothing)";
  $("printed").classList.toggle("faint", !told.output);
});

function template(name) {
  const keys = [...(verbs[name].keys ?? [])].filter((key) => key.needed);
  const step = { do: name, ...Object.fromEntries(keys.map((key) => [key.name, key.kind.startsWith("a whole") ? 0 : key.kind === "tables" ? [{}] : key.kind === "a table" ? {} : key.kind.startsWith("true") ? true : ""])) };
  const form = $("any").elements;
  form.step.value = JSON.stringify(name === "publish" ? { do: name, extension: [{ sample: "good", name: "Lab.Good" }] } : step, null, 2);
  const listed = verbs[name].keys.map((key) => `${key.name} (${key.kind}${key.needed ? ", needed" : key.default !== undefined ? `, else ${key.default}` : ""})`);
  $("verb-about").textContent = [verbs[name].about.replaceAll("`", ""), listed.length ? `Keys: ${listed.join(", ")}.` : "It has no keys."].filter(Boolean).join(" ");
}

const about = () => ($("sample-about").textContent = (samples[$("sample").value] ?? "").replaceAll("`", ""));
$("sample").addEventListener("change", about);
$("any").elements.verb.addEventListener("change", (event) => template(event.target.value));

offers.then((known) => {
  ({ verbs, samples } = known);
  fill("sample", ...Object.keys(samples).map((name) => h("option", { selected: name === "good" }, name)));
  about();
  $("disk").elements.content.append(...known.contents.map((name) => h("option", { selected: name === "nothing" }, name)));
  $("any").elements.verb.append(...Object.keys(verbs).map((name) => h("option", { selected: name === "note" }, name)));
  template("note");
});
