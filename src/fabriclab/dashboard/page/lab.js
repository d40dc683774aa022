// The lab's side: what it says (one stream, which finds its way back by itself) and what it is asked to do.

import { $ } from "./dom.js";

let hide;

export function say(text, bad = false) {
  const box = $("said");
  box.textContent = text;
  box.className = bad ? "shown bad" : "shown";
  clearTimeout(hide);
  hide = setTimeout(() => (box.className = ""), bad ? 9000 : 3500);
}

// The answer, or an Error with the lab's own sentence.
export async function post(path, body) {
  let answer;
  try {
    answer = await fetch(path, { method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json" } });
  } catch {
    throw new Error("the lab does not answer");
  }
  const told = await answer.json();
  if (!answer.ok) throw new Error(told.error.replace(/^request: /, ""));
  return told;
}

export async function act(step) {
  try {
    say((await post("do", step)).done);
    return true;
  } catch (problem) {
    say(problem.message, true);
    return false;
  }
}

export const want = (extensions, channel) => post("want", { extensions, channel });

// JSON or text as it comes; { error } where there is none, also when the lab is gone.
export async function get(path) {
  try {
    const answer = await fetch(path);
    return await ((answer.headers.get("content-type") ?? "").includes("json") ? answer.json() : answer.text());
  } catch {
    return { error: "the lab does not answer" };
  }
}

// What can be done, and with what; it does not change.
export const offers = get("offers");

export const textOf = (told) => (typeof told === "string" ? told || "(nothing)" : told.error);

export function listen(take, changed) {
  const stream = new EventSource("stream");
  stream.onopen = () => changed("live");
  stream.onerror = () => changed(stream.readyState === EventSource.CLOSED ? "ended" : "lost");
  stream.onmessage = (event) => take(JSON.parse(event.data));
}

// Text of a form as JSON; complains with the field's name.
export function parsed(text, name, empty) {
  if (!text.trim()) return empty;
  try {
    return JSON.parse(text);
  } catch (problem) {
    throw new Error(`${name}: no JSON: ${problem.message}`);
  }
}

// The settings that a form gives; what is left empty is not among them.
export function settingsOf(form) {
  const found = {};
  for (const one of ["public", "protected"]) {
    const value = parsed(form.get(one), `${one} settings`, undefined);
    if (value !== undefined) found[one] = value;
  }
  return found;
}

// A form whose mistakes are said in it, beside the button; the button rests while the lab works.
export function submitted(form, work) {
  const told = form.querySelector(".error") ?? form.parentElement.querySelector(":scope > .error");
  form.addEventListener("input", () => (told.textContent = ""));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("button:not([type=button])");
    button.disabled = true;
    told.textContent = "";
    try {
      const answer = await work(new FormData(form), form);
      if (answer?.done) say(answer.done);
    } catch (problem) {
      told.textContent = problem.message;
    } finally {
      button.disabled = false;
    }
  });
}

// JSON fields turn red while they hold none.
document.addEventListener("input", (event) => {
  if (!event.target.matches?.("[data-json]")) return;
  let reason = "";
  try {
    parsed(event.target.value, "this", undefined);
  } catch (problem) {
    reason = problem.message;
  }
  event.target.setAttribute("aria-invalid", String(!!reason));
  event.target.title = reason;
});
