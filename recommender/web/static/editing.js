/* What an editor with a key does: pin by a button or by dragging, block, undo; and what was done. */
import { make } from "./cards.js";
import { failure, order, undo, use } from "./service.js";
import { number, strings } from "./strings.js";

export class Desk {
  /* `changed` is called when a list is another one, `used` when a key was given, `say` with what a person should hear. */
  constructor(element, { changed, used, say }) {
    this.form = element.querySelector("form");
    this.orders = element.querySelector("#orders");
    this.changed = changed;
    this.say = say;
    this.take(sessionStorage.getItem("key") || "");
    this.by = sessionStorage.getItem("by") || "";
    this.form.elements.by.value = this.by;
    this.form.addEventListener("submit", async (event) => {
      event.preventDefault();
      this.take(this.form.elements.key.value.trim());
      this.by = this.form.elements.by.value.trim();
      this.form.elements.key.value = "";
      sessionStorage.setItem("by", this.by);
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
    sessionStorage.setItem("key", key);
  }

  /* Why it was not done; a key that is none is forgotten. */
  refused(error) {
    if (error.status === 401) this.take("");
    return strings.refused(failure(error));
  }

  /* Do it and say so, or why not; whether it was done. */
  async do(told, work) {
    try {
      await work();
      await this.changed();
      this.say(told);
      return true;
    } catch (error) {
      this.say(this.refused(error));
      return false;
    }
  }

  pin(url, other, title, slot) {
    const body = { url, other, kind: "pin", slot, by: this.by };
    return this.do(strings.pinned(title), () => order(body));
  }

  block(url, other, title) {
    const body = { url, other, kind: "block", by: this.by };
    return this.do(strings.blocked(title), () => order(body));
  }

  async undo(url) {
    await this.do(strings.undone, () => undo({ url, by: this.by }));
    if (document.activeElement === document.body) this.orders.querySelector("button")?.focus();
  }

  button(said, title, work) {
    return make("button", { type: "button", textContent: said, ariaLabel: `${said}: ${title}`, onclick: work });
  }

  /* Buttons of an item of the list of the story at `url`; whatever is done by dragging, they do too. */
  actions(url, items, place) {
    if (!this.open) return [];
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
    if (!this.open) return;
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
    const back = make("button", { type: "button", textContent: strings.undo, onclick: () => this.undo(url) });
    this.orders.append(make("h2", { textContent: strings.history }), make("ul", {}, ...lines), back);
  }
}
