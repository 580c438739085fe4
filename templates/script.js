// What pages do beyond HTML: copy digests, narrow and sort the list of devices, and mark old builds.
// Without it nothing is missing. Its texts are in the element that loads it.
"use strict";

const texts = document.currentScript.dataset;

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const label = button.textContent;
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
    button.textContent = texts.copied;
  } catch {
    const range = document.createRange();
    range.selectNodeContents(button.previousElementSibling);
    getSelection().removeAllRanges();
    getSelection().addRange(range);
    button.textContent = texts.marked;
  }
  setTimeout(() => { button.textContent = label; }, 1500);
});

// Letters and digits alone, in lower case and without accents: "SM-G900F" is found by "sm g900f".
const plain = (text) => text.normalize("NFKD").toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "");

const search = document.querySelector(".search");
if (search) {
  const input = search.querySelector("input");
  const sort = search.querySelector("select");
  const none = document.querySelector(".none");
  const recent = document.querySelector(".recent");
  const text = (element) => element?.textContent ?? "";
  const items = [...document.querySelectorAll(".maker li")].map((item) => ({
    item,
    list: item.parentElement,
    date: item.querySelector("time")?.dateTime ?? "",
    text: plain(text(item.querySelector("strong")) + text(item.querySelector("code")) + (item.dataset.also ?? "")),
  }));
  const narrow = () => {
    const words = input.value.split(/\s+/).map(plain).filter(Boolean);
    const whole = words.join("");
    let total = 0;
    for (const { item, text } of items) {
      item.hidden = !text.includes(whole) && !words.every((word) => text.includes(word));
      total += !item.hidden;
    }
    for (const section of document.querySelectorAll(".maker")) {
      section.hidden = !section.querySelector("li:not([hidden])");
    }
    if (recent) recent.hidden = whole !== "" || sort.value === "date";
    none.textContent = total ? "" : texts.none;
  };
  // By date, all devices are in one list; by name, each is where it was.
  const all = document.createElement("ul");
  all.className = "devices";
  const section = document.createElement("div");
  section.className = "maker";
  section.append(all);
  document.querySelector(".maker").before(section);
  const arrange = () => {
    const byDate = sort.value === "date";
    const order = byDate ? [...items].sort((a, b) => (a.date < b.date) - (a.date > b.date)) : items;
    for (const { item, list } of order) (byDate ? all : list).append(item);
    narrow();
  };
  input.addEventListener("input", narrow);
  sort.addEventListener("change", arrange);
  search.addEventListener("submit", (event) => {
    event.preventDefault();
    const only = document.querySelectorAll(".maker li:not([hidden]) a");
    if (only.length === 1) location = only[0].href;
  });
  arrange();
}

// Ages change while pages stay as they are, so they are not in the pages.
const ages = new Intl.RelativeTimeFormat(document.documentElement.lang);
for (const time of document.querySelectorAll(".built")) {
  const years = Math.floor((Date.now() - Date.parse(time.dateTime)) / (365.25 * 24 * 3600 * 1000));
  if (years < 1) continue;
  const note = document.createElement("span");
  note.className = "old";
  note.textContent = texts.old.replace("{age}", ages.format(-years, "year"));
  time.closest(".dots").append(" ", note);
}
