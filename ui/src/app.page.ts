// The page of a new app: styles of its choices come with it; the name is looked at by htmx.
import "./style/app.css";
import { chosen, dropped, dropping, sendable, tarOf, type Named } from "./folder";

// A new app's folder: packed, it goes with the form as the archive that the person would have made.
const way = document.querySelector<HTMLElement>("[data-folder]");
const single = way?.querySelector<HTMLInputElement>("input[name=file]");
const folder = way?.querySelector<HTMLInputElement>("input[webkitdirectory]");
const said = way?.querySelector<HTMLElement>("[role=status]");

function pack(files: Named[]): void {
  files = sendable(files);
  const name = files[0]?.path.split("/")[0];
  if (!name) { say("The folder has no files to send.", true); return; }
  put(new File([tarOf(files)], name + ".tar"));
  say(name + ": " + files.length + (files.length === 1 ? " file" : " files"));
}

function put(file: File): void {
  const data = new DataTransfer();
  data.items.add(file);
  single!.files = data.files;
  folder!.value = "";
  say(file.name);
  const upload = document.querySelector<HTMLInputElement>("input[name=start][value=upload]");
  if (upload) upload.checked = true;
}

function say(text: string, bad = false): void {
  said!.textContent = text;
  said!.className = bad ? "small warn" : "small";
}

if (way && single && folder && said) {
  folder.addEventListener("change", () => { if (folder.files?.length) pack(chosen(folder)); });
  single.addEventListener("change", () => say(""));
  dropping(way, async (data) => {
    try {
      const { file, files } = await dropped(data);
      if (file) put(file);
      else pack(files);
    } catch { say("The folder cannot be read. Choose it with the button instead.", true); }
  });
}
