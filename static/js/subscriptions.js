// The page of live subscriptions: asks again every two seconds, and lets the bars run down in between.

const EVERY = 2000; // ms
const STEP = 200; // ms

const pause = document.querySelector("[data-live-pause]");
const form = document.querySelector("[data-live-form]");
let arrived = performance.now();
let asking = false;

const paused = () => pause.getAttribute("aria-pressed") === "true";

async function ask() {
  // Not while nobody looks, while somebody reads an older page, or while the last answer is still on its way.
  if (paused() || document.hidden || asking || new URLSearchParams(location.search).has("before")) return;
  asking = true;
  try {
    await htmx.ajax("GET", location.pathname + location.search, { source: "#listing", target: "#listing", select: "#listing > *" });
  } finally {
    asking = false;
  }
}

function runDown() {
  const passed = (performance.now() - arrived) / 1000;
  for (const bar of document.querySelectorAll("progress[data-left]")) {
    const left = Math.max(0, Number(bar.dataset.left) - passed);
    bar.value = left;
    bar.parentElement.querySelector("[data-left-word]").textContent = left < 60 ? interpolate(gettext("%s s"), [left.toFixed(left < 10 ? 1 : 0)]) : clock(left);
  }
}

function clock(seconds) {
  const whole = Math.floor(seconds);
  const pad = (number) => String(number).padStart(2, "0");
  const hours = Math.floor(whole / 3600);
  return hours ? `${hours}:${pad(Math.floor(whole / 60) % 60)}:${pad(whole % 60)}` : `${Math.floor(whole / 60)}:${pad(whole % 60)}`;
}

function toggle() {
  const on = !paused();
  pause.setAttribute("aria-pressed", String(on));
  pause.title = pause.ariaLabel = on ? gettext("Go on") : gettext("Pause");
  if (!on) ask();
}

pause.addEventListener("click", toggle);
document.addEventListener("pbx:key", ({ detail }) => detail === "p" && toggle());
document.addEventListener("htmx:afterSwap", () => {
  arrived = performance.now();
  runDown();
});
document.addEventListener("visibilitychange", () => document.hidden || ask());
form.addEventListener("submit", (submit) => submit.preventDefault());
setInterval(ask, EVERY);
setInterval(runDown, STEP);
runDown();
