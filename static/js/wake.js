// The stopwatch of a test wake: asks the server how far it has come, and runs by itself in between.

import { element, setText } from "./dom.js";

const PAUSE = 300; // ms between two questions
const card = document.querySelector("[data-wake]");
const watch = card.querySelector("[data-stopwatch]");
const verdict = card.querySelector("[data-verdict]");

let began = performance.now();
let over = false;

function seconds(ms) {
  return `${(ms / 1000).toFixed(1)} s`;
}

// A stage may be quicker than a tenth of a second.
function brief(ms) {
  return ms < 1000 ? `${ms} ms` : seconds(ms);
}

function stage(name, state, ms) {
  const line = card.querySelector(`[data-stage="${name}"]`);
  line.className = state ? `is-${state}` : "";
  setText(line.querySelector(".stage-time"), ms === null || ms === undefined ? "" : brief(ms));
}

// What is done is done; the first that is not is what everybody waits for.
function stages(progress) {
  const refused = progress.accepted === false;
  const times = { accepted: progress.accepted ? progress.accepted_ms : null, registered: progress.registered_ms, ready: progress.ready_ms };
  let waiting = !progress.over;
  for (const [name, ms] of Object.entries(times)) {
    if (ms !== null) stage(name, "done", ms);
    else if (name === "accepted" && refused) stage(name, "failed", progress.accepted_ms);
    else {
      stage(name, waiting ? "next" : "", null);
      waiting = false;
    }
  }
}

function conclude(progress) {
  if (progress.accepted === false) {
    const [text, cause, fix] = progress.meaning;
    const said = [progress.status || "", progress.reason].filter(Boolean).join(" ");
    verdict.replaceChildren(
      element("p.fw-medium.mb-1", text),
      element("p.mb-1", cause),
      element("p.mb-1", fix),
      element("code", said),
    );
  } else if (progress.ready_ms !== null) {
    verdict.replaceChildren(element("p.fw-medium.mb-0", gettext("Woke in %s.").replace("%s", seconds(progress.ready_ms))));
  } else if (progress.over) {
    const words = progress.started
      ? gettext("The provider took the push, but the phone has not registered. Is the app allowed to receive pushes, and is the phone online?")
      : gettext("The push was never sent.");
    verdict.replaceChildren(element("p.fw-medium.mb-0", words));
  } else if (progress.late) {
    verdict.replaceChildren(element("p.mb-0", gettext("The push has not been sent yet: Celery is busy, or does not run.")));
  }
}

function show(progress) {
  began = performance.now() - progress.elapsed_ms;
  over = progress.over;
  stages(progress);
  conclude(progress);
  if (over) setText(watch, seconds(progress.ready_ms ?? progress.accepted_ms ?? progress.elapsed_ms));
}

async function ask() {
  try {
    const answer = await fetch(card.dataset.wake, { headers: { Accept: "application/json" } });
    if (answer.redirected || answer.status === 403 || answer.status === 404) return location.reload();
    if (answer.ok) show(await answer.json());
  } catch {
    // The next question may be answered.
  }
  if (!over) setTimeout(ask, PAUSE);
}

function tick() {
  if (over) return;
  setText(watch, seconds(performance.now() - began));
  requestAnimationFrame(tick);
}

ask();
tick();
