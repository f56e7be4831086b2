// For pages whose fields are looked at while somebody types, and the palette (palette.ts) at its first use. How htmx is
// to be stands in the layout, because it looks there before anything here could tell it.
import "htmx.org";

document.addEventListener("htmx:responseError", (event) => {
  if ((event as CustomEvent<{ xhr: XMLHttpRequest }>).detail.xhr.status === 401) location.reload();
});
