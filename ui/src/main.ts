// What every page has. The console works without any of it.
import htmx from "htmx.org";
import "./copy";
import "./confirm";
import "./help";
import "./palette";
import "./tabs";
import "./toast";
import "./twice";
import "./typed";
import "./when";
import { connect } from "./live";

document.documentElement.classList.add("script");

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

connect();
