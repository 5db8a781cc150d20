/* Related stories in a publisher's page:
   <script async src="https://host/widget.js" data-url="…" data-limit="4"></script>
   No cookies, nothing kept. Without an answer nothing is shown. */
(() => {
  const script = document.currentScript;
  const { url, limit, key, heading = "Related stories", target } = script.dataset;
  const most = Math.min(Math.max(parseInt(limit, 10) || 4, 1), 20);
  const canonical = () => document.querySelector('link[rel="canonical"]');
  const place = () => target && document.querySelector(target);
  /* Do it now, or once the page is whole if what it needs may stand further down. */
  const once = (there, work) =>
    there || document.readyState !== "loading" ? work() : document.addEventListener("DOMContentLoaded", work);
  const service = new URL(".", script.src);
  const web = (address) => /^https?:\/\//i.test(address || "");
  const day = (date, language) => {
    try {
      return date.toLocaleDateString(language, { dateStyle: "medium" });
    } catch {
      return day(date); // lang="en_US" is no language, and many pages have it
    }
  };

  const style = `
    :host { display: block; font: var(--related-font, inherit); color: var(--related-color, inherit);
      background: var(--related-background, transparent); min-height: calc(${most} * 6rem + 2rem) }
    h2 { font-size: 1.125em; line-height: 1.5rem; margin: 0 0 .5rem; height: 1.5rem; overflow: hidden }
    ul { list-style: none; margin: 0; padding: 0 }
    li { height: 6rem; box-sizing: border-box; padding: .5rem 0;
      border-top: 1px solid var(--related-line, color-mix(in srgb, currentColor 20%, transparent)) }
    a { display: flex; gap: var(--related-gap, .75rem); height: 100%; color: inherit; text-decoration: none }
    a:hover b, a:focus-visible b { text-decoration: underline }
    a:focus-visible { outline: 2px solid var(--related-accent, currentColor); outline-offset: 2px }
    img { flex: none; width: clamp(4rem, 27%, 6.5rem); height: 100%; object-fit: cover; border-radius: var(--related-radius, .25rem) }
    span { min-width: 0; flex: 1 }
    b { display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 3; overflow: hidden;
      font-weight: 600; line-height: 1.25rem; overflow-wrap: anywhere }
    small { display: block; font-size: .8125em; line-height: 1.25rem; white-space: nowrap; overflow: hidden;
      text-overflow: ellipsis }`;

  const make = (name, properties = {}, ...children) => {
    const element = Object.assign(document.createElement(name), properties);
    element.append(...children);
    return element;
  };

  const host = make("div");
  once(!target || place(), () => (place() ? place().append(host) : script.after(host)));
  const root = host.attachShadow({ mode: "open" });
  root.append(make("style", { textContent: style }));

  const show = (answer) => {
    const items = (answer.items || []).filter((item) => web(item.webUrl) && item.title).slice(0, most);
    if (!items.length) return host.remove();
    const id = "heading";
    const list = make("ul", {}, ...items.map(entry));
    const section = make("section", {}, make("h2", { id, dir: "auto", textContent: heading }), list);
    section.setAttribute("aria-labelledby", id);
    root.append(section);
    host.style.minHeight = "auto";
    if (key && answer.id && !navigator.globalPrivacyControl) watch(answer.id, items, [...list.children]);
  };

  const entry = (item) => {
    const image = (item.images || []).find((one) => web(one.url));
    const link = make("a", { href: item.webUrl });
    if (image) {
      const picture = { loading: "lazy", decoding: "async", referrerPolicy: "no-referrer", alt: "" };
      link.append(make("img", { ...picture, onerror: (event) => event.target.remove(), src: image.url }));
    }
    const date = item.publishedDateTime && new Date(item.publishedDateTime);
    const facts = [item.provider && (item.provider.name || item.provider.domain)];
    if (date && !isNaN(date)) facts.push(day(date, document.documentElement.lang || undefined));
    link.append(make("span", {}, make("b", { dir: "auto", textContent: item.title }),
      make("small", { dir: "auto", textContent: facts.filter(Boolean).join(" · ") })));
    return make("li", {}, link);
  };

  /* Impressions are what came into view by half; clicks are sent at once, for the page may be left. */
  const watch = (answer, items, entries) => {
    const send = (event) => navigator.sendBeacon(
      new URL(`events?key=${encodeURIComponent(key)}`, service),
      JSON.stringify({ events: [{ answer, ...event }] }));
    const rank = (element) => items[entries.indexOf(element)].rank;
    let ranks = [];
    const flush = () => {
      if (ranks.length) send({ kind: "impression", ranks });
      ranks = [];
    };
    const seen = new IntersectionObserver((changes) => {
      for (const change of changes.filter((one) => one.isIntersecting)) {
        seen.unobserve(change.target);
        ranks.push(rank(change.target));
      }
    }, { threshold: 0.5 });
    for (const element of entries) {
      seen.observe(element);
      const clicked = (event) => {
        if (event.button < 2) {
          flush();
          send({ kind: "click", rank: rank(element) });
        }
      };
      element.firstChild.addEventListener("click", clicked);
      element.firstChild.addEventListener("auxclick", clicked);
    }
    setInterval(flush, 5000);
    addEventListener("pagehide", flush);
    document.addEventListener("visibilitychange", () => document.hidden && flush());
  };

  once(url || canonical(), () => {
    const asked = new URL("related", service);
    asked.search = new URLSearchParams({ url: url || canonical()?.href || location.href, limit: most });
    fetch(asked, { credentials: "omit", signal: AbortSignal.timeout(5000) })
      .then((response) => (response.ok ? response.json() : Promise.reject()))
      .then(show)
      .catch(() => host.remove());
  });
})();
