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

let key = "";

/* Send this key with all that is asked from now on: with what editors do, and with the rest where reading needs one. */
export function use(given) {
  key = given;
}

async function ask(path, { headers = {}, ...options } = {}) {
  // Those of keys are as they are; what else is typed into the field may be more than a header can hold.
  const sent = key ? { ...headers, "X-API-Key": encodeURIComponent(key) } : headers;
  // Asked whether it has changed: an editor's order holds from now on, whatever the browser keeps for readers.
  const response = await fetch(path, { cache: "no-cache", headers: sent, ...options });
  const type = response.headers.get("Content-Type") || "";
  const body = type.includes("json") ? await response.json() : {};
  if (body.type?.endsWith(":in-progress")) {
    // What it takes is being made ready, and was not within some seconds: who asks again waits for it as well.
    await new Promise((resolve) => setTimeout(resolve, 1000 * response.headers.get("Retry-After")));
    return ask(path, { headers, ...options });
  }
  if (!response.ok) throw new Problem(response.status, body);
  return body;
}

function query(values) {
  const given = Object.entries(values).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  return new URLSearchParams(given).toString();
}

function send(method, path, body) {
  const headers = { "Content-Type": "application/json" };
  return ask(path, { method, headers, body: JSON.stringify(body) });
}

export const related = (url, options) => ask(`related?${query({ url, explain: true, ...options })}`);
export const story = (url) => ask(`articles?${query({ url })}`);
export const search = (q, signal) => ask(`search?${query({ q, limit: 8 })}`, { signal });
export const drafted = (draft) => send("POST", "related?explain=true", draft);
export const models = () => ask("models");
export const evaluation = () => ask("evaluation");
export const curation = (url) => ask(`curation?${query({ url })}`);
export const audit = () => ask("curation/audit");
export const order = (body) => send("PUT", "curation", body);
export const undo = (body) => send("POST", "curation/undo", body);
