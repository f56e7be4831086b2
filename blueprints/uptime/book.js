// The book holds a line for each check of the last 30 days, a file for each day.
import { appendFile, mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";

const day = 86_400_000;
const kept = 30;
const name = (at) => `${new Date(at).toISOString().slice(0, 10)}.jsonl`;

export class Book {
  static async open(folder) {
    const book = new Book();
    book.folder = folder;
    book.checks = [];
    await mkdir(folder, { recursive: true });
    for (const file of (await readdir(folder)).filter((f) => f.endsWith(".jsonl")).sort()) {
      for (const line of (await readFile(join(folder, file), "utf8")).split("\n")) {
        try {
          book.checks.push(JSON.parse(line));
        } catch {
          // Empty, or cut off when the server lost its power.
        }
      }
    }
    return book;
  }

  // write adds checks and forgets those that are too old.
  async write(checks) {
    if (checks.length === 0) return;
    this.checks.push(...checks);
    const oldest = Date.now() - kept * day;
    while (this.checks.length > 0 && this.checks[0].at < oldest) this.checks.shift();
    await appendFile(join(this.folder, name(Date.now())), checks.map((c) => `${JSON.stringify(c)}\n`).join(""));
    for (const file of await readdir(this.folder)) {
      if (file.endsWith(".jsonl") && file < name(oldest)) await rm(join(this.folder, file), { force: true });
    }
  }

  // report says of each address how it is, and how it was in the last day and month.
  report(urls) {
    return urls.map((url) => {
      const checks = this.checks.filter((c) => c.url === url);
      const last = checks.at(-1);
      return {
        url,
        up: last?.up ?? null,
        said: last?.said ?? "not asked yet",
        at: last ? new Date(last.at).toISOString() : null,
        took: last?.took ?? null,
        day: share(checks.filter((c) => c.at > Date.now() - day)),
        month: share(checks),
        hours: hours(checks),
      };
    });
  }
}

// share is the part of the checks that were good, in percent.
function share(checks) {
  return checks.length === 0 ? null : Math.floor((checks.filter((c) => c.up).length / checks.length) * 10_000) / 100;
}

// hours are the shares of the last 48, the oldest first.
function hours(checks) {
  const now = Date.now();
  const each = Array.from({ length: 48 }, () => []);
  for (const c of checks) {
    const ago = Math.floor((now - c.at) / 3_600_000);
    if (ago >= 0 && ago < 48) each[47 - ago].push(c);
  }
  return each.map(share);
}
