/* What deserves an editor's look, reason by reason, with the buttons that settle it. */
import { link, make } from "./cards.js";
import { audit } from "./service.js";
import { number, strings } from "./strings.js";

export class Audit {
  /* `open` is called with the address of a story that is followed, `say` with what a person should hear. */
  constructor(element, desk, open, say) {
    this.element = element;
    this.desk = desk;
    this.open = open;
    this.say = say;
    this.shown = false;
    this.asking = new AbortController();
  }

  /* Ask, and show it all; an editor without a key is shown nothing. */
  async show() {
    this.asking.abort();
    this.asking = new AbortController();
    const { signal } = this.asking;
    this.shown = this.desk.open;
    this.element.replaceChildren();
    if (!this.desk.open) return;
    const heading = make("h2", { textContent: strings.audit });
    this.element.append(heading, make("p", { textContent: strings.loading }));
    try {
      const { counts, items } = await audit(signal);
      const again = make("button", { type: "button", textContent: strings.again, onclick: () => this.show() });
      const groups = Object.entries(counts).filter(([, count]) => count);
      const shown = groups.map(([reason, count]) => this.group(reason, count, items.filter((one) => one.reason === reason)));
      if (!shown.length) shown.push(make("p", { textContent: strings.settled }));
      this.element.replaceChildren(heading, ...shown, again);
    } catch (error) {
      if (signal.aborted) return;
      this.shown = false;
      this.element.replaceChildren();
      this.say(this.desk.refused(error));
    }
  }

  group(reason, count, items) {
    const [name, meaning] = strings.concerns[reason];
    const some = items.length < count ? ` ${strings.some(number(items.length), number(count))}` : "";
    const list = make("ul", {}, ...items.map((one) => this.entry(one)));
    const summary = make("summary", { textContent: `${name}: ${number(count)}` });
    return make("details", { className: "concern" }, summary, make("p", { textContent: meaning + some }), list);
  }

  entry({ source, target, key, detail, score, better, cures }) {
    const story = (one) => make("bdi", {}, link(one.url, this.open, one.title));
    const said = [
      score === null ? "" : strings.score(number(score, 2)),
      better === null ? "" : strings.better(number(better)),
      detail,
    ].filter(Boolean).join(" · ");
    const other = target ? story(target) : make("bdi", { textContent: key });
    const line = make("p", {}, story(source), " → ", other);
    const buttons = cures.map((kind) => this.desk.button(strings[kind], target.title, () => this.settle(entry, kind, source, target)));
    const actions = buttons.length ? make("div", { className: "actions" }, ...buttons) : null;
    const entry = make("li", {}, line, said ? make("p", { className: "facts", textContent: said }) : null, actions);
    return entry;
  }

  /* Order it, and lead who uses keys to what comes next. */
  async settle(entry, kind, source, target) {
    const done = kind === "pin" ? this.desk.pin(source.url, target.url, target.title, null) : this.desk.block(source.url, target.url, target.title);
    if (!(await done) || !entry.isConnected) return; // pressed twice, or asked for anew
    const next = (entry.nextElementSibling || entry.previousElementSibling)?.querySelector("button");
    const group = entry.closest("details");
    entry.remove();
    (next || group.querySelector("summary")).focus();
  }
}
