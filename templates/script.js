// What pages do beyond HTML: copy digests, narrow and sort the list of devices, mark old builds, and
// compare downloaded files with the site's. Without it nothing is missing. romfeed puts the texts in the
// language of the site into it.
"use strict";

const texts = ROMFEED_TEXTS;

// Says a text to people who do not see the page.
const voice = document.createElement("p");
voice.className = "unseen";
voice.setAttribute("role", "status");
document.body.append(voice);

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  const label = button.dataset.label ??= button.textContent;
  let isCopied = true;
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
  } catch {
    // Browsers have a clipboard only for https.
    getSelection().selectAllChildren(button.previousElementSibling);
    isCopied = document.execCommand("copy");
  }
  button.textContent = voice.textContent = isCopied ? texts["site.copied"] : texts["site.marked"];
  setTimeout(() => { button.textContent = label; voice.textContent = ""; }, 1500);
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
    none.textContent = total ? "" : texts["home.not_found"];
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
const ages = (() => {
  const { lang } = document.documentElement;
  // Browsers refuse some names of languages.
  try { return new Intl.RelativeTimeFormat(lang); } catch { return new Intl.RelativeTimeFormat(); }
})();
for (const time of document.querySelectorAll(".built")) {
  const years = Math.floor((Date.now() - Date.parse(time.dateTime)) / (365.25 * 24 * 3600 * 1000));
  if (years < 1) continue;
  const note = document.createElement("span");
  note.className = "old";
  note.textContent = texts["site.last_build"].replace("{age}", ages.format(-years, "year"));
  time.closest(".dots").append(" ", note);
}

// Says a result in the box for downloaded files; texts and elements stand in for names in braces.
function say(key, values) {
  const line = document.createElement("p");
  line.append(...texts[`check.${key}`].split(/[{}]/).map((part, index) => (index % 2 ? values[part] : part)));
  return line;
}

function element(name, text, link) {
  const node = document.createElement(name);
  node.textContent = text;
  if (link) node.href = link;
  return node;
}

// A page from a disk can load neither lists nor workers.
const box = location.protocol !== "file:" && document.querySelector(".verify");
if (box) {
  const root = new URL("..", document.currentScript.src);
  const [input, reading, results] = ["input", ".reading", ".results"].map((name) => box.querySelector(name));
  const [bar, percent, cancel] = reading.children;
  const rows = [...document.querySelectorAll("[data-file]")];
  const waiting = [];
  box.hidden = false;

  const hash = (file) => new Promise((resolve, reject) => {
    const worker = new Worker(new URL("assets/sha256.js", root));
    const end = (settle, value) => {
      worker.terminate();
      settle(value);
    };
    worker.onmessage = ({ data }) => {
      if (data.sha256) end(resolve, data.sha256);
      else if (data.error) end(reject, "unreadable");
      else {
        bar.value = file.size ? data.done / file.size : 1;
        percent.textContent = `${Math.floor(bar.value * 100)} %`;
      }
    };
    worker.onerror = () => end(reject, "no_worker");
    cancel.onclick = () => {
      waiting.length = 0;
      end(reject, "cancelled");
    };
    worker.postMessage(file);
  });

  // Returns a list of the site, or `undefined` if it cannot be loaded.
  const load = async (path, key) => {
    try {
      const response = await fetch(new URL(`assets/${path}.json`, root));
      const list = (await response.json())[key];
      return Array.isArray(list) ? list : undefined;
    } catch {
      return undefined;
    }
  };

  const filesOf = async (device) => {
    const builds = await load(`digests/${encodeURIComponent(device)}`, "builds");
    return builds?.flatMap(({ model, device, page, files }) =>
      Object.entries(files).map(([name, sha256]) => ({ model, device, page, name, sha256 })));
  };

  // Devices whose files are looked through for one file, at most.
  const most = 30;
  const words = (text) => `-${text.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "-")}-`;

  // Returns the published files that a file may be, and what it is if it is none of them. Those of other
  // devices are loaded only if this device has no such file; on large sites, those of devices in its name.
  const filesFor = async (file, sha256) => {
    const own = await filesOf(box.dataset.model);
    if (!own) return [[], "no_list"];
    if (own.some((known) => known.sha256 === sha256)) return [own];
    const devices = await load("digests", "devices");
    if (!devices) return [own, "no_list"];
    const others = devices.map(({ model }) => model).filter((model) => model !== box.dataset.model);
    const isNamed = (model) => words(file.name).includes(words(model));
    const asked = others.length > most ? others.filter(isNamed).slice(0, most) : others;
    const lists = await Promise.all(asked.map(filesOf));
    const isAll = asked.length === others.length;
    const none = isAll ? "unknown" : "not_here";
    return [own.concat(...lists.map((list) => list ?? [])), lists.includes(undefined) ? "no_list" : none];
  };

  // Returns the kind of the result and its lines.
  const judge = async (file, sha256) => {
    const row = rows.find((row) => row.querySelector("code").textContent === sha256);
    if (row) return ["good", say("unchanged", { name: element("code", row.dataset.file) })];
    const [files, none] = await filesFor(file, sha256);
    // Devices may have the same image, and some have the same name.
    const same = files.filter((known) => known.sha256 === sha256);
    const own = same.filter((known) => known.model === box.dataset.model);
    const found = own.find((known) => known.page === box.dataset.page) ?? own[0] ?? same[0];
    if (found) {
      const page = found.page.split("/").map(encodeURIComponent).join("/");
      const name = element("a", found.name, new URL(page, root));
      if (found.model !== box.dataset.model) return ["bad", say("other_device", { name, device: found.device })];
      const isOther = box.dataset.page && box.dataset.page !== found.page;
      return isOther ? ["bad", say("other_build", { name })] : ["good", say("unchanged", { name })];
    }
    // Browsers number a second download of the same name.
    const saved = file.name.replace(/ ?\(\d+\)(?=\.\w+$)/, "");
    const named = files.filter(({ name }) => name === file.name || name === saved);
    const isNamed = named.length > 0 || rows.some((row) => row.dataset.file === saved);
    const name = element("code", file.name);
    const digest = say("digest", { sha256: element("code", sha256) });
    if (named.some((known) => !known.sha256)) return ["bad", say("unchecked", { name }), digest];
    return ["bad", say(isNamed ? "changed" : none, { name }), digest];
  };

  const check = async (file) => {
    const result = document.createElement("div");
    const name = element("code", file.name);
    result.append(say("checking", { name }));
    results.append(result);
    bar.value = 0;
    percent.textContent = "";
    reading.hidden = false;
    try {
      const [kind, ...lines] = await judge(file, await hash(file));
      result.className = kind;
      result.replaceChildren(...lines);
    } catch (reason) {
      result.className = "bad";
      result.replaceChildren(say(`check.${reason}` in texts ? reason : "no_worker", { name }));
    }
  };

  const add = async (files) => {
    const isRunning = !reading.hidden;
    waiting.push(...files);
    if (isRunning || !waiting.length) return;
    results.replaceChildren();
    while (waiting.length) await check(waiting.shift());
    if (document.activeElement === cancel) input.focus();
    reading.hidden = true;
  };

  input.addEventListener("change", () => {
    add(input.files);
    // The same file can be chosen again.
    input.value = "";
  });
  // A file that misses the box must not replace the page.
  const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
  document.addEventListener("dragover", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    box.classList.add("over");
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) box.classList.remove("over");
  });
  document.addEventListener("drop", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    box.classList.remove("over");
    add(event.dataTransfer.files);
    box.scrollIntoView({ block: "nearest" });
  });
}
