// One stream of events a tab. The server says "change" when something that the page shows has changed;
// then the page is asked for again, and every element with data-live and an id takes its new content.
// The server escapes; nothing is built out of strings here. Other events (a line of a log, say) are
// handed on by bus.ts to whoever wants them; the body names them in data-events.
import { Idiomorph } from "idiomorph";

const soonest = 400; // ms between two refreshes
const first = 2000, longest = 60_000; // ms until what could not be asked for is asked for again
let patience = first;
let refreshing = false, again = false, stale = false, signedIn = true, doubt = false;
let listen = () => {};

document.addEventListener("refresh", () => void refresh());

async function refresh(): Promise<void> {
  if (document.hidden) { stale = true; return; }
  if (refreshing) { again = true; return; }
  refreshing = true;
  try {
    do {
      again = false;
      await once();
      await new Promise((done) => setTimeout(done, soonest));
    } while (again);
  } catch { // a lost connection; the stream may not have noticed
    setTimeout(() => void refresh(), patience);
    patience = Math.min(2 * patience, longest);
  } finally {
    refreshing = false;
  }
}

async function once(): Promise<void> {
  const parts = [...document.querySelectorAll("[data-live][id]")];
  if (!parts.length && !doubt) return;
  const url = new URL(location.href);
  url.searchParams.set("part", "live");
  url.searchParams.delete("done");
  const answer = await fetch(url, { credentials: "same-origin" });
  if (answer.status === 401) { signedOut(); return; }
  if (answer.status >= 500) throw new Error("not now");
  patience = first;
  if (!answer.ok) return;
  doubt = false;
  if (!signedIn) signedInAgain();
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const old of parts) {
    const fresh = page.getElementById(old.id);
    if (fresh) morph(old, fresh);
  }
  document.dispatchEvent(new Event("refreshed"));
}

// The page that comes instead says so and asks to sign in; what was typed here would be lost with this one.
function signedOut(): void {
  signedIn = false;
  doubt = true;
  if (!typed()) { location.replace("/login?done=over&next=" + encodeURIComponent(location.pathname + location.search)); return; }
  const banner = document.getElementById("connection");
  if (!banner) return;
  former ??= [...banner.childNodes];
  const link = Object.assign(document.createElement("a"), { className: "link", href: "/login", target: "_blank", textContent: "Sign in in another tab" });
  const text = document.createElement("span");
  text.append("Your session has ended. ", link, ", and go on here.");
  banner.replaceChildren(text);
  banner.hidden = false;
}

let former: ChildNode[] | undefined; // what the banner says else

function signedInAgain(): void {
  signedIn = true;
  const banner = document.getElementById("connection");
  if (banner && former) { banner.hidden = true; banner.replaceChildren(...former); }
  listen();
}

function typed(): boolean {
  return [...document.querySelectorAll<HTMLInputElement | HTMLTextAreaElement>("main form :is(input, textarea)")]
    .some((field) => field.type !== "hidden" && (field.type === "file" ? field.value !== "" : field.value !== field.defaultValue));
}

// What a person has opened, is typing or is about to press stays as it is.
function morph(old: Element, fresh: Element): void {
  Idiomorph.morph(old, fresh, {
    ignoreActiveValue: true,
    callbacks: {
      beforeNodeMorphed: (node: Node) => !(node instanceof Element && node.hasAttribute("data-keep")),
      beforeAttributeUpdated: (name: string, node: Node) => !(name === "open" && (node instanceof HTMLDetailsElement || node instanceof HTMLDialogElement)),
    },
  });
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden || !stale && signedIn) return; // in another tab one may have signed in again
  stale = false;
  void refresh();
});

// EventSource comes back by itself after a lost connection, but not after an answer such as 503, which is
// given while the control plane restarts. What was missed meanwhile the page is asked for.
export function connect(): void {
  const address = document.body.dataset.stream;
  if (!address) return;
  const banner = document.getElementById("connection");
  let last = "", lost = 0;
  const open = () => {
    const url = new URL(address, location.href);
    if (last) url.searchParams.set("from", last);
    const source = new EventSource(url);
    const tell = (name: string, data: unknown, id: string) => document.dispatchEvent(new CustomEvent("stream:" + name, { detail: { data, id } }));
    source.addEventListener("open", () => {
      if (lost) { clearTimeout(lost); lost = 0; void refresh(); }
      if (banner) banner.hidden = true;
      tell("open", null, last);
    });
    source.addEventListener("change", () => void refresh());
    source.addEventListener("done", () => { source.close(); void refresh(); });
    for (const name of (document.body.dataset.events ?? "").split(" ").filter(Boolean)) {
      source.addEventListener(name, (event) => {
        if (event.lastEventId) last = event.lastEventId;
        tell(name, JSON.parse(event.data as string), event.lastEventId);
      });
    }
    source.addEventListener("error", (event) => {
      if (event instanceof MessageEvent && event.data) { // said by the server: it will not go on
        source.close();
        const why = JSON.parse(event.data as string) as { status?: number };
        tell("refused", why, last);
        if (why.status === 401) signedOut();
        return;
      }
      lost ||= window.setTimeout(() => { if (banner) banner.hidden = false; }, 2000);
      if (source.readyState !== EventSource.CLOSED) return;
      doubt = true;
      void refresh(); // tells whether one is still signed in
      setTimeout(() => { if (signedIn) open(); }, 3000);
    });
  };
  listen = open;
  // Modules of the page begin to listen first.
  if (document.readyState === "complete") open();
  else addEventListener("load", open);
}
