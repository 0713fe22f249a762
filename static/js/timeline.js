// What happened in one finished call, out of the event log.

import { element } from "./dom.js";
import { item } from "./feed.js";

const list = document.querySelector("[data-timeline]");

const answer = await fetch(list.dataset.timeline).catch(() => null);
const events = answer?.ok ? (await answer.json()).events : [];
list.replaceChildren(...(events.length ? events.map(item) : [element("li.feed-empty", list.dataset.empty)]));
