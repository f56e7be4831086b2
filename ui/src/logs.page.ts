// A log that grows while one watches. Lines are kept as strings; elements are there for those in sight.
import { on } from "./bus";
import { Heights } from "./log/heights";
import { cut, isError, marked, pattern, plain, runs } from "./log/text";

interface Line { time: string; who: string; text: string; stderr: boolean; note?: boolean; full?: boolean; hits?: boolean }

const most = 100_000; // lines that are kept; the oldest go first
const widest = 4000;  // characters of a line on the screen
const margin = 12;    // lines beyond the window that are there already

const log = document.querySelector<HTMLElement>(".log");
if (log) view(log);

function view(log: HTMLElement): void {
  const bar = document.getElementById("log-bar")!, said = document.getElementById("log-said")!;
  const button = (name: string) => bar.querySelector<HTMLButtonElement>(`[name=${name}]`)!;
  const query = bar.querySelector<HTMLInputElement>("[name=find]")!, count = bar.querySelector<HTMLOutputElement>("output")!;
  const pause = button("pause"), wrap = button("wrap"), newest = button("newest");

  let lines: Line[] = read(log), waiting: Line[] = [], come: Line[] = [];
  let heights = new Heights(), find: RegExp | null = null, found: number[] = [], current = -1;
  let paused = false, wrapped = true, atEnd = true, drawn = "", frame = 0, unit = 20, character = 8, columns = 80, unsaid = 0;

  const empty = log.querySelector(".none:only-child")?.textContent ?? "";
  const space = document.createElement("div"), rows = document.createElement("div");
  space.className = "space";
  rows.className = "rows";
  space.append(rows);
  log.classList.add("viewer");
  log.setAttribute("aria-live", "off"); // rows come and go with scrolling; what is new is said below
  log.replaceChildren(space);
  bar.hidden = false;

  try { wrapped = localStorage.getItem("log-wrap") !== "no"; } catch { /* private windows may refuse */ }

  // How high a line will be, about: exactly so for what is as wide as the alphabet.
  const head = (line: Line) => (line.time ? 9 : 0) + (line.who ? line.who.length + 1 : 0);
  const shown = (line: Line) => line.full ? line.text.length : Math.min(line.text.length, widest);
  const guess = (line: Line) => wrapped ? unit * Math.max(1, Math.ceil((head(line) + shown(line)) / columns)) : unit;

  function measure(): void {
    const probe = document.createElement("p");
    probe.textContent = "0".repeat(50);
    probe.className = "probe";
    rows.append(probe);
    const box = probe.getBoundingClientRect();
    unit = box.height || 20;
    character = box.width / 50 || 8;
    probe.remove();
    const style = getComputedStyle(log);
    columns = Math.max(10, Math.floor((log.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight)) / character));
    layout();
  }

  function layout(): void {
    const top = atEnd ? -1 : heights.at(log.scrollTop);
    heights = new Heights();
    for (const line of lines) heights.push(guess(line));
    log.classList.toggle("wraps", wrapped);
    wrap.setAttribute("aria-pressed", String(wrapped));
    if (top >= 0) { resize(); log.scrollTop = heights.before(top); }
    drawn = "";
    soon();
  }

  const resize = () => { space.style.height = `${Math.max(heights.total, unit)}px`; };
  const soon = () => { frame ||= requestAnimationFrame(draw); };

  function draw(): void {
    frame = 0;
    take();
    resize();
    if (atEnd) log.scrollTop = log.scrollHeight;
    let first = heights.at(Math.max(0, log.scrollTop)), last = heights.at(log.scrollTop + log.clientHeight);
    first = Math.max(0, first - margin);
    last = Math.min(lines.length, last + 1 + margin);
    const now = `${first} ${last} ${lines.length ? lines[first]!.time : ""} ${find?.source ?? ""} ${current}`;
    if (now !== drawn) {
      drawn = now;
      rows.style.transform = `translateY(${heights.before(first)}px)`;
      rows.replaceChildren(...lines.slice(first, last).map((line, i) => element(line, first + i)));
      if (!lines.length) rows.append(Object.assign(document.createElement("p"), { className: "none", textContent: empty || "No lines yet." }));
      if (wrapped) correct(first);
    }
    newest.hidden = atEnd;
  }

  // What came out higher or lower than it was thought to.
  function correct(first: number): void {
    let changed = false;
    const all = [...rows.children].map((row) => row.getBoundingClientRect().height);
    if (lines.length) all.forEach((height, i) => {
      if (Math.abs(height - heights.of(first + i)) > 0.5) { heights.set(first + i, height); changed = true; }
    });
    if (!changed) return;
    resize();
    if (atEnd) { log.scrollTop = log.scrollHeight; drawn = ""; soon(); }
  }

  function element(line: Line, i: number): HTMLElement {
    const row = document.createElement("p");
    row.className = line.note ? "none" : [line.stderr ? "stderr" : "", found[current] === i ? "current" : ""].filter(Boolean).join(" ");
    if (line.time) row.append(Object.assign(document.createElement("time"), { textContent: line.time }));
    if (line.who) row.append(Object.assign(document.createElement("em"), { textContent: line.who }));
    const whole = line.full || line.text.length <= widest;
    const parts = whole ? runs(line.text) : cut(runs(line.text.slice(0, widest * 2)), widest);
    for (const part of marked(parts, find)) {
      const span = document.createElement(part.kind.endsWith("hit") ? "mark" : "span");
      span.textContent = part.text;
      if (part.kind) span.className = part.kind;
      row.append(span);
    }
    if (!whole) {
      const more = Object.assign(document.createElement("button"), { className: "more", type: "button", textContent: `Show all ${line.text.length.toLocaleString("en")} characters` });
      more.addEventListener("click", () => { line.full = true; heights.set(i, guess(line)); drawn = ""; soon(); });
      row.append(" … ", more);
    }
    if (!row.childNodes.length || !line.text) row.append("\u200b");
    return row;
  }

  // Lines are taken once a frame, however many have come.
  function take(): void {
    if (!come.length) return;
    const fresh = come;
    come = [];
    if (paused) {
      waiting = waiting.concat(fresh).slice(-most);
      label();
      return;
    }
    add(fresh);
  }

  function add(fresh: Line[]): void {
    for (const line of fresh) {
      if (find && matches(line)) found.push(lines.length);
      lines.push(line);
      heights.push(guess(line));
    }
    unsaid += fresh.length;
    if (lines.length > most + most / 10) {
      const gone = lines.length - most, before = heights.before(gone);
      lines = lines.slice(gone);
      found = found.filter((i) => i >= gone).map((i) => i - gone);
      current = -1;
      const kept = new Heights();
      for (let i = 0; i < lines.length; i++) kept.push(heights.of(gone + i));
      heights = kept;
      if (!atEnd) log.scrollTop -= before;
      drawn = "";
    }
    if (find) tell();
  }

  function label(): void {
    pause.setAttribute("aria-pressed", String(paused));
    pause.querySelector("span")!.textContent = !paused ? "Pause" : waiting.length ? `Go on (${waiting.length.toLocaleString("en")} new)` : "Go on";
  }

  const matches = (line: Line): boolean => { find!.lastIndex = 0; return find!.test(plain(line.text)); };
  function tell(): void {
    count.textContent = !find ? "" : !found.length ? "not found" : `${current >= 0 ? (current + 1).toLocaleString("en") + " of " : ""}${found.length.toLocaleString("en")} ${found.length === 1 ? "line" : "lines"}`;
    for (const name of ["previous", "next"]) button(name).disabled = !found.length;
  }

  function search(): void {
    find = pattern(query.value);
    found = [];
    current = -1;
    if (find) lines.forEach((line, i) => { if (matches(line)) found.push(i); });
    drawn = "";
    tell();
    if (found.length) {
      const here = heights.at(log.scrollTop);
      const at = atEnd ? found.length - 1 : found.findIndex((i) => i >= here);
      go(at < 0 ? found.length - 1 : at);
    } else soon();
  }

  function go(to: number): void {
    if (!found.length) return;
    current = (to + found.length) % found.length;
    tell();
    jump(found[current]!);
  }

  function jump(i: number): void {
    atEnd = false;
    resize();
    log.scrollTop = Math.max(0, heights.before(i) - log.clientHeight / 3);
    drawn = "";
    soon();
  }

  const step = (by: number) => go(current < 0 ? (by > 0 ? 0 : -1) : current + by);

  let typing = 0;
  query.addEventListener("input", () => { clearTimeout(typing); typing = window.setTimeout(search, 120); });
  query.addEventListener("keydown", (event) => {
    if (event.key === "Enter") { event.preventDefault(); step(event.shiftKey ? -1 : 1); }
    if (event.key === "Escape" && query.value) { event.preventDefault(); query.value = ""; search(); }
  });
  button("next").addEventListener("click", () => step(1));
  button("previous").addEventListener("click", () => step(-1));
  pause.addEventListener("click", () => {
    paused = !paused;
    if (!paused) { add(waiting); waiting = []; soon(); }
    label();
  });
  wrap.addEventListener("click", () => {
    wrapped = !wrapped;
    try { localStorage.setItem("log-wrap", wrapped ? "yes" : "no"); } catch { /* likewise */ }
    layout();
  });
  button("error").addEventListener("click", () => {
    const i = lines.findIndex((line) => !line.note && isError(plain(line.text)));
    if (i < 0) { say("No line tells of an error."); return; }
    say(`Line ${(i + 1).toLocaleString("en")} tells of an error.`);
    if (!query.value) { find = null; found = [i]; current = 0; }
    jump(i);
  });
  newest.addEventListener("click", () => { atEnd = true; soon(); log.focus(); });
  log.addEventListener("keydown", (event) => {
    if (event.target !== log || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "/") { event.preventDefault(); query.focus(); }
    if (event.key === "End") { event.preventDefault(); atEnd = true; soon(); }
  });
  let height = 0;
  log.addEventListener("scroll", () => {
    // What grew below has not been scrolled away from.
    if (log.scrollHeight === height || log.scrollHeight - log.scrollTop - log.clientHeight < 30) atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 30;
    height = log.scrollHeight;
    soon();
  }, { passive: true });
  let width = log.clientWidth;
  new ResizeObserver(() => { if (log.clientWidth !== width) { width = log.clientWidth; measure(); } else { drawn = ""; soon(); } }).observe(log);

  // Whoever does not see the log hears now and then how much has come.
  const say = (text: string) => { said.textContent = text; };
  setInterval(() => {
    if (unsaid) say(unsaid === 1 ? "1 new line" : `${unsaid.toLocaleString("en")} new lines`);
    unsaid = 0;
  }, 10_000);

  const put = (line: Line) => { come.push(line); soon(); };

  // A deployment's log goes on where the page ends, and after a break where it stood.
  if (log.hasAttribute("data-build")) {
    on<{ line: string }>("log", ({ line }) => {
      const at = line.indexOf(" ");
      put({ time: line.slice(11, 19), who: "", text: line.slice(at + 1), stderr: false });
    });
  } else if (!log.hasAttribute("data-tail")) pause.hidden = true;

  // An app's log starts anew with each connection: what is there already is passed over.
  const state = document.getElementById("log-state");
  if (log.hasAttribute("data-tail") && state) {
    const mark = (text: string, colour: string) => { state.textContent = text; state.className = "state only-script " + colour; };
    let first = true, seen = new Map<string, string>();
    const last = new Map<string, string>();
    on("open", () => {
      if (first) { lines = []; found = []; heights = new Heights(); atEnd = true; drawn = ""; soon(); }
      first = false;
      seen = new Map(last);
      mark("Live", "ok");
    });
    on<{ at: string; replica: string; text: string; stream: string }>("line", (line) => {
      if (line.at <= (seen.get(line.replica) ?? "")) return;
      if (line.at > (last.get(line.replica) ?? "")) last.set(line.replica, line.at);
      put({ time: line.at.slice(11, 19), who: line.replica, text: line.text, stderr: line.stream === "stderr" });
    });
    on<{ message: string }>("refused", (why) => mark(why.message, "warn"));
  }

  label();
  tell();
  measure();
}

// The lines that the server has written into the page; their colours become sequences again.
function read(log: HTMLElement): Line[] {
  return [...log.children].filter((row) => !row.matches(".none:only-child")).map((row) => {
    const line: Line = { time: row.querySelector("time")?.textContent ?? "", who: row.querySelector("em")?.textContent ?? "", text: "", stderr: row.classList.contains("stderr") };
    if (row.classList.contains("none")) return { ...line, text: row.textContent ?? "", note: true };
    for (const span of row.querySelectorAll("span")) {
      const codes = [...span.classList].map((name) => name[0] === "c" ? "3" + name.slice(1) : name.slice(1));
      line.text += codes.length ? `\x1b[${codes.join(";")}m${span.textContent}\x1b[0m` : span.textContent;
    }
    return line;
  });
}
