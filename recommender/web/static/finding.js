/* The search box: stories as one types, chosen by arrows and Enter, or by a click. */
import { make } from "./cards.js";
import { failure, search } from "./service.js";
import { age, number, strings } from "./strings.js";

const PAUSE = 120; // milliseconds without a key, after which is looked

/* What is typed as an address, if it is one; some browsers show and some people copy them without their beginning. */
function address(q) {
  if (/^https?:\/\//i.test(q)) return q;
  return /^[^\s/.:]+(\.[^\s/.]+)+\/\S*$/.test(q) ? `https://${q}` : "";
}

export function finding(form, chosen) {
  const input = form.elements.q;
  const list = form.querySelector("[role=listbox]");
  const heard = form.querySelector("[aria-live]");
  let waiting = 0;
  let asked = new AbortController();
  let found = [];
  let at = -1;

  const close = () => {
    clearTimeout(waiting);
    asked.abort();
    list.hidden = true;
    heard.textContent = "";
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
    at = -1;
  };

  const choose = (url) => {
    close();
    chosen(url);
  };

  const mark = (place) => {
    const entries = [...list.querySelectorAll("[role=option]")];
    if (!entries.length) return;
    at = (place + entries.length) % entries.length;
    entries.forEach((entry, number) => entry.setAttribute("aria-selected", String(number === at)));
    entries[at].scrollIntoView({ block: "nearest" });
    input.setAttribute("aria-activedescendant", entries[at].id);
  };

  const show = (items, without = strings.none) => {
    found = items;
    at = -1;
    input.removeAttribute("aria-activedescendant");
    const entries = items.map((story, number) => {
      const from = story.provider?.name || story.provider?.domain;
      const facts = [from, age(story.publishedDateTime)].filter(Boolean).join(" · ");
      const entry = make("li", { id: `found-${number}`, dir: "auto" }, story.title, make("small", { textContent: facts }));
      entry.setAttribute("role", "option");
      entry.setAttribute("aria-selected", "false");
      entry.addEventListener("click", () => choose(story.webUrl));
      return entry;
    });
    if (!entries.length) {
      const nothing = make("li", { textContent: without });
      nothing.setAttribute("role", "option");
      nothing.setAttribute("aria-disabled", "true");
      entries.push(nothing);
    }
    list.replaceChildren(...entries);
    list.hidden = false;
    input.setAttribute("aria-expanded", "true");
    heard.textContent = items.length ? strings.health.stories(items.length, number(items.length)) : without;
  };

  const look = async () => {
    const q = input.value.trim();
    if (!q) return close();
    asked.abort();
    asked = new AbortController();
    const { signal } = asked;
    try {
      const { items } = await search(address(q) || q, signal);
      if (!signal.aborted) show(items);
    } catch (error) {
      if (!signal.aborted) show([], failure(error));
    }
  };

  input.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(look, PAUSE);
  });
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (list.hidden) look();
      else mark(at + (event.key === "ArrowDown" ? 1 : at < 0 ? 0 : -1));
    } else if (event.key === "Escape") {
      close();
    }
  });
  input.addEventListener("blur", close);
  list.addEventListener("mousedown", (event) => event.preventDefault()); // it is scrolled and clicked without a blur
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    clearTimeout(waiting);
    const q = input.value.trim();
    if (at >= 0 && found[at]) choose(found[at].webUrl);
    else if (address(q)) choose(address(q));
    else look();
  });
}
