// Small doors to the document: an element from its parts, and text that is always text.

export const $ = (id) => document.getElementById(id);

export function h(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value != null) made.setAttribute(name, value);
  }
  made.append(...children.flat().filter((one) => one != null).map((one) => (one instanceof Node ? one : String(one))));
  return made;
}

export const fill = (id, ...children) => $(id).replaceChildren(...children);

export const seconds = (value) => `${value.toFixed(value < 100 ? 2 : 0)} s`;

const GOOD = ["ready", "success", "running", "runs"];
const BAD = ["error", "unresponsive", "notready", "failed", "ended"];

export function pill(text, kind) {
  if (!text) return h("span", { class: "pill none" }, "–");
  const plain = String(text).toLowerCase();
  const found = kind ?? (GOOD.includes(plain) ? "good" : BAD.includes(plain) ? "bad" : "");
  return h("span", { class: `pill ${found}` }, text);
}

// Draws again only when what is drawn has changed, so that focus, selection and scroll stay.
export function whenChanged(draw) {
  let before = "";
  return (...given) => {
    const now = JSON.stringify(given);
    if (now === before) return;
    before = now;
    draw(...given);
  };
}

// Arrow keys and Enter in a table's body: one row is in the tab order, and the chosen one is marked.
export function rowKeys(body, choose) {
  const row = (event) => event.target.closest("tr");
  body.addEventListener("click", (event) => row(event) && choose(row(event)));
  body.addEventListener("keydown", (event) => {
    const at = row(event);
    const next = { ArrowDown: at?.nextElementSibling, ArrowUp: at?.previousElementSibling, Enter: at, " ": at }[event.key];
    if (!next) return;
    event.preventDefault();
    next.focus();
    choose(next);
  });
}

export function markRow(body, chosen) {
  for (const one of body.children) {
    one.setAttribute("aria-selected", String(one === chosen));
    one.tabIndex = one === chosen ? 0 : -1;
  }
  if (!chosen && body.firstElementChild) body.firstElementChild.tabIndex = 0;
}
