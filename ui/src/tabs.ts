// On a narrow screen the tabs scroll: the one of this page is seen. After the first picture, which would wait for it.
requestAnimationFrame(() => setTimeout(() => {
  document.querySelector(".tabs [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
}));
