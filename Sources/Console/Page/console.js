// Keeps the page as its server sees it: replaces parts that changed, ticks times, and says when nothing arrives any more.
// Without it the page is complete, and says that it does not change.
"use strict";
(() => {
  const root = document.documentElement;
  const live = document.getElementById("live");
  const word = document.getElementById("live-word");
  const clock = document.getElementById("clock");
  const pause = document.getElementById("pause");
  const theme = document.getElementById("theme");
  const staleAfter = 3000;

  // ---- The switch between light and dark

  const isDark = () => (root.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  const showTheme = () => { theme.textContent = isDark() ? "Light" : "Dark"; };
  try { if (localStorage.theme) root.dataset.theme = localStorage.theme; } catch { /* the choice is not kept */ }
  theme.hidden = false;
  theme.addEventListener("click", () => {
    root.dataset.theme = isDark() ? "light" : "dark";
    try { localStorage.theme = root.dataset.theme; } catch { /* the choice is not kept */ }
    showTheme();
  });
  showTheme();

  const address = document.body.dataset.events;
  if (!address) return;

  // ---- Times that pass, by the server's clock

  let offset = Number(live.dataset.now) - Date.now();
  const now = () => Date.now() + offset;
  const span = (seconds) => {
    const [d, h, m, s] = [seconds / 86400, seconds / 3600 % 24, seconds / 60 % 60, seconds % 60].map(Math.floor);
    if (d > 0) return `${d} d ${h} h`;
    if (h > 0) return `${h} h ${m} min`;
    return m > 0 ? `${m} min ${s} s` : `${Math.max(0, s)} s`;
  };
  const tick = () => {
    for (const element of document.querySelectorAll("[data-until]")) {
      element.textContent = span(Math.floor((Number(element.dataset.until) - now()) / 1000));
    }
    for (const element of document.querySelectorAll("[data-since]")) {
      element.textContent = span(Math.floor((now() - Number(element.dataset.since)) / 1000));
    }
  };

  // ---- The stream

  let source = null;
  let heard = Date.now();
  let isPaused = false;
  // When bet-ingest last answered: it may be silent while the console is not.
  let data = { time: Number(live.dataset.data), clock: clock.textContent };
  let reason = "";

  // A part that is replaced between press and release would swallow the click: it waits for the release.
  let isPressed = false;
  const waiting = new Map();
  addEventListener("pointerdown", () => { isPressed = true; }, true);
  const release = () => {
    isPressed = false;
    for (const part of waiting.values()) show(part);
    waiting.clear();
  };
  for (const kind of ["pointerup", "pointercancel"]) addEventListener(kind, () => setTimeout(release), true);
  // A release outside the window is not told: nothing may wait for long.
  addEventListener("blur", release);
  addEventListener("pointerdown", () => setTimeout(release, 3000), true);

  const show = (part) => {
    if (isPressed) return void waiting.set(part.id, part);
    const element = document.getElementById(part.id);
    if (!element) return;
    const focus = element.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
    const scrolled = element.querySelector(".scroll")?.scrollLeft;
    element.innerHTML = part.html;
    tick();
    if (scrolled) element.querySelector(".scroll").scrollLeft = scrolled;
    if (focus) element.querySelector(`[href="${CSS.escape(focus)}"]`)?.focus({ preventScroll: true });
  };
  const connect = () => {
    source = new EventSource(address);
    source.addEventListener("part", (event) => show(JSON.parse(event.data)));
    source.addEventListener("tick", (event) => {
      const time = JSON.parse(event.data);
      offset = time.now - Date.now();
      clock.textContent = time.clock;
      data = { time: time.data, clock: time.dataClock };
      heard = Date.now();
      reason = "";
      refresh();
    });
    source.addEventListener("error", () => {
      // The server does not take another page: the browser does not try again.
      if (source.readyState === EventSource.CLOSED) reason = "; too many pages are open: load it again";
    });
  };
  const refresh = () => {
    if (isPaused) return;
    const isSilent = Date.now() - heard > staleAfter;
    const isStale = isSilent || now() - data.time > staleAfter;
    root.classList.toggle("is-stale", isStale);
    root.classList.toggle("is-live", !isStale);
    word.textContent = isStale ? ` · no data since ${isSilent ? clock.textContent : data.clock}${reason}` : " · live";
    if (!isStale) tick();
  };
  pause.hidden = false;
  pause.addEventListener("click", () => {
    isPaused = !isPaused;
    pause.textContent = isPaused ? "Continue" : "Pause";
    if (isPaused) {
      source.close();
      root.classList.remove("is-live", "is-stale");
      word.textContent = " · paused";
    } else {
      heard = Date.now();
      connect();
    }
  });
  // A browser has six connections to a server: pages that are not seen must not take all of them.
  document.addEventListener("visibilitychange", () => {
    if (isPaused) return;
    if (document.hidden) source.close(); else connect();
  });
  addEventListener("pagehide", () => source.close());
  connect();
  setInterval(refresh, 1000);
})();
