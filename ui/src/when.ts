// Relative times go on while a page stays open. The words are those of the server (console/view.go).
function ago(seconds: number): string {
  if (seconds < 5) return "just now";
  if (seconds < 60) return Math.floor(seconds) + " s ago";
  if (seconds < 3600) return Math.floor(seconds / 60) + " min ago";
  if (seconds < 86_400) return Math.floor(seconds / 3600) + " h ago";
  if (seconds < 172_800) return "yesterday";
  return Math.floor(seconds / 86_400) + " days ago";
}

// The server's clock counts: a browser's may be wrong by minutes.
const page = document.body.dataset.now;
const skew = page ? Date.parse(page) - Date.now() : 0;

setInterval(() => {
  if (document.hidden) return;
  for (const time of document.querySelectorAll<HTMLTimeElement>("time[data-ago]")) {
    const text = ago((Date.now() + skew - Date.parse(time.dateTime)) / 1000);
    if (time.textContent !== text) time.textContent = text;
  }
}, 10_000);
