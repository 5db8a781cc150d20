/* The page: a story, its related stories and why; its state is in the address, so a link can be shared. */
import { Audit } from "./auditing.js";
import { card, item, make } from "./cards.js";
import { Desk } from "./editing.js";
import { finding } from "./finding.js";
import * as service from "./service.js";
import { age, chosen, fill, number, strings } from "./strings.js";

const of = (id) => document.getElementById(id);
const options = of("options");
const NAMES = ["direction", "curated", "duplicates", "diversity", "topic", "provider", "beside"];

const say = (text) => {
  of("status").textContent = text;
};

function state() {
  const given = new URLSearchParams(location.search);
  return Object.fromEntries(["url", ...NAMES].map((name) => [name, given.get(name) || ""]));
}

function go(change) {
  const next = { ...state(), ...change };
  const given = Object.entries({ ...next, lang: chosen }).filter(([, value]) => value !== "");
  history.pushState(null, "", `?${new URLSearchParams(given)}`);
  return show();
}

const open = (url) => go({ url }).then(() => of("story").focus());

const called = (model) => strings.models[model] || model;

/* Mark in the story the words that it shares with the one whose reasons are looked at. */
let asked = null;
const told = (terms) => {
  if (asked) of("story").replaceChildren(card(asked, { level: "h2", terms }));
};

function list(answer, other, editing) {
  const theirs = new Map(other?.items.map((one) => [one.webUrl, one.rank]));
  const shown = answer.items.map((one) => {
    const rank = theirs.get(one.webUrl);
    return item(one, {
      open,
      told,
      only: Boolean(other) && !rank,
      beside: rank !== one.rank ? rank : null,
      actions: editing ? desk.actions(answer.url, one) : [],
    });
  });
  const heading = make("h2", { textContent: other ? strings.by(called(answer.model)) : strings.related });
  const entries = make("ol", {}, ...shown);
  if (editing) desk.sortable(answer.url, entries, answer.items);
  const nothing = shown.length ? null : make("p", { textContent: strings.nothing });
  return make("section", {}, heading, nothing, entries);
}

let latest = 0;

async function show() {
  const mine = ++latest;
  const { url, beside, ...chosen } = state();
  for (const name of NAMES) options.elements[name].value = state()[name] || (name === "diversity" ? "0" : "");
  options.hidden = !url;
  if (!url) {
    of("story").replaceChildren();
    of("lists").replaceChildren();
    return;
  }
  say(strings.loading);
  if (chosen.diversity === "0") chosen.diversity = "";
  try {
    const [story, answer, other] = await Promise.all([
      service.story(url),
      service.related(url, chosen),
      beside ? service.related(url, { ...chosen, model: beside }) : null,
    ]);
    if (mine !== latest) return;
    document.title = `${story.title} – ${strings.related}`;
    asked = story;
    told([]);
    const lists = other ? [list(answer, other, true), list(other, answer, false)] : [list(answer, null, true)];
    of("lists").replaceChildren(...lists);
    say("");
    await desk.show(url);
  } catch (error) {
    if (mine !== latest) return;
    of("story").replaceChildren();
    of("lists").replaceChildren();
    say(error.status === 404 ? strings.unknown : error.status && error.status < 500 ? error.message : strings.away);
  }
}

const desk = new Desk(of("desk"), { changed: show, used: () => audit.show(), say });
const audit = new Audit(of("audit"), desk, open, say);
of("desk").addEventListener("toggle", () => {
  if (of("desk").open && !audit.shown) audit.show();
});

async function health() {
  const facts = [];
  try {
    const told = await service.evaluation();
    const system = told.report?.systems?.recommender;
    facts.push(strings.health.model(called(told.model || "default")));
    const measured = system && [system.ndcg, ...system.interval].map((value) => number(value, 2));
    facts.push(measured ? strings.health.ndcg(...measured) : strings.health.notEvaluated);
    if (told.generation) facts.push(strings.health.generation(number(told.generation)));
    facts.push(strings.health.stories(told.stories, number(told.stories)));
    if (told.newest) facts.push(strings.health.newest(age(told.newest)));
    const { models } = await service.models();
    for (const name of ["default", "untrained", ...models.map((one) => one.id)]) {
      options.elements.beside.append(make("option", { value: name, textContent: called(name) }));
    }
    options.elements.beside.value = state().beside;
  } catch {
    facts.push(strings.away);
  }
  of("health").replaceChildren(...facts.map((fact) => make("span", { textContent: fact })));
}

finding(of("find"), open);
options.addEventListener("submit", (event) => event.preventDefault());
options.addEventListener("change", (event) => {
  const { name, value } = event.target;
  go({ [name]: name === "diversity" && value === "0" ? "" : value });
});
of("draft").querySelector("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const { title, excerpt } = event.target.elements;
  of("drafted").replaceChildren(make("p", { textContent: strings.loading }));
  try {
    const answer = await service.drafted({ title: title.value, excerpt: excerpt.value });
    of("drafted").replaceChildren(list(answer, null, false));
  } catch (error) {
    of("drafted").replaceChildren(make("p", { textContent: error.status < 500 ? error.message : strings.away }));
  }
});
addEventListener("popstate", show);
fill();
show();
health();
