// Addresses as on LineageOS's own server, a list for unknown incrementals, and the POST of
// CyanogenMod's updater. An existing file takes precedence over every rule; in `_redirects` a rule
// would take precedence over the file. A path without a file or rule is answered with 404.
const rules = [
  [/^(.*\/api\/v1\/types\/[^/]+)\/?$/, "$1.json"],
  [/^(.*\/api\/v1\/devices)\/?$/, "$1.json"],
  [/^(.*\/api\/v1\/[^/]+\/[^/]+)\/[^/]+\/?$/, "$1.json"],
  [/^(.*\/api\/v2\/oems)\/?$/, "$1.json"],
  [/^(.*\/api\/v2\/devices\/[^/]+(?:\/builds)?)\/?$/, "$1.json"],
];
const posts = [
  [/^(.*\/legacy\/[^/]+\/[^/]+)\/?$/, "$1/index.json"],
  [/^(.*\/legacy\/[^/]+\/[^/]+\/v1\/build\/get_delta)$/, "$1"],
];

export async function onRequest(context) {
  const url = new URL(context.request.url);
  const isPost = context.request.method === "POST";
  const answer = isPost ? null : await context.next();
  if (answer && answer.status !== 404) {
    return answer;
  }
  const rule = (isPost ? posts : rules).find(([path]) => path.test(url.pathname));
  if (!rule) {
    return answer || new Response("Method Not Allowed\n", { status: 405, headers: { Allow: "GET, HEAD" } });
  }
  url.pathname = url.pathname.replace(rule[0], rule[1]);
  return context.env.ASSETS.fetch(new Request(url, { method: isPost ? "GET" : context.request.method }));
}
