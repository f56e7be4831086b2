// Uploads: the file goes to the API, which takes it as it is, so that the page can show how far
// it is. A folder is packed here, as a tar of the files themselves: nothing is read ahead.
const unwanted = new Set([".git", "node_modules", ".DS_Store", ".hg", ".svn"]);
const wanted = (path: string) => !path.split("/").some((part) => unwanted.has(part));

interface Named { path: string; file: File }

function tarHeader(name: string, size: number, kind: string): Uint8Array {
  const head = new Uint8Array(512), text = new TextEncoder();
  const put = (at: number, value: string) => head.set(text.encode(value), at);
  const octal = (n: number, digits: number) => n.toString(8).padStart(digits, "0");
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
function longName(name: string): Uint8Array[] {
  const rest = new TextEncoder().encode(" path=" + name + "\n").length;
  let length = rest + 1;
  while (String(length).length + rest !== length) length = String(length).length + rest;
  const record = new TextEncoder().encode(length + " path=" + name + "\n");
  return [tarHeader("name", record.length, "x"), record, padding(record.length)];
}

const padding = (size: number) => new Uint8Array((512 - (size % 512)) % 512);

function tarOf(files: Named[]): Blob {
  const parts: BlobPart[] = [];
  for (const { path, file } of files) {
    if (new TextEncoder().encode(path).length > 100) parts.push(...(longName(path) as BlobPart[]));
    parts.push(tarHeader(path, file.size, "0") as BlobPart, file, padding(file.size) as BlobPart);
  }
  return new Blob([...parts, new Uint8Array(1024)]);
}

// What was dropped: the entries must be asked for before the event is over.
async function filesIn(entry: FileSystemEntry, into: Named[]): Promise<void> {
  if (!wanted(entry.name)) return;
  if (entry.isFile) {
    const file = await new Promise<File>((done, failed) => (entry as FileSystemFileEntry).file(done, failed));
    into.push({ path: entry.fullPath.slice(1), file });
    return;
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((done, failed) => reader.readEntries(done, failed));
    if (!some.length) return;
    for (const inner of some) await filesIn(inner, into);
  }
}

const megabytes = (n: number) => (n / 1048576).toFixed(1) + " MB";

function prepare(form: HTMLFormElement): void {
  const bar = form.querySelector("progress")!, status = form.querySelector<HTMLElement>("[role=status]")!;
  const single = form.querySelector<HTMLInputElement>("input[name=file]")!;
  const folder = form.querySelector<HTMLInputElement>("input[webkitdirectory]");
  const fields = form.querySelector("fieldset")!, card = form.closest<HTMLElement>(".card") ?? form;
  const target = form.dataset.upload!;
  const say = (text: string, bad = false) => { status.textContent = text; status.className = bad ? "small warn" : "small"; };

  function fail(why: string): void {
    bar.hidden = true;
    fields.disabled = false;
    say(why, true);
  }

  function send(name: string, blob: Blob): void {
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
      let answer: { message?: string; hint?: string; deployment?: { number: number } } = {};
      try { answer = JSON.parse(request.responseText); } catch { /* said below */ }
      if (request.status === 202 && answer.deployment) {
        location.href = target.replace(/^\/api\/v1(\/apps\/[^/]+)\/.*$/, "$1/deployments/") + answer.deployment.number;
        return;
      }
      if (request.status === 401) { location.reload(); return; }
      fail(answer.message ? answer.message + " " + (answer.hint ?? "") : "The server answered " + request.status + ". Try again.");
    });
    request.addEventListener("error", () => fail("The connection broke off. Nothing was deployed; send it again."));
    request.open("POST", target + "?name=" + encodeURIComponent(name));
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.send(blob);
  }

  function sendFiles(files: Named[]): void {
    files = files.filter((one) => wanted(one.path));
    const first = files[0];
    if (!first) { fail("The folder has no files to send."); return; }
    send(first.path.split("/")[0] ?? first.path, tarOf(files));
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const file = single.files?.[0];
    if (folder?.files?.length) sendFiles([...folder.files].map((one) => ({ path: one.webkitRelativePath, file: one })));
    else if (file) send(file.name, file);
  });
  if (!folder) return;

  // One of the two is chosen.
  folder.addEventListener("change", () => { single.value = ""; single.required = !folder.files?.length; });
  single.addEventListener("change", () => { folder.value = ""; single.required = true; });

  card.addEventListener("dragover", (event) => { event.preventDefault(); card.classList.add("drop"); });
  card.addEventListener("dragleave", (event) => { if (!card.contains(event.relatedTarget as Node | null)) card.classList.remove("drop"); });
  card.addEventListener("drop", async (event) => {
    event.preventDefault();
    card.classList.remove("drop");
    if (fields.disabled || !event.dataTransfer) return;
    const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry()).filter((entry) => entry !== null);
    const only = event.dataTransfer.files[0];
    const page = only && /\.html?$/i.test(only.name); // a site of one page is a folder with one file
    if (entries.length === 1 && entries[0]!.isFile && only && !page) { send(only.name, only); return; }
    try {
      const files: Named[] = [];
      for (const entry of entries) await filesIn(entry, files);
      sendFiles(files);
    } catch { fail("The folder cannot be read. Choose it with the button instead."); }
  });
}

for (const form of document.querySelectorAll<HTMLFormElement>("form[data-upload]")) prepare(form);
