// What every page does: theme, keys, confirmation, copying, times in the reader's zone, password fields.

import { clock, element, icon } from "./dom.js";

const root = document.documentElement;

function toggleTheme() {
  const theme = root.dataset.bsTheme === "dark" ? "light" : "dark";
  root.dataset.bsTheme = theme;
  try {
    localStorage.setItem("pbx-theme", theme);
  } catch {
    // No storage: it holds for this page.
  }
}

// "/" searches, a letter goes to whoever listens; nothing while somebody types.
function pressed(key) {
  if (key.ctrlKey || key.metaKey || key.altKey || key.target.closest("input, select, textarea, [contenteditable]")) return;
  if (key.key === "/") {
    const fields = [...document.querySelectorAll("[data-key='/']")].filter((field) => field.offsetParent);
    if (!fields.length) return;
    key.preventDefault();
    fields[fields.length - 1].focus(); // the page's own before the one in the top bar
  } else if (/^[a-z]$/.test(key.key)) {
    document.dispatchEvent(new CustomEvent("pbx:key", { detail: key.key }));
  }
}

async function copy(button) {
  await navigator.clipboard?.writeText(button.dataset.copy).catch(() => {});
  button.classList.add("is-copied");
  setTimeout(() => button.classList.remove("is-copied"), 1500);
}

function clicked(click) {
  const target = click.target;
  if (target.closest("[data-theme-toggle]")) return toggleTheme();
  const copied = target.closest("[data-copy]");
  if (copied) return copy(copied);
  const row = target.closest("tr[data-href]");
  if (row && !target.closest("a, button, input, label") && !String(getSelection())) location.assign(row.dataset.href);
}

function submitted(submit) {
  const question = submit.target.dataset.confirm;
  if (question && !confirm(question)) submit.preventDefault();
}

function changed(change) {
  if (change.target.matches("[data-submit-on-change]")) change.target.form.requestSubmit();
}

function typed(input) {
  const narrowed = input.target.dataset.narrows;
  if (!narrowed) return;
  const words = input.target.value.trim().toLocaleLowerCase();
  for (const row of document.querySelectorAll(`${narrowed} tbody tr`)) {
    row.hidden = !row.textContent.toLocaleLowerCase().includes(words);
  }
}

// Servers speak UTC, people their own zone; the title keeps the other.
function localTimes(within) {
  const format = new Intl.DateTimeFormat(root.lang, { dateStyle: "medium", timeStyle: "medium", hourCycle: "h23" });
  for (const time of within.querySelectorAll("time[datetime]:not([title])")) {
    time.title = time.getAttribute("datetime");
    if (!time.classList.contains("feed-time")) time.textContent = format.format(new Date(time.title));
  }
}

function countDown() {
  for (const node of document.querySelectorAll("[data-countdown]")) {
    node.textContent = clock(Number(node.dataset.countdown) - Date.now() / 1000);
  }
}

const LETTERS = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"; // none that look alike on a desk phone
const PASSWORD_LENGTH = 16;

function makePassword() {
  const made = [];
  while (made.length < PASSWORD_LENGTH) {
    const [byte] = crypto.getRandomValues(new Uint8Array(1));
    if (byte < 256 - (256 % LETTERS.length)) made.push(LETTERS[byte % LETTERS.length]);
  }
  return made.join("");
}

function passwordButtons(field) {
  const show = element("button.btn.btn-icon", { type: "button", "aria-label": gettext("Show password"), title: gettext("Show password") }, icon("eye"));
  const make = element("button.btn", { type: "button" }, gettext("Make one"));
  const group = element("div.input-group");
  field.replaceWith(group);
  group.append(field, show, make);
  const reveal = (visible) => {
    field.type = visible ? "text" : "password";
    show.setAttribute("aria-pressed", String(visible));
  };
  show.addEventListener("click", () => reveal(field.type === "password"));
  make.addEventListener("click", () => {
    field.value = makePassword();
    reveal(true);
    field.select();
  });
  field.form.addEventListener("submit", () => reveal(false)); // a browser remembers what was typed into a text field
}

document.addEventListener("click", clicked);
document.addEventListener("keydown", pressed);
document.addEventListener("submit", submitted);
document.addEventListener("change", changed);
document.addEventListener("input", typed);
document.addEventListener("htmx:afterSettle", (settled) => localTimes(settled.target.parentElement || document));
localTimes(document);
document.querySelectorAll("[data-password]").forEach(passwordButtons);
if (document.querySelector("[data-countdown]")) {
  countDown();
  setInterval(countDown, 1000);
}
