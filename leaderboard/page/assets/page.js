"use strict";
// Everything here is on top: without it all pages can be read.
(() => {
  const root = document.documentElement;
  const $ = (id) => document.getElementById(id);
  const sorted = new Map();

  // A page from a file or in a private window may have no memory.
  const memory = {
    get(key) { try { return localStorage.getItem(key); } catch { return null; } },
    set(key, value) { try { localStorage.setItem(key, value); } catch { /* then not */ } },
  };

  const isDark = () => root.dataset.theme
    ? root.dataset.theme === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;
  // At once, before anything is drawn.
  if (memory.get("theme")) root.dataset.theme = memory.get("theme");
  let local = memory.get("zone") === "local";

  function setUpButtons() {
    const theme = $("theme"), zone = $("zone");
    const name = () => {
      theme.textContent = isDark() ? "Light" : "Dark";
      zone.textContent = local ? "UTC" : "Local time";
    };
    theme.onclick = () => {
      root.dataset.theme = isDark() ? "light" : "dark";
      memory.set("theme", root.dataset.theme);
      name();
    };
    zone.onclick = () => {
      local = !local;
      memory.set("zone", local ? "local" : "utc");
      name();
      showTimes();
    };
    matchMedia("(prefers-color-scheme: dark)").onchange = name;
    theme.hidden = zone.hidden = false;
    name();
  }

  const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
  const full = new Intl.DateTimeFormat("en-GB", {
    day: "2-digit", month: "short", hour: "2-digit", minute: "2-digit", second: "2-digit",
  });
  const zoneName = () => new Intl.DateTimeFormat("en-GB", { timeZoneName: "short" })
    .formatToParts(new Date()).find((part) => part.type === "timeZoneName").value;

  function showTimes() {
    for (const one of document.querySelectorAll("time, [data-clock], [data-zone]")) {
      one.utc ??= one.textContent;
      if (!local) {
        one.textContent = one.utc;
      } else if (one.dataset.zone !== undefined) {
        one.textContent = zoneName();
      } else {
        const moment = new Date(one.dataset.clock || one.getAttribute("datetime"));
        one.textContent = one.dataset.full === undefined
          ? clock.format(moment) : full.format(moment).replace(",", "");
      }
    }
  }

  function lengthText(ms) {
    const minutes = Math.floor(ms / 60000), hours = Math.floor(minutes / 60);
    if (hours >= 24) return `${Math.floor(hours / 24)} d ${hours % 24} h`;
    return hours ? `${hours} h ${minutes % 60} min` : `${minutes} min`;
  }

  function countDown() {
    const left = $("left");
    if (!left) return;
    const ms = new Date(left.dataset.until) - Date.now();
    if (ms > 0) {
      left.textContent = lengthText(ms);
    } else {
      left.textContent = left.dataset.after;
      left.parentElement.replaceChildren(left);
    }
  }

  const keyOf = (row, column) => {
    const cell = row.cells[column];
    const text = cell.dataset.v ?? cell.textContent.trim();
    return text !== "" && Number.isFinite(Number(text)) ? Number(text) : text;
  };

  function compare(a, b) {
    if (typeof a === "number" && typeof b === "number") return a - b;
    // What is no number, such as "guest", stands behind.
    if (typeof a !== typeof b) return typeof a === "number" ? -1 : 1;
    return a.localeCompare(b, undefined, { numeric: true });
  }

  function sort(table, column, direction) {
    const body = table.tBodies[0];
    const sign = direction === "descending" ? -1 : 1;
    const rows = [...body.rows].map((row) => [keyOf(row, column), row]);
    rows.sort((a, b) => sign * compare(a[0], b[0]));
    body.append(...rows.map(([, row]) => row));
    for (const [number, head] of [...table.tHead.rows[0].cells].entries()) {
      if (number === column) head.setAttribute("aria-sort", direction);
      else head.removeAttribute("aria-sort");
    }
    sorted.set(table.id, [column, direction]);
  }

  function setUpSorting() {
    for (const table of document.querySelectorAll("[data-sortable]")) {
      for (const [column, head] of [...table.tHead.rows[0].cells].entries()) {
        const button = document.createElement("button");
        button.type = "button";
        button.id = `${table.id}-by-${column}`;
        button.textContent = head.textContent.trim();
        button.onclick = () => {
          const was = head.getAttribute("aria-sort");
          const first = head.classList.contains("num") && !head.classList.contains("rank")
            ? "descending" : "ascending";
          const other = first === "ascending" ? "descending" : "ascending";
          sort(table, column, was === first ? other : first);
        };
        head.replaceChildren(button);
      }
      if (sorted.has(table.id)) sort(table, ...sorted.get(table.id));
    }
  }

  function setUpFilter() {
    const input = $("filter");
    if (!input) return;
    const rows = [...$(input.dataset.for).tBodies[0].rows];
    const apply = () => {
      const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      for (const row of rows) {
        const text = row.textContent.toLowerCase();
        row.hidden = !words.every((word) => text.includes(word));
        shown += !row.hidden;
      }
      $("found").textContent = words.length ? `${shown} of ${rows.length} on this page` : "";
    };
    input.oninput = apply;
    input.parentElement.hidden = false;
    apply();
  }

  function setUpMain() {
    setUpSorting();
    setUpFilter();
    showTimes();
    countDown();
  }

  // Where the focus is, in words that find the same thing in the next version of the page.
  function place(element) {
    if (!element || !element.closest("main")) return null;
    if (element.id) return `#${CSS.escape(element.id)}`;
    const holder = element.closest("[id]");
    const tag = element.localName;
    const href = element.getAttribute("href");
    const same = href ? `${tag}[href="${CSS.escape(href)}"]` : tag;
    return `#${CSS.escape(holder.id)} ${same}`;
  }

  function replaceMain(fresh) {
    const focus = place(document.activeElement);
    const value = $("filter")?.value;
    const open = [...document.querySelectorAll("main details[open][id]")].map((one) => one.id);
    const known = new Set([...document.querySelectorAll(".verdict")].map((one) => one.id));
    const [x, y] = [scrollX, scrollY];
    const sideways = [...document.querySelectorAll(".scroll")].map((one) => one.scrollLeft);
    document.querySelector("main").replaceWith(fresh);
    if ($("filter") && value) $("filter").value = value;
    for (const id of open) if ($(id)) $(id).open = true;
    for (const one of document.querySelectorAll(".verdict")) {
      if (!known.has(one.id)) one.classList.add("fresh");
    }
    setUpMain();
    for (const [n, one] of [...document.querySelectorAll(".scroll")].entries()) {
      one.scrollLeft = sideways[n] ?? 0;
    }
    if (focus) document.querySelector(focus)?.focus({ preventScroll: true });
    scrollTo(x, y);
  }

  async function refresh(built) {
    if (built === root.dataset.built) return;
    const answer = await fetch(location.href, { cache: "no-store" });
    if (!answer.ok) return;
    const next = new DOMParser().parseFromString(await answer.text(), "text/html");
    const same = (tag) => next.querySelector(tag).textContent === document.querySelector(tag).textContent;
    if (!same("style") || !same("script")) { location.reload(); return; }
    root.dataset.built = next.documentElement.dataset.built;
    root.className = next.documentElement.className;
    replaceMain(document.adoptNode(next.querySelector("main")));
    document.querySelector("header nav").replaceWith(document.adoptNode(next.querySelector("header nav")));
    $("as-of").replaceWith(document.adoptNode(next.getElementById("as-of")));
    showTimes();
    $("status").textContent = "Updated.";
  }

  function listen() {
    if (root.dataset.live === undefined || !location.protocol.startsWith("http")) return;
    let turn = Promise.resolve();
    new EventSource("events").onmessage = (event) => {
      // One after the other, and a server that is gone for a moment is no reason to stop.
      turn = turn.then(() => refresh(event.data)).catch(() => {});
    };
  }

  document.addEventListener("DOMContentLoaded", () => {
    setUpButtons();
    setUpMain();
    setInterval(countDown, 10000);
    listen();
  });
})();
