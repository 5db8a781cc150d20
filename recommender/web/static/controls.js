/* The controls: what is asked of a list.  It stands in the address, and they show it. */
import { make } from "./cards.js";
import { number } from "./strings.js";

const STEPPED = ["date", "number", "range"]; // one comes to their values through others

/* A date whose year is being typed, or what is no value yet. */
const unfinished = ({ type, value, validity }) => validity.badInput || (type === "date" && value.startsWith("0"));

export class Controls {
  /* `changed` is called with what of the state is another now, and whether the same control changed it before. */
  constructor(form, changed) {
    this.form = form;
    this.all = [...form.elements].filter((one) => one.name);
    this.kinds = new Map(this.all.map((one) => [one, one.type]));
    this.values = {};
    this.names = this.all.map((one) => one.name);
    let held = null;
    form.addEventListener("change", ({ target }) => {
      if (unfinished(target)) return;
      const again = held === target;
      held = STEPPED.includes(target.type) ? target : null;
      changed({ [target.name]: this.kinds.get(target) === "range" && target.value === "0" ? "" : target.value }, again);
    });
    form.addEventListener("focusout", ({ target }) => {
      held = null;
      if (target.name && unfinished(target)) this.put(target);
    });
    form.addEventListener("input", () => this.tell());
    form.addEventListener("submit", (event) => event.preventDefault());
    form.addEventListener("reset", (event) => {
      event.preventDefault();
      this.all[0].focus();
      changed(Object.fromEntries(this.names.map((name) => [name, ""])), false);
    });
  }

  /* Show what is asked for; what is rare and asked for is not left out of sight. */
  show(values) {
    this.values = values;
    this.all.forEach((control) => this.put(control));
    this.wrong([]);
    this.form.querySelector("[type=reset]").disabled = !this.any;
    const rare = this.form.querySelector("details");
    rare.open ||= this.all.some((one) => rare.contains(one) && values[one.name]);
  }

  /* Whether anything is asked for that is not so by itself. */
  get any() {
    return this.names.some((name) => this.values[name]);
  }

  /* A value of the address that its control cannot have is shown all the same: it counts, or is refused. */
  put(control) {
    const kind = this.kinds.get(control);
    const value = this.values[control.name] || (kind === "range" ? "0" : "");
    const choice = control.localName === "select";
    if (choice) control.querySelector("[data-foreign]")?.remove();
    else if (control.type !== kind) control.type = kind;
    // Written only if it is another: who types a date would begin anew.
    if (control.value !== value || unfinished(control)) control.value = value;
    if (control.value !== value && choice) {
      const foreign = make("option", { value, textContent: value });
      foreign.dataset.foreign = "";
      control.append(foreign);
      control.value = value;
    } else if (control.value !== value) {
      Object.assign(control, { type: "text", value });
    }
    this.tell();
  }

  /* Say in digits where the slider stands. */
  tell() {
    const { diversity } = this.form.elements;
    this.form.querySelector("#diversity").textContent = diversity.type === "range" ? number(Number(diversity.value), 1) : "";
  }

  /* Mark the controls whose values the service refuses; why is said in the page's status. */
  wrong(errors) {
    for (const control of this.all) {
      const meant = ({ name, reason }) => name === control.name || (name === "query" && reason.split(" ").includes(control.name));
      const refused = errors.some(meant);
      if (refused) control.setAttribute("aria-describedby", "status");
      else control.removeAttribute("aria-describedby");
      control.ariaInvalid = refused ? "true" : null;
    }
  }

  /* The models that may stand beside the one that is served. */
  offer(names, called) {
    const { beside } = this.form.elements;
    beside.length = 1;
    beside.append(...names.map((name) => make("option", { value: name, textContent: called(name) })));
    this.put(beside);
  }
}
