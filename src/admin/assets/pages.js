/*
 * What is more convenient with a script; all of it works without.
 *
 * Keys are checked as soon as they are pasted, and lists are searched as one types. Both ask this server, and put its answer, in
 * which everything of strangers is escaped already, in the place of the old one.
 */
"use strict";

(() => {
  const PAUSE = 250; // Milliseconds without a keystroke before the server is asked.

  /** Calls `act` once nothing has happened for a moment, with a signal that ends a request when the next one is due. */
  function afterPause(act) {
    let timer;
    let running;
    return () => {
      clearTimeout(timer);
      running?.abort();
      timer = setTimeout(() => {
        running = new AbortController();
        act(running.signal).catch((error) => {
          if (error.name !== "AbortError") throw error;
        });
      }, PAUSE);
    };
  }

  /** The document that the server answers with; `null` where it sends something else, such as the sign-in page. */
  async function ask(url, options) {
    const answer = await fetch(url, { ...options, credentials: "same-origin", redirect: "error" });
    return answer.ok ? new DOMParser().parseFromString(await answer.text(), "text/html") : null;
  }

  function checkKeys(area) {
    const report = document.getElementById(`${area.id}-report`);
    const field = (name) => area.form.elements.namedItem(name)?.value ?? "";
    const check = afterPause(async (signal) => {
      if (area.value.trim() === "") {
        report.replaceChildren();
        return;
      }
      const body = new URLSearchParams({ csrf: field("csrf"), key: field("key"), public_key: area.value });
      const answer = await ask("/consumers/check-key", { method: "POST", body, signal });
      if (!answer) return;
      report.replaceChildren(...answer.body.childNodes);
      // What was wrong when the page was sent is not so any more, or is said by the report.
      document.getElementById(`${area.id}-error`)?.remove();
      area.setAttribute("aria-describedby", `${area.id}-hint ${area.id}-report`);
      area.removeAttribute("aria-invalid");
    });
    area.addEventListener("input", check);
  }

  function searchList(form) {
    const search = afterPause(async (signal) => {
      const query = new URLSearchParams(new FormData(form));
      const url = `${form.getAttribute("action")}?${query}`;
      const found = (await ask(url, { signal }))?.getElementById(form.dataset.filter);
      if (!found) return;
      document.getElementById(form.dataset.filter).replaceWith(found);
      history.replaceState(null, "", url);
    });
    form.addEventListener("input", search);
  }

  document.querySelectorAll("textarea[data-check-key]").forEach(checkKeys);
  document.querySelectorAll("form[data-filter]").forEach(searchList);
})();
