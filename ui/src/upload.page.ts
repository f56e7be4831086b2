// Forms with a file, marked data-upload: the script sends them as they are, so that the page can show how far
// that is. A folder, chosen or dropped, is packed and put into the field as the archive that a person would have made.
import { chosen, dropped, dropping, sendable, tarOf, type Named } from "./folder";

const megabytes = (n: number) => (n / 1048576).toFixed(1) + " MB";

interface Answer { to?: string; message?: string; hint?: string }

function prepare(form: HTMLFormElement): void {
  const bar = form.querySelector("progress")!, said = form.querySelector<HTMLElement>("[data-said]")!;
  const single = form.querySelector<HTMLInputElement>("input[name=file]")!;
  const folder = form.querySelector<HTMLInputElement>("input[webkitdirectory]");
  const ways = form.querySelectorAll<HTMLInputElement>("input[name=start]"); // of a new app: how its code comes
  const sending = () => !bar.hidden;
  const say = (text: string, bad = false) => { said.textContent = text; said.className = bad ? "small warn" : "small"; };

  function fail(...why: (string | Node)[]): void {
    bar.hidden = true;
    form.removeAttribute("aria-busy");
    say("", true);
    said.append(...why);
  }

  function send(data: FormData): void {
    const request = new XMLHttpRequest();
    form.setAttribute("aria-busy", "true");
    bar.hidden = false;
    bar.value = 0;
    say("Sending…");
    bar.scrollIntoView({ block: "nearest" });
    request.upload.addEventListener("progress", (event) => {
      bar.value = event.total ? event.loaded / event.total : 0;
      say(event.loaded < event.total ? megabytes(event.loaded) + " of " + megabytes(event.total) : "All is sent. The server looks at it…");
    });
    request.addEventListener("load", () => {
      let answer: Answer = {};
      try { answer = JSON.parse(request.responseText) as Answer; } catch { /* said below */ }
      if (answer.to) { location.href = answer.to; return; }
      if (request.status === 401) { fail("Your session has ended. ", signIn(), ", then send it again here."); return; }
      fail(answer.message ? answer.message + " " + (answer.hint ?? "") : "The server answered " + request.status + ". Try again.");
    });
    request.addEventListener("error", () => fail("The connection broke off, or the file was changed meanwhile. Send it again."));
    request.open("POST", form.action);
    request.setRequestHeader("Accept", "application/json");
    request.send(data);
  }

  form.addEventListener("submit", (event) => {
    if (sending()) { event.preventDefault(); return; }
    const way = [...ways].find((one) => one.checked);
    if (way && way.value !== "upload") single.value = ""; // it would be sent for nothing
    const file = single.files?.[0];
    if (!file) return;
    event.preventDefault();
    const data = new FormData(form);
    data.delete("file");
    data.append("file", file); // behind all fields: the server reads them first
    send(data);
  });

  function put(file: File, text: string): void {
    const data = new DataTransfer();
    data.items.add(file);
    single.files = data.files;
    if (folder) folder.value = "";
    for (const way of ways) way.checked = way.value === "upload";
    say(text);
  }

  function pack(files: Named[]): boolean {
    files = sendable(files);
    const name = files[0]?.path.split("/")[0];
    if (!name) { say("The folder has no files to send.", true); return false; }
    put(new File([tarOf(files)], files.length === 1 && files[0]!.path === name ? name + ".tar" : name), name + ": " + files.length + (files.length === 1 ? " file" : " files"));
    return true;
  }

  single.addEventListener("change", () => say(""));
  if (!folder) return;
  folder.addEventListener("change", () => { if (folder.files?.length) pack(chosen(folder)); });
  dropping(form.querySelector<HTMLElement>("[data-drop]") ?? form.closest<HTMLElement>(".card") ?? form, async (data) => {
    if (sending() || folder.matches(":disabled")) return;
    try {
      const { file, files } = await dropped(data);
      if (file) put(file, file.name);
      else if (!pack(files)) return;
      if (!ways.length) form.requestSubmit();
    } catch { say("The folder cannot be read. Choose it with the button instead.", true); }
  });
}

function signIn(): Node {
  return Object.assign(document.createElement("a"), { className: "link", href: "/login", target: "_blank", textContent: "Sign in in another tab" });
}

for (const form of document.querySelectorAll<HTMLFormElement>("form[data-upload]")) prepare(form);
