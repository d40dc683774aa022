// Faults: the switches show what is in force, whoever put it there; any other one in words, with the way to lift it.

import { $, fill, h, whenChanged } from "./dom.js";
import { act, offers, post, submitted } from "./lab.js";

let tables = {};

const switches = whenChanged((all) => {
  if (!$("faults").children.length)
    fill("faults", ...all.map((one) =>
      h("label", {}, h("input", { type: "checkbox", role: "switch", "data-fault": one.name, onchange: async (event) => {
        const on = event.target.checked;
        if (!(await act({ do: on ? "fault" : "lift-fault", ...tables[one.name] }))) event.target.checked = !on;
      } }), one.name, h("small", { "data-struck": one.name }))));
  for (const one of all) {
    document.querySelector(`[data-fault="${one.name}"]`).checked = one.on;
    document.querySelector(`[data-struck="${one.name}"]`).textContent = one.on ? `${one.struck} struck` : "";
  }
});

const others = whenChanged((all) =>
  fill("other-faults", ...all.map((one) =>
    h("li", {}, h("span", {}, one.text, h("small", {}, ` ${one.struck} struck`)), h("button", { type: "button", "aria-label": `Lift ${one.text}`, onclick: () => act({ do: "lift-fault", ...one.table }) }, "Lift")))));

export function faults(state) {
  switches(state.faults);
  others(state.other_faults);
  $("clear").disabled = !state.other_faults.length && !state.faults.some((one) => one.on);
}

$("clear").addEventListener("click", () => act({ do: "clear-faults" }));

const form = $("fault");
const ownKeys = () => {
  for (const one of form.querySelectorAll(".of")) one.hidden = !one.classList.contains(form.elements.effect.value);
};
form.elements.effect.addEventListener("change", ownKeys);

submitted(form, (given) => {
  const step = { do: "fault", effect: given.get("effect") };
  for (const key of ["service", "path"]) if (given.get(key)) step[key] = given.get(key);
  if (given.get("first")) step.first = Number(given.get("first"));
  if (step.effect === "status") step.code = Number(given.get("code"));
  if (step.effect === "delay") step.seconds = Number(given.get("seconds"));
  return post("do", step);
});

offers.then((known) => {
  tables = known.faults;
  const said = { status: "answered with a status", delay: "answered late" };
  form.elements.effect.append(...Object.entries(known.effects).map(([name, text]) => h("option", { value: name, selected: name === "status" }, said[name] ?? text)));
  form.elements.service.append(...Object.entries(known.services).map(([name, text]) => h("option", { value: name }, text)));
  ownKeys();
});
