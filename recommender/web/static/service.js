/* What the page asks the service for.  Addresses are relative: a newsroom may be below /sites/NAME/. */
import { strings } from "./strings.js";

export class Problem extends Error {
  constructor(status, { detail = "", errors = [] }) {
    super([detail, ...errors.map(({ name, reason }) => `${name}: ${reason}`)].join(" "));
    this.status = status;
  }
}

/* Why it failed, for a person: what the service says, or that it says nothing. */
export const failure = (error) => (error instanceof Problem && error.message) || strings.away;

async function ask(path, options = {}) {
  // Asked whether it has changed: an editor's order holds from now on, whatever the browser keeps for readers.
  const response = await fetch(path, { cache: "no-cache", ...options });
  const type = response.headers.get("Content-Type") || "";
  const body = type.includes("json") ? await response.json() : {};
  if (!response.ok) throw new Problem(response.status, body);
  return body;
}

function query(values) {
  const given = Object.entries(values).filter(([, value]) => value !== "" && value !== null && value !== undefined);
  return new URLSearchParams(given).toString();
}

function send(method, path, body, key) {
  const headers = { "Content-Type": "application/json" };
  if (key) headers["X-API-Key"] = key;
  return ask(path, { method, headers, body: JSON.stringify(body) });
}

export const related = (url, options) => ask(`related?${query({ url, explain: true, ...options })}`);
export const story = (url) => ask(`articles?${query({ url })}`);
export const search = (q, signal) => ask(`search?${query({ q, limit: 8 })}`, { signal });
export const drafted = (draft) => send("POST", "related?explain=true", draft);
export const models = () => ask("models");
export const evaluation = () => ask("evaluation");
export const curation = (url, key) => ask(`curation?${query({ url })}`, { headers: { "X-API-Key": key } });
export const audit = (key) => ask("curation/audit", { headers: { "X-API-Key": key } });
export const order = (body, key) => send("PUT", "curation", body, key);
export const undo = (body, key) => send("POST", "curation/undo", body, key);
