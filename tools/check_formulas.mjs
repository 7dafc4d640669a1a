// Parses every $formula$ of the built documentation (target/doc) with KaTeX, and reports those it refuses.
//
// Usage: npm install --no-save katex && node tools/check_formulas.mjs
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import katex from "katex";

const pages = (folder) =>
  readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    return statSync(path).isDirectory() ? pages(path) : path.endsWith(".html") ? [path] : [];
  });

const text = (html) =>
  html
    .replace(/<(pre|code|script|style)\b[\s\S]*?<\/\1>/g, " ")
    .replace(/<[^>]+>/g, (tag) => (/^<\/?(em|strong|a)\b/.test(tag) ? tag : "\n\n"))
    .replaceAll("&lt;", "<").replaceAll("&gt;", ">").replaceAll("&quot;", '"').replaceAll("&#39;", "'").replaceAll("&amp;", "&");

let formulas = 0;
const broken = new Set();
for (const page of pages("target/doc/neural_limits")) {
  for (const paragraph of text(readFileSync(page, "utf8")).split(/\n\n+/)) {
    for (const [, display, inline] of paragraph.matchAll(/\$\$([\s\S]+?)\$\$|\$([^$]+)\$/g)) {
      formulas += 1;
      const formula = display ?? inline;
      try {
        katex.renderToString(formula, { throwOnError: true, displayMode: display !== undefined, strict: "error" });
      } catch (error) {
        broken.add(`${formula}\n    ${error.message}`);
      }
    }
  }
}
for (const formula of broken) console.log(formula);
console.log(`${formulas} formulas, ${broken.size} broken`);
process.exit(broken.size > 0 || formulas === 0 ? 1 : 0);
