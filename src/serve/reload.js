// Brings the page up to date while its templates are written; served by `romfeed serve --watch` alone.
"use strict";
(() => {
  const at = new URL("version", document.currentScript.src);
  const ask = async () => {
    const answer = await fetch(at, { cache: "no-store" });
    if (!answer.ok) throw new Error(answer.status);
    return answer.text();
  };
  let known;
  setInterval(async () => {
    try {
      const now = await ask();
      if (known !== undefined && now !== known) location.reload();
      known = now;
    } catch {
      // The server is away; it will be asked again.
    }
  }, 1000);
})();
