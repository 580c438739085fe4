// What pages do beyond HTML: copy digests, and narrow the list of devices. Without it nothing is missing.
"use strict";

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const label = button.textContent;
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
    button.textContent = "Copied";
  } catch {
    const range = document.createRange();
    range.selectNodeContents(button.previousElementSibling);
    getSelection().removeAllRanges();
    getSelection().addRange(range);
    button.textContent = "Marked";
  }
  setTimeout(() => { button.textContent = label; }, 1500);
});

const search = document.querySelector(".search");
if (search) {
  const input = search.querySelector("input");
  const none = search.querySelector(".none");
  const sections = [...document.querySelectorAll(".maker")].map((section) => ({
    section,
    maker: (section.querySelector("h2")?.textContent ?? "").toLowerCase(),
    items: [...section.querySelectorAll("li")].map((item) => [item, item.textContent.toLowerCase()]),
  }));
  const narrow = () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    let total = 0;
    for (const { section, maker, items } of sections) {
      let shown = 0;
      for (const [item, text] of items) {
        item.hidden = !words.every((word) => text.includes(word) || maker.includes(word));
        shown += !item.hidden;
      }
      section.hidden = shown === 0;
      total += shown;
    }
    none.textContent = total ? "" : "No device has this name.";
  };
  input.addEventListener("input", narrow);
  search.addEventListener("submit", (event) => {
    event.preventDefault();
    const only = document.querySelectorAll(".maker:not([hidden]) li:not([hidden]) a");
    if (only.length === 1) location = only[0].href;
  });
  if (input.value) narrow();
}
