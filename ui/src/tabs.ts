// On a narrow screen the tabs scroll: the one of this page is seen.
document.querySelector(".tabs [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
