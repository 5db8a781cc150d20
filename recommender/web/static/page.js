/* The page: a story, its related stories and why; its state is in the address, so a link can be shared. */
import { Audit } from "./auditing.js";
import { card, item, make } from "./cards.js";
import { Controls } from "./controls.js";
import { Desk } from "./editing.js";
import { finding } from "./finding.js";
import * as service from "./service.js";
import { age, chosen, fill, number, strings } from "./strings.js";

const of = (id) => document.getElementById(id);
const options = of("options");
const controls = new Controls(options, go);

const say = (text) => {
  of("status").textContent = text;
};

function state() {
  const given = new URLSearchParams(location.search);
  return Object.fromEntries(["url", ...controls.names].map((name) => [name, given.get(name) || ""]));
}

/* Change the state: a step in the history, or `again` the same one. */
function go(change, again = false) {
  const next = { ...state(), ...change };
  const given = Object.entries({ ...next, lang: chosen }).filter(([, value]) => value !== "");
  const there = `?${new URLSearchParams(given)}`;
  history[again || there === location.search ? "replaceState" : "pushState"](null, "", there);
  return show();
}

/* Who types or has gone on by then is not led away to the story. */
async function open(url) {
  document.activeElement.blur();
  await go({ url });
  if (document.activeElement === document.body) of("story").focus();
}

const called = (model) => strings.models[model] || model;

/* Show what the page is about; see `shownIn`. */
function introduce(story) {
  document.title = `${story.title} – ${strings.related}`;
  options.hidden = false;
  return shownIn(of("story"), story);
}

/* Show a story, and mark in it from then on the words that it shares with the one whose reasons are looked at. */
function shownIn(place, story) {
  const told = (terms) => place.replaceChildren(card(story, { level: "h2", terms }));
  told([]);
  return told;
}

function list(answer, told, { other = null, editing = false, empty = strings.nothing } = {}) {
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
  const nothing = shown.length ? null : make("p", { textContent: empty });
  return make("section", {}, heading, nothing, entries);
}

/* Why it failed; where stories are read with a key, that it has to be given, and where. */
function refused(error) {
  if (error.status !== 401) return service.failure(error);
  if (desk.open) return desk.refused(error);
  of("desk").open = true;
  return strings.keyed;
}

function clear() {
  document.title = strings.page.title;
  options.hidden = true;
  of("story").replaceChildren();
  of("lists").replaceChildren();
  desk.show("");
}

/* Say why there is no list.  The story stays if there is one, so that what was refused can be changed. */
function failed(error, story) {
  clear();
  if (story) introduce(story);
  controls.wrong(error.errors || []);
  say(error.unknown ? strings.unknown : refused(error));
  if (service.passing(error)) of("lists").append(make("button", { type: "button", textContent: strings.retry, onclick: retry }));
}

async function retry() {
  await Promise.all([show(), health()]);
  if (document.activeElement === document.body) (of("lists").querySelector(":scope > button") || of("story")).focus();
}

let asking = new AbortController();
let here = "";
let generation; // that the foot tells of, null if it does not; not defined before

/* Show what the address says, and then say this. */
async function show(said = "") {
  asking.abort();
  asking = new AbortController();
  const { signal } = asking;
  here = location.search;
  const asked = state();
  const { url, beside, ...filters } = asked;
  controls.show(asked);
  of("start").hidden = Boolean(url);
  of("lists").ariaBusy = String(Boolean(url));
  if (!url) {
    clear();
    say(said);
    return;
  }
  say(strings.loading);
  const answers = await Promise.allSettled([
    service.story(url, signal),
    service.related(url, filters, signal),
    beside ? service.related(url, { ...filters, model: beside }, signal) : null,
    desk.open ? service.curation(url, signal) : null,
  ]);
  if (signal.aborted) return;
  const [story, answer, other, orders] = answers.map((one) => one.value);
  const error = answers.slice(0, 3).find((one) => one.reason)?.reason;
  const unordered = answers[3].reason;
  const stay = staying();
  if (error) {
    failed(error, story);
  } else {
    // The service went on since: what stands at the foot is told anew.
    if (generation !== undefined && generation !== answer.generation) health();
    const told = introduce(story);
    const empty = controls.any ? strings.filtered : strings.nothing;
    const lists = [list(answer, told, { other, editing: Boolean(orders), empty })];
    if (other) lists.push(list(other, told, { other: answer, empty }));
    const lead = desk.leading(of("lists"));
    of("lists").replaceChildren(...lists);
    desk.show(url, orders);
    lead();
    // A key may be for reading alone; that is said once, when it is given.
    say(unordered && unordered.status !== 403 ? desk.refused(unordered) : said);
  }
  of("lists").ariaBusy = "false";
  stay();
}

/* To be asked before the page changes: gives what keeps in its place what is being used below. */
function staying() {
  const held = document.activeElement;
  const top = held.getBoundingClientRect().top;
  return () => {
    if (held !== document.body && held === document.activeElement) scrollBy(0, held.getBoundingClientRect().top - top);
  };
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
    generation = told.generation;
    const system = told.report?.systems?.recommender;
    facts.push(strings.health.model(called(told.model || "default")));
    const measured = system && [system.ndcg, ...system.interval].map((value) => number(value, 2));
    facts.push(measured ? strings.health.ndcg(...measured) : strings.health.notEvaluated);
    if (told.generation) facts.push(strings.health.generation(number(told.generation)));
    facts.push(strings.health.stories(told.stories, number(told.stories)));
    if (told.newest) facts.push(strings.health.newest(age(told.newest)));
    of("start").textContent = told.stories ? strings.page.start : strings.empty;
    const { models } = await service.models();
    controls.offer(["default", "untrained", ...models.map((one) => one.id)], called);
  } catch (error) {
    generation = null;
    facts.push(refused(error));
  }
  of("health").replaceChildren(...facts.map((fact) => make("span", { textContent: fact })));
}

finding(of("find"), open);
let drafting = new AbortController();
of("draft").querySelector("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  drafting.abort();
  drafting = new AbortController();
  const { signal } = drafting;
  const draft = { title: event.target.elements.title.value, excerpt: event.target.elements.excerpt.value };
  of("drafting").textContent = strings.loading;
  of("drafted").replaceChildren();
  let said = "";
  try {
    const answer = await service.drafted(draft, signal);
    const text = make("div");
    const told = shownIn(text, { ...draft, title: draft.title.trim() || strings.yours });
    of("drafted").replaceChildren(text, list(answer, told));
  } catch (error) {
    said = service.failure(error);
  }
  if (!signal.aborted) of("drafting").textContent = said;
});
// A link within the page, as to the story, is a step in the history too.
addEventListener("popstate", () => here === location.search || show());
fill();
show();
health();
