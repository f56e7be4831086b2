// Finds things by the words on them. Evaluated in the page; gives plain values.
(verb, ...args) => {
  const tidy = (text) => (text ?? "").replace(/[\s\u00a0]+/g, " ").trim();
  const shown = (e) => e.checkVisibility({ visibilityProperty: true }) && e.getClientRects().length > 0;
  const byId = (ids) => ids.split(/\s+/).map((id) => tidy(document.getElementById(id)?.textContent)).join(" ");
  const name = (e) => tidy(e.getAttribute("aria-label")) || (e.hasAttribute("aria-labelledby") ? tidy(byId(e.getAttribute("aria-labelledby"))) : "")
    || tidy(e.innerText) || tidy(e.value) || tidy(e.title);
  const labels = (e) => [...(e.labels ?? [])].map((l) => tidy(l.innerText)).concat(tidy(e.getAttribute("aria-label")),
    e.hasAttribute("aria-labelledby") ? byId(e.getAttribute("aria-labelledby")) : "").filter(Boolean);

  // The better a name fits, the lower the number; -1 is no match.
  const fits = (has, want) => {
    const a = has.toLowerCase(), b = want.toLowerCase();
    return has === want ? 0 : a === b ? 1 : a.startsWith(b) ? 2 : a.includes(b) ? 3 : -1;
  };
  // What is in an open dialog comes first, then the page's main part.
  const place = (e) => e.closest("dialog[open], [popover]:popover-open, [role=dialog]") ? 0 : e.closest("main") ? 1 : 2;
  const best = (elements, want, names) => {
    let found = null, rank = Infinity;
    for (const e of elements) {
      const fit = Math.min(...names(e).map((n) => fits(n, want)).filter((n) => n >= 0), Infinity);
      const r = fit * 10 + place(e);
      if (r < rank) { found = e; rank = r; }
    }
    return found;
  };
  // The smallest thing of a list, a table or a card that has the text, or all of them.
  const scope = (text) => {
    if (!text) return document;
    const want = [].concat(text);
    let smallest = null, length = Infinity;
    for (const e of document.querySelectorAll("li, tr, dialog[open], form, article, section, fieldset")) {
      const all = tidy(e.innerText);
      if (all.length < length && shown(e) && want.every((one) => fits(all, one) >= 0)) { smallest = e; length = all.length; }
    }
    return smallest;
  };
  const clickable = "button, a[href], summary, input[type=submit], [role=button], [role=tab], [role=menuitem], [role=option], [role=link]";
  const controls = "input:not([type=hidden]), textarea, select, [contenteditable=true], [role=combobox]";

  const at = (e) => {
    if (!e) return null;
    if (e.disabled) return { why: "it is disabled" };
    e.scrollIntoView({ block: "center", inline: "nearest", behavior: "instant" });
    const box = e.getClientRects()[0];
    const x = box.x + box.width / 2, y = box.y + box.height / 2;
    const top = document.elementFromPoint(x, y);
    if (!top || !(e.contains(top) || top.contains(e) || [...(e.labels ?? [])].some((l) => l.contains(top)))) {
      return { why: "covered by " + (top ? top.outerHTML.slice(0, 200) : "nothing; it lies outside of the window") };
    }
    return { x, y };
  };
  const inside = (where) => { const s = scope(where); return s ? (q) => [...s.querySelectorAll(q)].filter(shown) : () => []; };

  const control = (label, where) => best(inside(where)(controls), label, labels);
  const choice = (label, where) => {
    // A radio button or checkbox may be drawn by its label, so the label is what one sees.
    const s = scope(where);
    return s && best([...s.querySelectorAll("label")].filter((l) => shown(l) && l.control), label, (l) => [tidy(l.innerText)]);
  };

  switch (verb) {
    case "click": return at(best(inside(args[1])(clickable), args[0], (e) => [name(e)]));
    case "agree": return at([...document.querySelectorAll("dialog[open] button")].filter(shown).at(-1));
    case "choose": return at(choice(args[0], args[1]));
    case "focus": {
      const e = control(args[0], args[1]);
      const where = at(e);
      if (where && !where.why) { e.focus(); e.select?.(); }
      return where && { ...where, select: e.tagName === "SELECT" };
    }
    case "pick": {
      const e = control(args[0], args[2]);
      const option = [...e.options].find((o) => fits(tidy(o.text), args[1]) >= 0);
      if (!option) return false;
      e.value = option.value;
      e.dispatchEvent(new Event("input", { bubbles: true }));
      e.dispatchEvent(new Event("change", { bubbles: true }));
      return true;
    }
    case "value": return control(args[0], args[1])?.value ?? null;
    case "checked": return choice(args[0], args[1])?.control.checked ?? null;
    case "control": {
      const s = [...document.querySelectorAll("input, textarea, select")];
      return best(s, args[0], (e) => labels(e).concat([...(e.labels ?? [])].map((l) => tidy(l.textContent))));
    }
    case "text": return tidy(document.body?.innerText);
    case "in": { const s = scope(args[0]); return s ? tidy(s === document ? document.body.innerText : s.innerText) : null; }
    case "names": return [...document.querySelectorAll(clickable)].filter(shown).map(name);
    case "focused": {
      const e = document.activeElement;
      if (!e || e === document.body) return null;
      // A ring around it, around what wraps it, or around what its label draws for it.
      const ringed = (x) => { const s = getComputedStyle(x); return (s.outlineStyle !== "none" && parseFloat(s.outlineWidth) > 0) || s.boxShadow !== "none"; };
      const seen = [e, e.parentElement, e.nextElementSibling, ...(e.labels ?? [])].some((x) => x && ringed(x));
      return { name: labels(e)[0] || name(e), tag: e.tagName.toLowerCase(), type: e.type ?? "", seen };
    }
    case "wide": {
      // What makes the page scroll sideways, the innermost first.
      const room = document.documentElement.clientWidth;
      if (document.documentElement.scrollWidth <= room) return [];
      return [...document.body.querySelectorAll("*")].filter((e) => shown(e) && e.getBoundingClientRect().right > room + 1
        && ![...e.children].some((c) => c.getBoundingClientRect().right > room + 1)).slice(0, 5).map((e) => e.outerHTML.slice(0, 160));
    }
  }
}
