// Building elements without markup in strings: what comes from a phone is text and stays text.

const SPRITE = document.body.dataset.sprite;
const SVG = "http://www.w3.org/2000/svg";

// element("span.badge", "text", child) or element("a.x", {href: "/"}, "text")
export function element(spec, ...content) {
  const [tag, ...classes] = spec.split(".");
  const made = document.createElement(tag);
  if (classes.length) made.className = classes.join(" ");
  for (const part of content) {
    if (part === null || part === undefined || part === "") continue;
    if (part instanceof Node || typeof part !== "object") made.append(part);
    else for (const [name, value] of Object.entries(part)) made.setAttribute(name, value);
  }
  return made;
}

export function icon(name, classes = "") {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", `icon ${classes}`);
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `${SPRITE}#${name}`);
  svg.append(use);
  return svg;
}

export function status(colour, word) {
  return element(`span.status.status-${colour}`, element("span.status-dot"), element("span", word));
}

// Changes the text only when it differs, so that a selection or a screen reader is not disturbed.
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function userPart(aor) {
  return (aor || "").replace(/^sips?:/, "").split("@")[0];
}

export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const pad = (number) => String(number).padStart(2, "0");
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60;
  return hours ? `${hours}:${pad(minutes)}:${pad(whole % 60)}` : `${minutes}:${pad(whole % 60)}`;
}

// `14:03:22`, with the day before it when that is not today.
export function timeOfDay(epoch) {
  const when = new Date(epoch * 1000);
  const time = when.toLocaleTimeString("en-GB");
  if (when.toDateString() === new Date().toDateString()) return time;
  return `${when.toLocaleDateString(document.documentElement.lang, { month: "short", day: "numeric" })} ${time}`;
}
