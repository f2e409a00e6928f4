"use strict";
// Keys, and whether the page is still true. Without this script everything works by mouse, Tab and Enter.
(() => {
  const byId = (name) => document.getElementById(name);
  const lines = [...document.querySelectorAll(".line")];
  const help = byId("help");
  let at = -1;

  const go = (step) => {
    if (!lines.length) return;
    lines[at]?.classList.remove("at");
    at = Math.min(Math.max(at + step, 0), lines.length - 1);
    lines[at].classList.add("at");
    lines[at].querySelector(".open").focus();
  };
  const show = (name) => {
    const part = byId(name);
    if (!part) return;
    part.open = true;
    part.scrollIntoView({ block: "nearest" });
    part.querySelector("select, input:not([type=hidden])").focus();
  };
  const keys = {
    "/": () => byId("find")?.focus(),
    j: () => go(1),
    k: () => go(-1),
    x: () => lines[at]?.querySelector("input[type=checkbox]")?.click(),
    q: () => location.assign("/"),
    m: () => location.assign("/?owner=mine"),
    u: () => location.assign("/?owner=unowned"),
    n: () => location.assign("/?changed=1"),
    o: () => byId("own")?.click(),
    c: () => byId("comment")?.focus(),
    l: () => show("label"),
    p: () => show("propose"),
    "?": () => help?.showModal(),
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || help?.open) return;
    if (event.target.closest("input, select, textarea")) {
      if (event.key === "Escape") event.target.blur();
      return;
    }
    const act = keys[event.key];
    if (act) {
      event.preventDefault();
      act();
    }
  });
  byId("keys")?.addEventListener("click", () => help.showModal());

  const page = document.querySelector("[data-case]");
  const look = async () => {
    let lost = false;
    try {
      const path = page ? `/case/${page.dataset.case}/version` : "/healthz";
      const answer = await fetch(path, { cache: "no-store" });
      lost = answer.status >= 500;
      if (page && answer.ok) byId("stale").hidden = (await answer.json()).version <= Number(page.dataset.version);
    } catch {
      lost = true;
    }
    byId("lost").hidden = !lost;
  };
  setInterval(look, 10000);
  addEventListener("offline", () => { byId("lost").hidden = false; });
  addEventListener("online", look);
})();
