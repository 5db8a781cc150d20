/* What an editor with a key does: pin by a button or by dragging, block, undo; and what was done. */
import { make } from "./cards.js";
import { curation, failure, order, undo, use } from "./service.js";
import { number, strings } from "./strings.js";

/* What the browser keeps as long as the tab is open; nothing where it is told to keep nothing. */
const kept = (() => {
  try {
    return sessionStorage;
  } catch {
    return { getItem: () => null, setItem: () => {} };
  }
})();

export class Desk {
  /* `changed` is called when a list is another one, with what a person should hear of it; `used` when a key was given,
     `say` with what else they should hear. */
  constructor(element, { changed, used, say }) {
    this.form = element.querySelector("form");
    this.orders = element.querySelector("#orders");
    this.changed = changed;
    this.say = say;
    this.take(kept.getItem("key") || "");
    this.by = kept.getItem("by") || "";
    this.form.elements.by.value = this.by;
    this.form.addEventListener("submit", async (event) => {
      event.preventDefault();
      this.take(this.form.elements.key.value.trim());
      this.by = this.form.elements.by.value.trim();
      this.form.elements.key.value = "";
      kept.setItem("by", this.by);
      await changed();
      used();
    });
  }

  get open() {
    return this.key !== "";
  }

  take(key) {
    this.key = key;
    use(key);
    kept.setItem("key", key);
  }

  /* Why it was not done; a key that is none is forgotten. */
  refused(error) {
    if (error.status === 401) this.take("");
    return strings.refused(failure(error));
  }

  /* Do it and tell what it gives, or why not; whether it was done. */
  async do(work) {
    let told = "";
    try {
      told = await work();
    } catch (error) {
      this.say(this.refused(error));
      return false;
    }
    await this.changed(told);
    return true;
  }

  order(told, body) {
    return this.do(async () => {
      await order({ ...body, by: this.by });
      return told;
    });
  }

  pin(url, other, title, slot) {
    return this.order(strings.pinned(title), { url, other, kind: "pin", slot });
  }

  block(url, other, title) {
    return this.order(strings.blocked(title), { url, other, kind: "block" });
  }

  /* Undo the last of `seen` lines; but not what was done meanwhile, by somebody else or in another tab. */
  async undo(url, seen, button) {
    button.disabled = true;
    await this.do(async () => {
      const { history } = await curation(url);
      if (history.length !== seen) return strings.meanwhile;
      const after = await undo({ url, by: this.by });
      return after.history.length > seen ? strings.undone : strings.original;
    });
    button.disabled = false;
    if (document.activeElement === document.body) this.orders.querySelector("button")?.focus();
  }

  button(said, title, work) {
    return make("button", { type: "button", textContent: said, ariaLabel: `${said}: ${title}`, onclick: work });
  }

  /* Buttons of an item of the list of the story at `url`; whatever is done by dragging, they do too. */
  actions(url, items, place) {
    const { webUrl, title } = items[place];
    const pin = (said, to) => items[to] && this.button(said, title, () => this.pin(url, webUrl, title, items[to].rank));
    const block = this.button(strings.block, title, () => this.block(url, webUrl, title));
    const buttons = [pin(strings.pin, place), pin(strings.higher, place - 1), pin(strings.lower, place + 1), block];
    return buttons.filter(Boolean).map((button) => Object.assign(button, { name: button.textContent, value: webUrl }));
  }

  /* To be asked before a list is another one: gives what leads who uses keys back to the button that they pressed,
     or, where its story is gone, to that of the story in its place. */
  leading(lists) {
    const held = document.activeElement.closest(".actions button");
    if (!held || !lists.contains(held)) return () => {};
    const items = () => [...lists.querySelectorAll(":scope > :first-child li")];
    const place = items().indexOf(held.closest("li"));
    return () => {
      const buttons = items().map((one) => [...one.querySelectorAll(".actions button")]);
      const there = buttons.find(([first]) => first?.value === held.value) || buttons[place] || buttons.at(-1) || [];
      (there.find((one) => one.name === held.name) || there[0])?.focus();
    };
  }

  /* Let items of a list be dragged to other places, where they are pinned. */
  sortable(url, list, items) {
    let dragged = null;
    [...list.children].forEach((element, place) => {
      element.draggable = true;
      element.title = strings.drag;
      element.addEventListener("dragstart", (event) => {
        dragged = items[place];
        event.dataTransfer.effectAllowed = "move";
        event.dataTransfer.setData("text/plain", dragged.webUrl);
      });
      element.addEventListener("dragend", () => {
        dragged = null;
      });
      element.addEventListener("dragover", (event) => {
        if (!dragged) return;
        event.preventDefault();
        element.classList.add("over");
      });
      element.addEventListener("dragleave", () => element.classList.remove("over"));
      element.addEventListener("drop", (event) => {
        event.preventDefault();
        element.classList.remove("over");
        const { webUrl, title } = dragged;
        dragged = null;
        this.pin(url, webUrl, title, items[place].rank);
      });
    });
  }

  /* Show what was done about the list of a story, if anything was, and if who looks may do it too. */
  show(url, orders) {
    this.orders.replaceChildren();
    if (!orders?.history.length) return;
    const lines = orders.history.map(({ action, slot, title, by, undone }) => {
      const told = strings.order(strings.actions[action], slot && number(slot), title, by);
      return make("li", { dir: "auto" }, undone ? make("s", { textContent: told }) : told);
    });
    const back = make("button", { type: "button", textContent: strings.undo });
    back.onclick = () => this.undo(url, orders.history.length, back);
    this.orders.append(make("h2", { textContent: strings.history }), make("ul", {}, ...lines), back);
  }
}
