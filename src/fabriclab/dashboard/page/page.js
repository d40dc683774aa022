// The page: one stream comes in, each part draws itself from it.

import { acts } from "./act.js";
import { boot } from "./boot.js";
import { $, fill, h, pill, seconds, whenChanged } from "./dom.js";
import { extensions } from "./extensions.js";
import { faults } from "./faults.js";
import "./files.js";
import { published } from "./goal.js";
import { listen } from "./lab.js";
import { plot } from "./plots.js";
import { add } from "./stream.js";

let clock = 0;
let heard = 0;

function reported(state) {
  if (!state.health) return pill("nothing yet", "");
  const text = state.health.state + (state.health.substatus ? `: ${state.health.substatus}` : "");
  const said = pill(text, state.health.state === "Ready" ? "good" : /fail/i.test(text) ? "bad" : "");
  const when = `${state.health.text} at ${seconds(state.health.since)}`;
  said.title = when;
  return state.health.boot === state.boots ? said : h("span", { title: when }, said, h("span", { class: "faint" }, " by an earlier start"));
}

const head = whenChanged((state) => {
  const agent = state.agent.running ? pill("runs", "good") : pill(state.agent.status == null ? "not started" : `ended with ${state.agent.status}`, state.agent.status == null ? "" : "bad");
  const guest = state.guest.running ? (state.paused ? pill("stands still") : pill("running")) : pill("off", "bad");
  const on = state.faults.filter((one) => one.on).length + state.other_faults.length;
  const parts = { VM: h("b", {}, state.vm.name), [`guest, ${state.guest.kind}`]: guest, [`agent ${state.agent.name}`]: agent, reported: reported(state), incarnation: state.incarnation, etag: state.etag ?? "no Fast Track", certificate: state.certificates[0] ?? "none", connections: state.connections };
  if (state.on_hold) parts.hold = pill("on hold");
  if (on) parts.faults = pill(`${on} in force`, "bad");
  fill("head", ...Object.entries(parts).map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
  document.body.dataset.guest = state.guest.kind;
  $("scenario").textContent = state.scenario;
  $("scenario").title = state.about;
  document.title = `${state.vm.name} – fabriclab`;
});

const channels = whenChanged((all) => {
  if (!all.length) return fill("channels", h("p", { class: "empty" }, "Nobody has asked for anything yet."));
  const lines = all.map((one) =>
    h("tr", { "data-channel": one.name },
      h("td", { class: "name" }, one.name, h("small", {}, `${one.requests} request${one.requests === 1 ? "" : "s"}`, one.refused ? h("span", { class: "bad-text refused" }, ` ${one.refused} refused`) : null, one.struck ? h("span", { class: "wait-text struck" }, ` ${one.struck} struck`) : null)),
      h("td", {}, one.last ? [one.last.summary, h("small", {}, one.last.method ? h("span", { class: one.last.status == null || one.last.status >= 400 ? "bad-text" : "" }, one.last.status ?? "no answer") : null, ` at ${seconds(one.last.since)}`)] : "")));
  fill("channels", h("table", {}, h("thead", {}, h("tr", {}, h("th", {}, "service"), h("th", {}, "last exchange"))), h("tbody", {}, lines)));
});

listen(
  (told) => {
    clock = told.now;
    heard = Date.now();
    if (told.state) {
      head(told.state);
      channels(told.state.channels);
      for (const draw of [boot, extensions, faults, published, acts]) draw(told.state);
    }
    plot(told.samples);
    add(told.rows);
  },
  (kind) => {
    $("link").className = kind === "live" ? "live" : "lost";
    document.body.classList.toggle("stale", kind !== "live");
    $("link").textContent = { live: "live", lost: "the lab does not answer; trying again", ended: "this lab has ended" }[kind];
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
    const last = tabs.length - 1;
    const at = tabs.indexOf(tab);
    const next = { ArrowRight: tabs[at === last ? 0 : at + 1], ArrowLeft: tabs.at(at - 1), Home: tabs[0], End: tabs[last] }[event.key];
    if (!next) return;
    event.preventDefault();
    open(next);
    next.focus();
  });
}
