/* What an editor with a key does: pin by a button or by dragging, block, undo; and what was done. */
import { make } from "./cards.js";
import { curation, failure, order, undo } from "./service.js";
import { number, strings } from "./strings.js";

export class Desk {
  /* `changed` is called when a list is another one, `used` when a key was given, `say` with what a person should hear. */
  constructor(element, { changed, used, say }) {
    this.form = element.querySelector("form");
    this.orders = element.querySelector("#orders");
    this.changed = changed;
    this.say = say;
    this.latest = 0;
    this.key = sessionStorage.getItem("key") || "";
    this.by = sessionStorage.getItem("by") || "";
    this.form.elements.by.value = this.by;
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.key = this.form.elements.key.value.trim();
      this.by = this.form.elements.by.value.trim();
      this.form.elements.key.value = "";
      sessionStorage.setItem("key", this.key);
      sessionStorage.setItem("by", this.by);
      changed();
      used();
    });
  }

  get open() {
    return this.key !== "";
  }

  /* Do it and say so, or why not; whether it was done. */
  async do(told, work) {
    try {
      await work();
      await this.changed();
      this.say(told);
      return true;
    } catch (error) {
      this.say(strings.refused(failure(error)));
      return false;
    }
  }

  pin(url, other, title, slot) {
    const body = { url, other, kind: "pin", slot, by: this.by };
    return this.do(strings.pinned(title), () => order(body, this.key));
  }

  block(url, other, title) {
    const body = { url, other, kind: "block", by: this.by };
    return this.do(strings.blocked(title), () => order(body, this.key));
  }

  undo(url) {
    return this.do(strings.undone, () => undo({ url, by: this.by }, this.key));
  }

  button(said, title, work) {
    return make("button", { type: "button", textContent: said, ariaLabel: `${said}: ${title}`, onclick: work });
  }

  /* Buttons of an item of the list of the story at `url`. */
  actions(url, { webUrl, title, rank }) {
    if (!this.open) return [];
    return [
      this.button(strings.pin, title, () => this.pin(url, webUrl, title, rank)),
      this.button(strings.block, title, () => this.block(url, webUrl, title)),
    ];
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

  /* Show what was done about the list of a story. */
  async show(url) {
    const mine = ++this.latest;
    this.orders.replaceChildren();
    if (!this.open || !url) return;
    try {
      const { history } = await curation(url, this.key);
      if (mine !== this.latest) return;
      const lines = history.map(({ action, slot, title, by, undone }) => {
        const told = strings.order(strings.actions[action], slot && number(slot), title, by);
        return make("li", { dir: "auto" }, undone ? make("s", { textContent: told }) : told);
      });
      const back = make("button", { type: "button", textContent: strings.undo, onclick: () => this.undo(url) });
      this.orders.append(make("h2", { textContent: strings.history }), make("ul", {}, ...lines), back);
    } catch (error) {
      if (mine === this.latest) this.say(strings.refused(failure(error)));
    }
  }
}
