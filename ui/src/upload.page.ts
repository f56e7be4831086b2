// Uploads: the file goes to the API, which takes it as it is, so that the page can show how far
// it is.
import { chosen, dropped, dropping, sendable, tarOf, type Named } from "./folder";

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
    files = sendable(files);
    const first = files[0];
    if (!first) { fail("The folder has no files to send."); return; }
    send(first.path.split("/")[0] ?? first.path, tarOf(files));
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const file = single.files?.[0];
    if (folder?.files?.length) sendFiles(chosen(folder));
    else if (file) send(file.name, file);
  });
  if (!folder) return;

  // One of the two is chosen.
  folder.addEventListener("change", () => { single.value = ""; single.required = !folder.files?.length; });
  single.addEventListener("change", () => { folder.value = ""; single.required = true; });

  dropping(card, async (data) => {
    if (fields.disabled) return;
    try {
      const { file, files } = await dropped(data);
      if (file) send(file.name, file);
      else sendFiles(files);
    } catch { fail("The folder cannot be read. Choose it with the button instead."); }
  });
}

for (const form of document.querySelectorAll<HTMLFormElement>("form[data-upload]")) prepare(form);
