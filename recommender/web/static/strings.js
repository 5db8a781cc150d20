/* The language of the page: that of ?lang=, else the browser's, else English.
   To translate it, write strings.xx.js with the keys of strings.en.js, and name xx here. */
import { strings as english } from "./strings.en.js";

export const LANGUAGES = ["en", "de"];

const language = (tag) => tag.toLowerCase().split("-")[0];

export const chosen = new URLSearchParams(location.search).get("lang") || "";
const wanted = [language(chosen), ...navigator.languages];
const locale = wanted.find((tag) => LANGUAGES.includes(language(tag))) || "en";
const spoken = language(locale);
export const strings = spoken === "en" ? english : (await import(`./strings.${spoken}.js`)).strings;

export function number(value, digits = 0) {
  return value.toLocaleString(locale, { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/* The same with its sign, + too. */
export function signed(value, digits) {
  return value.toLocaleString(locale, { minimumFractionDigits: digits, maximumFractionDigits: digits, signDisplay: "exceptZero" });
}

const UNITS = { day: 86_400_000, hour: 3_600_000, minute: 60_000 };

/* How long ago it was, or the date if that was long ago. */
export function age(moment) {
  const date = moment ? new Date(moment) : null;
  if (!date || isNaN(date)) return "";
  const past = date - Date.now();
  if (Math.abs(past) > 30 * UNITS.day) return date.toLocaleDateString(locale, { dateStyle: "medium" });
  const [unit, length] = Object.entries(UNITS).find(([, each]) => Math.abs(past) >= each) || ["minute", UNITS.minute];
  return new Intl.RelativeTimeFormat(locale, { numeric: "auto" }).format(Math.round(past / length), unit);
}

/* Write the texts of the page itself, where it has data-string, and attributes where it has data-label or data-hint. */
export function fill() {
  document.documentElement.lang = locale;
  document.documentElement.dir = strings.direction;
  document.title = strings.page.title;
  for (const element of document.querySelectorAll("[data-string]")) {
    element.textContent = strings.page[element.dataset.string];
  }
  for (const element of document.querySelectorAll("[data-label]")) {
    element.ariaLabel = strings.page[element.dataset.label];
  }
  for (const element of document.querySelectorAll("[data-hint]")) {
    element.placeholder = strings.page[element.dataset.hint];
  }
  if (chosen) document.querySelector("h1 a").search = new URLSearchParams({ lang: chosen });
}
