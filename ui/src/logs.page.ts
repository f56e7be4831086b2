// A log that grows while one watches. Lines become text nodes; of control sequences only colours are kept.
import { on } from "./bus";

const control = /\x1b\[([0-9;:]*)([@-~])|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[PX^_][^\x1b]*\x1b\\|\x1b.|[\x00-\x08\x0b-\x1f\x7f-\x9f]/g;
const maxLines = 5000;

interface Style { colour: string; weight: string }

function paint(into: HTMLElement, text: string): void {
  let style: Style = { colour: "", weight: "" }, at = 0;
  const put = (part: string) => {
    if (!part) return;
    const span = document.createElement("span");
    span.textContent = part;
    span.className = [style.colour, style.weight].filter(Boolean).join(" ");
    into.append(span);
  };
  for (const match of text.matchAll(control)) {
    put(text.slice(at, match.index));
    at = match.index + match[0].length;
    if (match[2] === "m") style = sgr(style, match[1] ?? "");
  }
  put(text.slice(at));
}

function sgr(style: Style, codes: string): Style {
  const next = { ...style };
  const list = codes.split(/[;:]/).map(Number);
  for (let i = 0; i < list.length; i++) {
    const n = list[i]!;
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
function scroller(log: HTMLElement): Element {
  return getComputedStyle(log).overflowY === "visible" ? document.scrollingElement! : log;
}

function addLine(log: HTMLElement, time: string, who: string, text: string, stream: string): void {
  const box = scroller(log);
  const stay = box.scrollHeight - box.scrollTop - box.clientHeight < 60;
  log.querySelector(".none")?.remove();
  const line = document.createElement("p");
  if (time) line.append(Object.assign(document.createElement("time"), { textContent: time.slice(11, 19) }));
  if (who) line.append(Object.assign(document.createElement("em"), { textContent: who }));
  if (stream === "stderr") line.className = "stderr";
  paint(line, text);
  log.append(line);
  while (log.childElementCount > maxLines) log.firstElementChild?.remove();
  if (stay) box.scrollTop = box.scrollHeight;
}

for (const log of document.querySelectorAll(".log")) log.scrollTop = log.scrollHeight;

// A deployment's log goes on where the page ends, and after a break where it stood.
const build = document.querySelector<HTMLElement>(".log[data-build]");
if (build) {
  on<{ line: string }>("log", ({ line }) => {
    const space = line.indexOf(" ");
    addLine(build, line.slice(0, space), "", line.slice(space + 1), "");
  });
}

// An app's log starts anew with each connection, so no line is missed or shown twice.
const tail = document.querySelector<HTMLElement>(".log[data-tail]");
const state = document.getElementById("log-state");
if (tail && state) {
  const say = (text: string, colour: string) => { state.textContent = text; state.className = "state only-script " + colour; };
  on("open", () => { tail.replaceChildren(); say("Live", "ok"); });
  on<{ at: string; replica: string; text: string; stream: string }>("line", (line) => addLine(tail, line.at, line.replica, line.text, line.stream));
  on<{ message: string }>("refused", (why) => say(why.message, "warn"));
}
