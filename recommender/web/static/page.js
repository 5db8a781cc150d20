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

/* Who types or has gone on by then is not led away to the story. */
async function open(url) {
  document.activeElement.blur();
  await go({ url });
  if (document.activeElement === document.body) of("story").focus();
}

const called = (model) => strings.models[model] || model;

/* Show a story, and mark in it from then on the words that it shares with the one whose reasons are looked at. */
function shownIn(place, story) {
  const told = (terms) => place.replaceChildren(card(story, { level: "h2", terms }));
  told([]);
  return told;
}

function list(answer, told, { other = null, editing = false } = {}) {
  const theirs = new Map(other?.items.map((one) => [one.webUrl, one.rank]));
  const shown = answer.items.map((one, place) => {
    const rank = theirs.get(one.webUrl);
    return item(one, {
      open,
      told,
      only: Boolean(other) && !rank,
      beside: rank !== one.rank ? rank : null,
      actions: editing ? desk.actions(answer.url, answer.items, place) : [],
    });
  });
  const heading = make("h2", { textContent: other ? strings.by(called(answer.model)) : strings.related });
  const entries = make("ol", {}, ...shown);
  if (editing) desk.sortable(answer.url, entries, answer.items);
  const nothing = shown.length ? null : make("p", { textContent: strings.nothing });
  return make("section", {}, heading, nothing, entries);
}

/* Why it failed; where stories are read with a key, that it has to be given, and where. */
function refused(error) {
  if (error.status !== 401 || desk.open) return service.failure(error);
  of("desk").open = true;
  return strings.keyed;
}

function clear() {
  document.title = strings.page.title;
  of("story").replaceChildren();
  of("lists").replaceChildren();
  desk.show("");
}

let latest = 0;
let here = "";

async function show() {
  const mine = ++latest;
  here = location.search;
  const { url, beside, ...chosen } = state();
  for (const name of NAMES) options.elements[name].value = state()[name] || (name === "diversity" ? "0" : "");
  options.hidden = !url;
  if (!url) {
    clear();
    say("");
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
    const told = shownIn(of("story"), story);
    const lists = [list(answer, told, { other, editing: true })];
    if (other) lists.push(list(other, told, { other: answer }));
    const lead = desk.leading(of("lists"));
    of("lists").replaceChildren(...lists);
    lead();
    say("");
    await desk.show(url);
  } catch (error) {
    if (mine !== latest) return;
    clear();
    say(error.unknown ? strings.unknown : refused(error));
  }
}

const desk = new Desk(of("desk"), { changed: show, used, say });
const audit = new Audit(of("audit"), desk, open, say);
of("desk").addEventListener("toggle", () => {
  if (of("desk").open && !audit.shown) audit.show();
});

function used() {
  audit.show();
  health();
}

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
    options.elements.beside.length = 1;
    for (const name of ["default", "untrained", ...models.map((one) => one.id)]) {
      options.elements.beside.append(make("option", { value: name, textContent: called(name) }));
    }
    options.elements.beside.value = state().beside;
  } catch (error) {
    facts.push(refused(error));
  }
  of("health").replaceChildren(...facts.map((fact) => make("span", { textContent: fact })));
}

finding(of("find"), open);
options.addEventListener("submit", (event) => event.preventDefault());
options.addEventListener("change", (event) => {
  const { name, value } = event.target;
  go({ [name]: name === "diversity" && value === "0" ? "" : value });
});
let drafts = 0;
of("draft").querySelector("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const mine = ++drafts;
  const draft = { title: event.target.elements.title.value, excerpt: event.target.elements.excerpt.value };
  of("drafting").textContent = strings.loading;
  of("drafted").replaceChildren();
  let said = "";
  try {
    const answer = await service.drafted(draft);
    if (mine !== drafts) return;
    const text = make("div");
    const told = shownIn(text, { ...draft, title: draft.title.trim() || strings.yours });
    of("drafted").replaceChildren(text, list(answer, told));
  } catch (error) {
    said = service.failure(error);
  }
  if (mine === drafts) of("drafting").textContent = said;
});
// A link within the page, as to the story, is a step in the history too.
addEventListener("popstate", () => here === location.search || show());
fill();
show();
health();
