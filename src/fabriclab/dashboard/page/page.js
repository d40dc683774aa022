// The page: one stream comes in, each part draws itself from it.

import "./act.js";
import { $, fill, h, pill, seconds } from "./dom.js";
import { extensions } from "./extensions.js";
import { listen } from "./lab.js";
import { plot } from "./plots.js";
import { add } from "./stream.js";
import { faults, published } from "./act.js";

let clock = 0;
let heard = 0;

function head(state) {
  const said = state.health ? pill(state.health.state + (state.health.substatus ? `: ${state.health.substatus}` : ""), state.health.state === "Ready" ? "good" : "") : pill("nothing yet", "");
  const agent = state.agent.running ? pill("runs", "good") : pill(state.agent.status == null ? "not started" : `ended with ${state.agent.status}`, "bad");
  const parts = { VM: state.vm.name, guest: pill(state.guest.running ? "running" : "off"), [`agent ${state.agent.name}`]: agent, reported: said, "goal state": state.incarnation, vmSettings: state.etag ?? "off", connections: state.connections };
  if (state.on_hold) parts.hold = pill("on hold");
  fill("head", ...Object.entries(parts).map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
  $("scenario").textContent = state.scenario;
  document.title = `${state.vm.name} – fabriclab`;
}

function channels(state) {
  const lines = state.channels.map((one) =>
    h("tr", {}, h("td", { class: "name" }, one.name), h("td", { class: "number" }, one.requests), h("td", { class: "number" }, one.refused || ""), h("td", { class: "number" }, one.struck || ""),
      h("td", {}, one.last ? `${one.last.summary} (${one.last.status ?? "no answer"}, ${seconds(one.last.since)})` : "")),
  );
  const names = ["service", "requests", "refused", "struck", "last exchange"];
  fill("channels", h("table", {}, h("thead", {}, h("tr", {}, names.map((name) => h("th", {}, name)))), h("tbody", {}, lines)));
}

function boot(state) {
  const start = state.milestones[0]?.since ?? 0;
  const whole = Math.max((state.milestones.at(-1)?.since ?? 1) - start, 0.01);
  const bars = state.milestones.slice(1).flatMap((one, index) => {
    const before = state.milestones[index].since - start;
    const width = one.since - start - before;
    const bar = h("i", {});
    bar.style.left = `${(100 * before) / whole}%`;
    bar.style.width = `${(100 * width) / whole}%`;
    return [h("span", {}, one.name), h("span", { class: "bar", role: "img", "aria-label": `${one.name} after ${seconds(one.since - start)}` }, bar), h("span", {}, seconds(one.since - start))];
  });
  fill("boot", h("div", { class: "bars" }, bars.length ? bars : "no agent has started yet"));
  fill("timeline", ...state.timeline.slice().reverse().map((one) =>
    h("li", {}, h("time", {}, seconds(one.since)), h("span", { class: "who" }, one.who), h("span", { class: one.good === true ? "good-text" : one.good === false ? "bad-text" : "" }, one.text))));
}

listen(
  (told) => {
    clock = told.now;
    heard = Date.now();
    if (told.state) {
      for (const draw of [head, channels, boot, extensions, faults, published]) draw(told.state);
    }
    plot(told.samples);
    add(told.rows);
  },
  (kind) => {
    $("link").className = kind;
    $("link").textContent = kind === "live" ? "live" : "the lab does not answer; trying again";
  },
);

setInterval(() => {
  if ($("link").className === "live") $("link").textContent = `live, ${Math.floor(clock + (Date.now() - heard) / 1000)} s`;
}, 1000);

// Tabs: arrow keys move, as the pattern wants it.
const tabs = [...document.querySelectorAll("[role=tab]")];
function open(tab) {
  for (const one of tabs) {
    one.setAttribute("aria-selected", String(one === tab));
    one.tabIndex = one === tab ? 0 : -1;
    $(one.getAttribute("aria-controls")).hidden = one !== tab;
  }
  tab.dispatchEvent(new Event("opened"));
}
for (const tab of tabs) {
  tab.addEventListener("click", () => open(tab));
  tab.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const next = tabs[(tabs.indexOf(tab) + step + tabs.length) % tabs.length];
    open(next);
    next.focus();
  });
}
