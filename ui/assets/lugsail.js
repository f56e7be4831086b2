// The console works without this file. It adds four things: buttons that copy, a question
// before something is lost, parts that stay fresh, and logs that grow while one watches.
"use strict";

document.documentElement.classList.add("script");

// Copy: the button names the element whose text it takes.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const label = button.querySelector("span");
  const before = label.textContent;
  try {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
    label.textContent = "Copied";
  } catch {
    label.textContent = "Select and copy";
  }
  setTimeout(() => { label.textContent = before; }, 1600);
});

document.addEventListener("submit", (event) => {
  const question = event.target.dataset.confirm;
  if (question && !confirm(question)) event.preventDefault();
});

// Fresh parts: every element with data-live and an id is taken anew from the same page.
// The server escapes; nothing is built out of strings here.
let refreshing = false;
async function refresh() {
  if (refreshing || document.hidden) return;
  refreshing = true;
  try {
    const url = new URL(location.href);
    url.searchParams.set("part", "live");
    const answer = await fetch(url, { credentials: "same-origin" });
    if (answer.redirected) { location.reload(); return; }
    if (!answer.ok) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const old of document.querySelectorAll("[data-live]")) {
      const fresh = page.getElementById(old.id);
      if (fresh && !old.contains(document.activeElement) && fresh.outerHTML !== old.outerHTML) {
        old.replaceWith(document.adoptNode(fresh));
      }
    }
  } catch { /* the next round asks again */ } finally {
    refreshing = false;
  }
}
if (document.querySelector("[data-live]")) setInterval(refresh, 4000);

// Logs: lines become text nodes; of control sequences only colours are kept.
const control = /\x1b\[([0-9;:]*)([@-~])|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[PX^_][^\x1b]*\x1b\\|\x1b.|[\x00-\x08\x0b-\x1f\x7f-\x9f]/g;
const maxLines = 5000;

function paint(into, text) {
  let style = { colour: "", weight: "" }, at = 0;
  const put = (part) => {
    if (!part) return;
    const span = document.createElement("span");
    span.textContent = part;
    span.className = [style.colour, style.weight].filter(Boolean).join(" ");
    into.append(span);
  };
  for (const match of text.matchAll(control)) {
    put(text.slice(at, match.index));
    at = match.index + match[0].length;
    if (match[2] === "m") style = sgr(style, match[1]);
  }
  put(text.slice(at));
}

function sgr(style, codes) {
  const next = { ...style };
  const list = codes.split(/[;:]/).map(Number);
  for (let i = 0; i < list.length; i++) {
    const n = list[i];
    if (n === 0) { next.colour = ""; next.weight = ""; }
    else if (n === 1) next.weight = "t1";
    else if (n === 2) next.weight = "t2";
    else if (n === 22) next.weight = "";
    else if (n >= 30 && n <= 37) next.colour = "c" + (n - 30);
    else if (n >= 90 && n <= 97) next.colour = "c" + (n - 90);
    else if (n === 39) next.colour = "";
    else if (n === 38 || n === 48) i += list[i + 1] === 5 ? 2 : 4;
  }
  return next;
}

// What scrolls a log: itself or, on a small screen, the page.
function scroller(log) {
  return getComputedStyle(log).overflowY === "visible" ? document.scrollingElement : log;
}

function addLine(log, time, who, text, stream) {
  const box = scroller(log);
  const stay = box.scrollHeight - box.scrollTop - box.clientHeight < 60;
  log.querySelector(".none")?.remove();
  const line = document.createElement("p");
  if (time) line.append(Object.assign(document.createElement("time"), { textContent: time.slice(11, 19) }));
  if (who) line.append(Object.assign(document.createElement("em"), { textContent: who }));
  if (stream === "stderr") line.className = "stderr";
  paint(line, text);
  log.append(line);
  while (log.childElementCount > maxLines) log.firstElementChild.remove();
  if (stay) box.scrollTop = box.scrollHeight;
}

for (const log of document.querySelectorAll(".log")) log.scrollTop = log.scrollHeight;

// EventSource comes back by itself after a lost connection, but not after an answer such as 503,
// which is given while the control plane restarts.
function follow(address, listeners, lost) {
  const source = new EventSource(address());
  for (const [name, listen] of Object.entries(listeners)) source.addEventListener(name, (event) => listen(event, source));
  source.addEventListener("error", (event) => {
    if (event.data) { source.close(); lost(JSON.parse(event.data).message); return; }
    lost("Connecting again…");
    if (source.readyState === EventSource.CLOSED) setTimeout(() => follow(address, listeners, lost), 3000);
  });
}

// A deployment's log goes on where the page ends, and after a break where it stood.
const build = document.querySelector("[data-deployment]");
if (build) {
  let from = build.dataset.from;
  follow(() => build.dataset.deployment + "?from=" + from, {
    log(event) {
      from = event.lastEventId;
      const line = JSON.parse(event.data).line;
      const space = line.indexOf(" ");
      addLine(build, line.slice(0, space), "", line.slice(space + 1), "");
    },
    step() { refresh(); },
    done(event, source) { source.close(); refresh(); },
  }, () => {});
}

// An app's log starts anew with each connection, so no line is missed or shown twice.
const tail = document.querySelector("[data-logs]");
if (tail) {
  const state = document.getElementById("log-state");
  const say = (text, colour) => { state.textContent = text; state.className = "state only-script " + colour; };
  follow(() => tail.dataset.logs, {
    open() { tail.replaceChildren(); say("Live", "ok"); },
    log(event) {
      const line = JSON.parse(event.data);
      addLine(tail, line.at, line.replica, line.text, line.stream);
    },
  }, (why) => say(why, "warn"));
}
