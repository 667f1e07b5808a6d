// Lets Node find the page's modules by the names that the import map gives them.

import { register } from "node:module";

const hooks = `
  const root = ${JSON.stringify(new URL("../../../frontend/static/js/", import.meta.url).href)};
  export async function resolve(specifier, context, next) {
    if (!specifier.startsWith("millrace/")) return next(specifier, context);
    return { url: root + specifier.slice("millrace/".length) + ".js", format: "module", shortCircuit: true };
  }
`;
register(`data:text/javascript,${encodeURIComponent(hooks)}`);
