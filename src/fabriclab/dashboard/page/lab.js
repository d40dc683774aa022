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

async function post(path, body) {
  try {
    const answer = await fetch(path, { method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json" } });
    const told = await answer.json();
    say(answer.ok ? told.done : told.error, !answer.ok);
    return answer.ok;
  } catch {
    say("the lab does not answer", true);
    return false;
  }
}

export const act = (step) => post("do", step);
export const want = (extensions, channel) => post("want", { extensions, channel });

export async function get(path) {
  const answer = await fetch(path);
  return (answer.headers.get("content-type") ?? "").includes("json") ? answer.json() : answer.text();
}

export function listen(take, changed) {
  const stream = new EventSource("stream");
  stream.onopen = () => changed("live");
  stream.onerror = () => changed("lost");
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
