// The goal state: the documents as they are served now, and what is wanted, to be edited: checked by the lab while one writes.

import { $, fill, h, whenChanged } from "./dom.js";
import { get, parsed, post, say, want } from "./lab.js";
import { pretty } from "./stream.js";

let wanted = [];
let edited = false;
let turn = 0;
const form = $("want");
const box = form.elements.extensions;
const verdict = form.querySelector(".verdict");

function judge(text, kind) {
  verdict.textContent = text;
  verdict.className = `verdict ${kind}`;
  box.setAttribute("aria-invalid", String(kind === "bad-text"));
}

function restore() {
  box.value = JSON.stringify(wanted, null, 2);
  edited = false;
  judge("This is what is wanted now.", "faint");
}

async function check() {
  const mine = ++turn;
  let told = ["", "good-text"];
  try {
    told[0] = (await post("check", { extensions: parsed(box.value, "wanted extensions", []) })).done;
  } catch (problem) {
    told = [problem.message, "bad-text"];
  }
  if (mine === turn && edited) judge(...told);
}

let later;
box.addEventListener("input", () => {
  edited = true;
  clearTimeout(later);
  later = setTimeout(check, 250);
});
$("restore").addEventListener("click", restore);

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  clearTimeout(later);
  turn++;
  try {
    say((await want(parsed(box.value, "wanted extensions", []), form.elements.channel.value)).done);
    edited = false;
    judge("Published.", "good-text");
  } catch (problem) {
    edited = true;
    judge(problem.message, "bad-text");
  }
});

const news = whenChanged((now) => {
  wanted = now;
  if (!edited) restore();
  else judge("What is wanted has changed meanwhile; what you write replaces it.", "wait-text");
});

async function documents() {
  const found = await get("documents");
  if (found.error) return say(found.error, true);
  const chosen = $("document").value || Object.keys(found)[0];
  fill("document", ...Object.keys(found).map((name) => h("option", { selected: name === chosen }, name)));
  $("served").textContent = pretty(found[chosen] ?? "");
}
$("tab-goal").addEventListener("opened", documents);
$("document").addEventListener("change", documents);

const served = whenChanged((incarnation, etag) => {
  $("served-at").textContent = `incarnation ${incarnation}, ${etag == null ? "no Fast Track" : `etag ${etag}`}`;
  if (!$("goal").hidden) documents();
});

export function published(state) {
  news(state.wanted);
  served(state.incarnation, state.etag, state.certificates, state.vm);
}
