// How the modules of a page hear of the tab's one stream of events (live.ts) and ask for the page anew.
// Modules are bundled one by one, so they share nothing but the document.

/** Takes each event of that name. "open" comes whenever the stream has (again) a connection, "refused" when
 * the server ends it for good with a reason. Other names stand in the body's data-events. */
export function on<T>(name: string, take: (data: T, id: string) => void): void {
  document.addEventListener("stream:" + name, (event) => {
    const { data, id } = (event as CustomEvent<{ data: T; id: string }>).detail;
    take(data, id);
  });
}

/** Asks for the page's live parts anew. */
export const refresh = (): boolean => document.dispatchEvent(new Event("refresh"));
