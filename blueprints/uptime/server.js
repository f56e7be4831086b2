// Watches addresses and shows how they do.
import { createServer } from "node:http";
import { Book } from "./book.js";
import { page } from "./page.js";

const { PORT = "3000", TITLE = "Status", URLS = "", DATA = "/data" } = process.env;
const every = 60_000;
const urls = [...new Set(URLS.split(/\s+/).filter((url) => URL.canParse(url)))];
const book = await Book.open(DATA);

// check asks one address. Whatever is no error of the server's counts as up: a page that wants a password is there.
async function check(url) {
  const began = performance.now();
  let up = false;
  let said;
  try {
    const answer = await fetch(url, { redirect: "follow", signal: AbortSignal.timeout(20_000), headers: { "User-Agent": "uptime-page" } });
    await answer.body?.cancel();
    up = answer.status < 500;
    said = `${answer.status} ${answer.statusText}`.trim();
  } catch (error) {
    said = error.name === "TimeoutError" ? "no answer within 20 seconds" : (error.cause?.code ?? error.message);
  }
  return { url, at: Date.now(), up, said, took: Math.round(performance.now() - began) };
}

async function round() {
  await book.write(await Promise.all(urls.map(check)));
}

const server = createServer((request, response) => {
  const { pathname } = new URL(request.url, "http://localhost");
  const answer = (status, type, body) => {
    response.writeHead(status, { "Content-Type": type, "Cache-Control": "no-store", "X-Content-Type-Options": "nosniff" });
    response.end(body);
  };
  switch (pathname) {
    case "/health":
      return answer(200, "text/plain; charset=utf-8", "ok\n");
    case "/":
      return answer(200, "text/html; charset=utf-8", page(TITLE, book.report(urls)));
    case "/status.json":
      return answer(200, "application/json", JSON.stringify(book.report(urls)));
  }
  answer(404, "text/plain; charset=utf-8", "There is nothing here.\n");
});

server.listen(Number(PORT), () => console.log(`watching ${urls.length} addresses, listening on port ${PORT}`));
const clock = setInterval(() => round().catch((error) => console.error("writing down:", error.message)), every);
process.on("SIGTERM", () => {
  clearInterval(clock);
  server.close();
});
await round().catch((error) => console.error("writing down:", error.message));
