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
