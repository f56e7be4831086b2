// For pages whose fields are looked at while somebody types, and the palette (palette.ts) at its first use.
import htmx from "htmx.org";

// Nothing of htmx that would want an inline script or style.
htmx.config.allowEval = false;
htmx.config.includeIndicatorStyles = false;
htmx.config.selfRequestsOnly = true;
htmx.config.historyEnabled = false;
htmx.config.scrollBehavior = "auto";
// A refused form comes back as a page with its reason; its parts are as good as those of an answer with 200.
htmx.config.responseHandling = [
  { code: "204", swap: false },
  { code: "401", swap: false },
  { code: "[2345]..", swap: true },
];
document.addEventListener("htmx:responseError", (event) => {
  if ((event as CustomEvent<{ xhr: XMLHttpRequest }>).detail.xhr.status === 401) location.reload();
});
