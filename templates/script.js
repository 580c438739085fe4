// What pages do beyond HTML: copy digests, narrow the list of devices, and mark old builds. Without it
// nothing is missing.
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

// Ages change while pages stay as they are, so they are not in the pages.
for (const time of document.querySelectorAll(".built")) {
  const years = Math.floor((Date.now() - Date.parse(time.dateTime)) / (365.25 * 24 * 3600 * 1000));
  if (years > 0) time.append(` (${years} year${years > 1 ? "s" : ""} ago)`);
}

// Letters and digits alone, in lower case and without accents: "SM-G900F" is found by "sm g900f".
const plain = (text) => text.normalize("NFKD").toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "");

const search = document.querySelector(".search");
if (search) {
  const input = search.querySelector("input");
  const none = search.querySelector(".none");
  const recent = document.querySelector(".recent");
  const sections = [...document.querySelectorAll(".maker")].map((section) => ({
    section,
    items: [...section.querySelectorAll("li")].map((item) => {
      const texts = [section.querySelector("h2"), item.querySelector("strong"), item.querySelector("code")];
      return [item, plain(texts.map((text) => text?.textContent ?? "").join("") + (item.dataset.models ?? ""))];
    }),
  }));
  const narrow = () => {
    const words = input.value.split(/\s+/).map(plain).filter(Boolean);
    const whole = words.join("");
    let total = 0;
    if (recent) recent.hidden = whole !== "";
    for (const { section, items } of sections) {
      let shown = 0;
      for (const [item, text] of items) {
        item.hidden = !text.includes(whole) && !words.every((word) => text.includes(word));
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
