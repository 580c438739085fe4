// Addresses as on LineageOS's own server, pages of folders, and the security headers of pages: a CloudFront Function
// for the runtime cloudfront-js-2.0, for viewer requests and viewer responses. The distribution also needs
//   - an origin with origin access control, and for it s3:GetObject and s3:ListBucket in the
//     policy of the bucket: without the latter, missing files are answered with 403 instead of 404;
//   - an error page: 404 shows <{ prefix }>/404.html, with status 404;
//   - the cache policy CachingOptimized, which respects the lifetimes that `publish` sets.
// It cannot see whether a file exists, so unknown incrementals are answered with 404, and phones
// request {type}.json. The POST of CyanogenMod's updater is refused.
const rules = [
  [/^(.*\/api\/v1\/types\/[^/]+)\/?$/, "$1.json"],
  [/^(.*\/api\/v1\/devices)\/?$/, "$1.json"],
  [/^(.*\/api\/v2\/oems)\/?$/, "$1.json"],
  [/^(.*\/api\/v2\/devices\/[^/]+(?:\/builds)?)\/?$/, "$1.json"],
];

function handler(event) {
  const request = event.request;
  if (event.response) {
    const headers = event.response.headers;
    const isPackage = request.uri.startsWith("<{ prefix }>/builds/");
    const policy = isPackage ? "<{ package_policy }>" : "<{ page_policy }>";
    headers["content-security-policy"] = { value: policy };
    headers["referrer-policy"] = { value: "<{ referrer_policy }>" };
    headers["x-content-type-options"] = { value: "nosniff" };
    return event.response;
  }
  if (!request.uri.endsWith(".json")) {
    const rule = rules.find((rule) => rule[0].test(request.uri));
    if (rule) {
      request.uri = request.uri.replace(rule[0], rule[1]);
    } else if (request.uri.endsWith("/")) {
      request.uri += "index.html";
    }
  }
  return request;
}
