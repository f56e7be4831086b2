// On a narrow screen the tabs scroll: the one of this page is seen. Newer browsers do it by the style alone, before
// the first picture.
if (!CSS.supports("scroll-initial-target", "nearest")) {
  document.querySelector(".tabs [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
}
