// @ts-check
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import test from "node:test";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../client", import.meta.url));

/** The folders whose files each folder may import, beside its own. */
const ALLOWED = {
  state: [],
  text: [],
  net: [],
  sync: ["net", "state", "text"],
  actions: ["net", "state", "sync", "text"],
  views: ["actions", "state", "text", "vendor"],
  ".": ["actions", "net", "vendor", "views"],
};

/** Each module with the modules that it imports, relative to the client's folder. */
/** @type {Map<string, string[]>} */
const IMPORTS = new Map(
  readdirSync(ROOT, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".js") && !file.startsWith("vendor"))
    .map((file) => /** @type {const} */ ([file, importsOf(file)])),
);

function importsOf(file) {
  const source = readFileSync(join(ROOT, file), "utf8");
  return [...source.matchAll(/^(?:import|export)\b[^"]*? from "(\.[^"]+)";/gm)].map(([, path]) =>
    relative(ROOT, join(ROOT, dirname(file), path)),
  );
}

const folderOf = (file) => (file.includes("/") ? file.split("/")[0] : ".");

test("imports point one way, from the views down to the state", () => {
  assert.ok(IMPORTS.size > 50, "the modules are found");
  const forbidden = [...IMPORTS].flatMap(([file, imports]) =>
    imports
      .filter((other) => folderOf(other) !== folderOf(file) && !ALLOWED[folderOf(file)].includes(folderOf(other)))
      .map((other) => `${file} imports ${other}`),
  );
  assert.deepEqual(forbidden, []);
});

test("no modules import each other in a circle", () => {
  const done = new Set();
  const circles = [];
  const visit = (file, path) => {
    if (path.includes(file)) circles.push([...path.slice(path.indexOf(file)), file].join(" → "));
    if (path.includes(file) || done.has(file)) return;
    for (const other of IMPORTS.get(file) ?? []) visit(other, [...path, file]);
    done.add(file);
  };
  for (const file of IMPORTS.keys()) visit(file, []);
  assert.deepEqual(circles, []);
});

test("every module is type-checked and begins with a comment about what it provides", () => {
  const bare = [...IMPORTS.keys()].filter((file) => !/^\/\/ @ts-check\n\/\/ [A-Z]/.test(readFileSync(join(ROOT, file), "utf8")));
  assert.deepEqual(bare, []);
});

/** Words that no documentation begins with: question words and pronouns. */
const REFUSED_OPENINGS = new Set(
  "What Who Which Where When Why How It They He She We You That This These Those There One Somebody Someone Nobody".split(" "),
);

test("documentation begins with the thing or a verb", () => {
  const refused = documentedFiles().flatMap((file) =>
    openings(readFileSync(file, "utf8"))
      .filter((opening) => REFUSED_OPENINGS.has(opening.match(/^\w+/)?.[0]))
      .map((opening) => `${relative(ROOT, file)}: ${opening}`),
  );
  assert.deepEqual(refused, []);
});

test("openings are found in headers and JSDoc alone", () => {
  const source = [
    "// @ts-check",
    "// The header.",
    "// Who reads it.",
    "/** What it is. */",
    "const a = 1;",
    "// Which is no documentation.",
    "  /**",
    "   * How it works,",
    "   * When it does.",
    "   *",
    "   * Where it is.",
    "   * @param {string} it",
    "   */",
    "/** @type {string} */",
  ].join("\n");
  assert.deepEqual(openings(source), ["The header.", "What it is.", "How it works,", "Where it is."]);
});

/** Returns the paths of the client's own modules and of the declarations of its types. */
function documentedFiles() {
  return ["../client", "../types"].flatMap((folder) => {
    const root = fileURLToPath(new URL(folder, import.meta.url));
    return readdirSync(root, { recursive: true, encoding: "utf8" })
      .filter((file) => /\.[jt]s$/.test(file) && !file.startsWith("vendor"))
      .map((file) => join(root, file));
  });
}

/**
 * Returns the first line of each paragraph of a file's header and JSDoc.
 * @param {string} source
 */
function openings(source) {
  const header = source.match(/^(?:\/\/ @ts-check\n)?\/\/ (.*)/)?.slice(1) ?? [];
  const comments = [...source.matchAll(/\/\*\*(.*?)\*\//gs)].map(([, comment]) => comment.replace(/^ *\* ?/gm, "").trim());
  const paragraphs = comments.flatMap((comment) => comment.split(/\n\s*\n/)).map((paragraph) => paragraph.trim().split("\n")[0]);
  return [...header, ...paragraphs].filter((opening) => opening && !opening.startsWith("@"));
}
