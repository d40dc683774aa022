// Every start of the agent as a chart: how long until each milestone; and the timeline below it.

import { $, fill, h, seconds, whenChanged } from "./dom.js";

let starts = [];
let follows = true; // the newest one, until an older one is chosen

function chart(one) {
  const start = one.milestones[0].since;
  const whole = Math.max(one.milestones.at(-1).since - start, 0.01);
  const bars = one.milestones.slice(1).flatMap((mile, index) => {
    const before = one.milestones[index].since - start;
    const after = mile.since - start;
    const bad = /error|failed/i.test(mile.name);
    const bar = h("i", { class: bad ? "bad" : /^Ready$|: success$/.test(mile.name) ? "good" : "" });
    bar.style.left = `${(100 * before) / whole}%`;
    bar.style.width = `${(100 * (after - before)) / whole}%`;
    return [h("span", {}, mile.name), h("span", { class: "bar", role: "img", "aria-label": `${mile.name} after ${seconds(after)}` }, bar), h("span", { class: "number" }, seconds(after))];
  });
  const began = h("p", { class: "faint began" }, `${one.text.replace(/^agent started: /, "started: ")}, at ${seconds(start)}`);
  if (!bars.length) return [began, h("p", { class: "empty" }, "Nothing has come of it yet.")];
  const ticks = [0, 0.25, 0.5, 0.75, 1].map((part) => h("span", {}, `${+(whole * part).toPrecision(2)}`));
  return [began, h("div", { class: "bars" }, bars, h("span", {}), h("span", { class: "ticks", "aria-hidden": "true" }, ticks), h("span", { class: "faint" }, "s"))];
}

function draw() {
  const number = Number($("which").value);
  const one = starts.find((start) => start.number === number) ?? starts.at(-1);
  fill("boot", ...(one ? chart(one) : [h("p", { class: "empty" }, "No agent has started yet.")]));
}

const list = whenChanged((lines) =>
  fill("timeline", ...lines.slice().reverse().map((one) =>
    h("li", {}, h("time", {}, seconds(one.since)), h("span", { class: "who" }, one.who), h("span", { class: one.good === true ? "good-text" : one.good === false ? "bad-text" : "" }, one.text)))));

const choose = whenChanged((found) => {
  starts = found;
  const chosen = follows ? starts.at(-1)?.number : Number($("which").value);
  fill("which", ...starts.map((one) => h("option", { value: one.number, selected: one.number === chosen }, `${one.number}${one === starts.at(-1) ? ", the last" : ""}: at ${seconds(one.milestones[0].since)}`)));
  $("which").hidden = starts.length < 2;
  draw();
});

$("which").addEventListener("change", () => {
  follows = Number($("which").value) === starts.at(-1)?.number;
  draw();
});

export function boot(state) {
  choose(state.starts);
  list(state.timeline);
}
