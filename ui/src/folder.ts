// A folder that a person chose or dropped is packed here, as a tar of the files themselves: nothing is read ahead.
const unwanted = new Set([".git", "node_modules", ".DS_Store", ".hg", ".svn"]);
const wanted = (path: string) => !path.split("/").some((part) => unwanted.has(part));

export interface Named { path: string; file: File }

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

export function tarOf(files: Named[]): Blob {
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

export const sendable = (files: Named[]) => files.filter((one) => wanted(one.path));

// What a field for folders holds.
export const chosen = (field: HTMLInputElement): Named[] => [...(field.files ?? [])].map((one) => ({ path: one.webkitRelativePath, file: one }));

// One file that is sent as it is, or the files of folders. A site of one page is a folder with one file.
export async function dropped(data: DataTransfer): Promise<{ file?: File; files: Named[] }> {
  const entries = [...data.items].map((item) => item.webkitGetAsEntry()).filter((entry) => entry !== null);
  const only = data.files[0];
  if (entries.length === 1 && entries[0]!.isFile && only && !/\.html?$/i.test(only.name)) return { file: only, files: [] };
  const files: Named[] = [];
  for (const entry of entries) await filesIn(entry, files);
  return { files };
}

export function dropping(card: HTMLElement, take: (data: DataTransfer) => void): void {
  card.addEventListener("dragover", (event) => { event.preventDefault(); card.classList.add("drop"); });
  card.addEventListener("dragleave", (event) => { if (!card.contains(event.relatedTarget as Node | null)) card.classList.remove("drop"); });
  card.addEventListener("drop", (event) => {
    event.preventDefault();
    card.classList.remove("drop");
    if (event.dataTransfer) take(event.dataTransfer);
  });
}
