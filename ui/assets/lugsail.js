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

// Uploads: the file goes to the API, which takes it as it is, so that the page can show how far
// it is. A folder is packed here, as a tar of the files themselves: nothing is read ahead.
const unwanted = new Set([".git", "node_modules", ".DS_Store", ".hg", ".svn"]);
const wanted = (path) => !path.split("/").some((part) => unwanted.has(part));

function tarHeader(name, size, kind) {
  const head = new Uint8Array(512), text = new TextEncoder();
  const put = (at, value) => head.set(text.encode(value), at);
  const octal = (n, digits) => n.toString(8).padStart(digits, "0");
  // A browser does not tell what is a program; what has no ending or is a shell script may be one.
  const runs = kind === "0" && /(^|\/)[^./]+$|\.sh$/.test(name);
  head.set(text.encode(name).slice(0, 100), 0);
  put(100, octal(runs ? 0o755 : 0o644, 7));
  put(108, octal(0, 7)); put(116, octal(0, 7)); put(124, octal(size, 11)); put(136, octal(0, 11));
  put(148, "        "); put(156, kind); put(257, "ustar"); put(263, "00");
  put(148, octal(head.reduce((sum, byte) => sum + byte, 0), 6) + "\0 ");
  return head;
}

// A name that does not fit goes into a record of its own before the file (POSIX pax).
function longName(name) {
  const rest = new TextEncoder().encode(" path=" + name + "\n").length;
  let length = rest + 1;
  while (String(length).length + rest !== length) length = String(length).length + rest;
  const record = new TextEncoder().encode(length + " path=" + name + "\n");
  return [tarHeader("name", record.length, "x"), record, new Uint8Array((512 - record.length % 512) % 512)];
}

function tarOf(files) {
  const parts = [];
  for (const { path, file } of files) {
    if (new TextEncoder().encode(path).length > 100) parts.push(...longName(path));
    parts.push(tarHeader(path, file.size, "0"), file, new Uint8Array((512 - file.size % 512) % 512));
  }
  return new Blob([...parts, new Uint8Array(1024)]);
}

// What was dropped: the entries must be asked for before the event is over.
async function filesIn(entry, into) {
  if (!wanted(entry.name)) return;
  if (entry.isFile) {
    const file = await new Promise((done, failed) => entry.file(done, failed));
    into.push({ path: entry.fullPath.slice(1), file });
    return;
  }
  const reader = entry.createReader();
  for (;;) {
    const some = await new Promise((done, failed) => reader.readEntries(done, failed));
    if (!some.length) return;
    for (const inner of some) await filesIn(inner, into);
  }
}

for (const form of document.querySelectorAll("form[data-upload]")) {
  const bar = form.querySelector("progress"), status = form.querySelector("[role=status]");
  const single = form.querySelector("input[name=file]"), folder = form.querySelector("input[webkitdirectory]");
  const fields = form.querySelector("fieldset"), card = form.closest(".card");
  const say = (text, bad) => { status.textContent = text; status.className = bad ? "small warn" : "small"; };
  const megabytes = (n) => (n / 1048576).toFixed(1) + " MB";

  function fail(why) {
    bar.hidden = true;
    fields.disabled = false;
    say(why, true);
  }

  function send(name, blob) {
    const request = new XMLHttpRequest();
    fields.disabled = true;
    bar.hidden = false;
    bar.value = 0;
    say("Sending " + name);
    request.upload.addEventListener("progress", (event) => {
      bar.value = event.total ? event.loaded / event.total : 0;
      say(event.loaded < event.total ? megabytes(event.loaded) + " of " + megabytes(event.total) : "The server unpacks it…");
    });
    request.addEventListener("load", () => {
      let answer = {};
      try { answer = JSON.parse(request.responseText); } catch { /* said below */ }
      if (request.status === 202) { location.href = form.dataset.upload.replace(/^\/api\/v1(\/apps\/[^/]+)\/.*$/, "$1/deployments/") + answer.deployment.number; return; }
      if (request.status === 401) { location.reload(); return; }
      fail(answer.message ? answer.message + " " + (answer.hint || "") : "The server answered " + request.status + ". Try again.");
    });
    request.addEventListener("error", () => fail("The connection broke off. Nothing was deployed; send it again."));
    request.open("POST", form.dataset.upload + "?name=" + encodeURIComponent(name));
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.send(blob);
  }

  function sendFiles(files) {
    files = files.filter((one) => wanted(one.path));
    if (!files.length) { fail("The folder has no files to send."); return; }
    send(files[0].path.split("/")[0], tarOf(files));
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (folder && folder.files.length) sendFiles([...folder.files].map((file) => ({ path: file.webkitRelativePath, file })));
    else if (single.files.length) send(single.files[0].name, single.files[0]);
  });
  if (!folder) continue;

  // One of the two is chosen.
  folder.addEventListener("change", () => { single.value = ""; single.required = !folder.files.length; });
  single.addEventListener("change", () => { folder.value = ""; single.required = true; });

  card.addEventListener("dragover", (event) => { event.preventDefault(); card.classList.add("drop"); });
  card.addEventListener("dragleave", (event) => { if (!card.contains(event.relatedTarget)) card.classList.remove("drop"); });
  card.addEventListener("drop", async (event) => {
    event.preventDefault();
    card.classList.remove("drop");
    if (fields.disabled) return;
    const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry && item.webkitGetAsEntry()).filter(Boolean);
    const only = event.dataTransfer.files[0];
    const page = only && /\.html?$/i.test(only.name); // a site of one page is a folder with one file
    if (entries.length === 1 && entries[0].isFile && only && !page) { send(only.name, only); return; }
    try {
      const files = [];
      for (const entry of entries) await filesIn(entry, files);
      sendFiles(files);
    } catch { fail("The folder cannot be read. Choose it with the button instead."); }
  });
}
