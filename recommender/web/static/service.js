/* What the page asks the service for.  Addresses are relative: a newsroom may be below /sites/NAME/. */
import { strings } from "./strings.js";

class Problem extends Error {
  constructor(status, { type = "", detail = "", errors = [] }) {
    const more = errors.filter(({ reason }) => !detail.includes(reason));
    super([detail, ...more.map(({ name, reason }) => `${name}: ${reason}.`)].join(" "));
    this.status = status;
    this.errors = errors;
    this.unknown = type.endsWith(":unknown-story");
  }
}

/* Why it failed, for a person: what the service says, or that it says nothing. */
export const failure = (error) => (error instanceof Problem && error.message) || strings.away;

/* Whether the same may be answered in a moment. */
export const passing = (error) => !(error.status < 500) || error.status === 429;

const PATIENCE = 120_000; // milliseconds for which is waited for what is being made ready

let key = "";

/* Send this key with all that is asked from now on: with what editors do, and with the rest where reading needs one. */
export function use(given) {
  key = given;
}

async function ask(path, { headers = {}, ...options } = {}) {
  // Those of keys are as they are; what else is typed into the field may be more than a header can hold.
  const sent = key ? { ...headers, "X-API-Key": encodeURIComponent(key) } : headers;
  // Asked whether it has changed: an editor's order holds from now on, whatever the browser keeps for readers.
  const asked = { cache: "no-cache", headers: sent, ...options };
  const until = Date.now() + PATIENCE;
  for (;;) {
    const response = await fetch(path, asked);
    const type = response.headers.get("Content-Type") || "";
    const body = type.includes("json") ? await response.json() : {};
    if (response.ok) return body;
    if (!body.type?.endsWith(":in-progress") || Date.now() > until) throw new Problem(response.status, body);
    // What it takes is being made ready, and was not within some seconds: who asks again waits for it as well.
    const seconds = Number(response.headers.get("Retry-After")) || 1;
    await new Promise((resolve) => setTimeout(resolve, 1000 * seconds));
  }
}

function query(values) {
  const given = Object.entries(values).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  return new URLSearchParams(given).toString();
}

function send(method, path, body, signal) {
  const headers = { "Content-Type": "application/json" };
  return ask(path, { method, headers, body: JSON.stringify(body), signal });
}

/* With a signal, what nobody waits for any more is not asked for again. */
export const related = (url, options, signal) => ask(`related?${query({ url, explain: true, ...options })}`, { signal });
export const story = (url, signal) => ask(`articles?${query({ url })}`, { signal });
export const search = (q, signal) => ask(`search?${query({ q, limit: 8 })}`, { signal });
export const drafted = (draft, signal) => send("POST", "related?explain=true", draft, signal);
export const models = () => ask("models");
export const evaluation = () => ask("evaluation");
export const curation = (url, signal) => ask(`curation?${query({ url })}`, { signal });
export const audit = (signal) => ask("curation/audit", { signal });
export const order = (body) => send("PUT", "curation", body);
export const undo = (body) => send("POST", "curation/undo", body);
