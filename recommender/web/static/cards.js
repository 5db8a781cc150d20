/* Stories as cards.  All that comes from a story is text, and its addresses are links only if they are http. */
import { age, number, signed, strings } from "./strings.js";

export function make(name, properties = {}, ...children) {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

const isWeb = (address) => /^https?:\/\//i.test(address || "");

/* A link to the list of the story at `url`; `open` is called with it where it is followed in this tab. */
export function link(url, open, ...children) {
  const there = new URLSearchParams(location.search);
  there.set("url", url);
  const made = make("a", { href: `?${there}` }, ...children);
  made.addEventListener("click", (event) => {
    if (event.metaKey || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    open(url);
  });
  return made;
}

/* A text with some terms marked, each a word or two that follow each other, whatever their case. */
function marked(text, terms) {
  const found = document.createDocumentFragment();
  const escaped = terms.map((term) => term.replace(/[.*+?^${}()|[\]\\]/g, "\\$&").replace(/ /g, "\\W+"));
  if (!escaped.length) {
    found.append(text);
    return found;
  }
  const pattern = new RegExp(`(?<![\\p{L}\\p{N}])(?:${escaped.sort((a, b) => b.length - a.length).join("|")})(?![\\p{L}\\p{N}])`, "giu");
  let end = 0;
  for (const match of text.matchAll(pattern)) {
    found.append(text.slice(end, match.index), make("mark", { textContent: match[0] }));
    end = match.index + match[0].length;
  }
  found.append(text.slice(end));
  return found;
}

function picture(story) {
  const image = (story.images || []).find((one) => isWeb(one.url));
  if (!image) return null;
  const shown = { alt: "", loading: "lazy", decoding: "async", referrerPolicy: "no-referrer", width: 112, height: 80 };
  return make("img", {
    ...shown,
    onerror: (event) => {
      event.target.parentElement?.classList.remove("pictured");
      event.target.remove();
    },
    src: image.url,
  });
}

/* `open` is called with the address of a story whose title is followed; `terms` are marked. */
export function card(story, { level = "h3", terms = [], open = null, facts = [], extra = [] } = {}) {
  const title = make(level, { dir: "auto" });
  const text = marked(story.title, terms);
  title.append(open ? link(story.webUrl, open, text) : text);
  const from = story.provider && (story.provider.name || story.provider.domain);
  const line = make("p", { className: "facts", dir: "auto" });
  line.append([from, age(story.publishedDateTime), (story.topics || []).slice(0, 5).join(", ")].filter(Boolean).join(" · "));
  if (isWeb(story.webUrl)) {
    line.append("\u00a0", make("a", { href: story.webUrl, rel: "noopener noreferrer", target: "_blank", textContent: "↗", ariaLabel: strings.published }));
  }
  const excerpt = make("p", { dir: "auto" }, marked(story.excerpt || "", terms));
  const image = picture(story);
  const body = make("div", {}, make("div", { className: "tags" }, ...facts), title, line, excerpt, ...extra);
  return make("article", { className: image ? "pictured" : "" }, image, body);
}

function parts(values) {
  const most = Math.max(...Object.values(values).map(Math.abs), 1);
  const list = make("dl", { className: "parts" });
  for (const [name, value] of Object.entries(values)) {
    const said = strings.parts[name] || name;
    const against = value < 0 ? "against" : "";
    const bar = make("meter", { min: 0, max: most, value: Math.abs(value), ariaLabel: said, className: against });
    list.append(make("dt", { textContent: said }), make("dd", {}, bar), make("dd", { textContent: signed(value, 2) }));
  }
  return list;
}

/* `told` is called with the terms when the reasons are opened, and with none when they are closed. */
export function why(reasons, told) {
  if (!reasons) return null;
  const said = [];
  if (reasons.days_apart !== null) {
    const days = Math.abs(reasons.days_apart);
    said.push(make("p", { textContent: strings.apart(days, number(days, Number.isInteger(days) ? 0 : 1)) }));
  }
  if (reasons.terms?.length) said.push(make("p", { textContent: `${strings.shared} ${reasons.terms.map((one) => one.term).join(", ")}` }));
  if (reasons.topics?.length) said.push(make("p", { textContent: `${strings.topics} ${reasons.topics.join(", ")}` }));
  if (reasons.co_curated?.length) said.push(make("p", { textContent: `${strings.linked} ${reasons.co_curated.map((one) => one.title).join("; ")}` }));
  if (reasons.parts) said.push(parts(reasons.parts));
  const details = make("details", { className: "why" }, make("summary", { textContent: strings.why }), ...said);
  const terms = (reasons.terms || []).map((one) => one.term);
  details.addEventListener("toggle", () => told(details.open ? terms : []));
  return details;
}

/* `only` where the list beside does not have it, `beside` its rank there where that is another. */
export function item(story, { open, told, only = false, beside = null, actions = [] }) {
  const terms = (story.why?.terms || []).map((one) => one.term);
  const facts = [
    make("span", { className: "tag rank", textContent: number(story.rank) }),
    make("span", { className: `tag ${story.source}`, textContent: strings.sources[story.source] || story.source }),
    story.score ? make("span", { className: "tag", textContent: strings.score(number(story.score, 2)) }) : null,
    only ? make("span", { className: "tag", textContent: strings.only }) : null,
    beside ? make("span", { className: "tag", textContent: strings.beside(number(beside)) }) : null,
  ];
  const doing = actions.length ? make("div", { className: "actions" }, ...actions) : null;
  const shown = card(story, { terms, open, facts, extra: [why(story.why, told), doing] });
  if (only) shown.classList.add("only");
  return make("li", {}, shown);
}
