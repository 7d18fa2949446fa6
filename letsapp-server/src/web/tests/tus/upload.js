// @ts-check
// Uploads a file with tus-js-client, for the end-to-end tests of the server:
// `node upload.js URL TOKEN FILE STORAGE cut|finish`. With `cut`, the process dies in the middle of the upload, as by a
// power cut; with `finish`, it goes on from what the other has noted in the file STORAGE, and prints what came of it.

import { createHash } from "node:crypto";
import { createReadStream, readFileSync, statSync } from "node:fs";
import * as tus from "tus-js-client";

// Missing in the types of the package, since browsers do not have it.
const { FileUrlStorage } = /** @type {any} */ (tus);

const [url, token, path, storage, mode] = process.argv.slice(2);
const size = statSync(path).size;

/** Offsets that the server has told, in answer to HEAD. @type {number[]} */
const offsets = [];
let mediaId = "";
let created = 0;

const upload = new tus.Upload(createReadStream(path), {
  endpoint: `${url}/v1/uploads`,
  headers: { authorization: `Bearer ${token}` },
  metadata: { filename: "words.txt", filetype: "text/plain" },
  uploadSize: size,
  // One request for all that is left.
  chunkSize: Infinity,
  retryDelays: [0, 100, 1000, 3000],
  urlStorage: new FileUrlStorage(storage),
  storeFingerprintForResuming: true,
  fingerprint: () => Promise.resolve(path),
  onProgress(sent) {
    if (mode === "cut" && sent > size / 2) process.kill(process.pid, "SIGKILL");
  },
  onAfterResponse(request, response) {
    if (request.getMethod() === "HEAD") offsets.push(Number(response.getHeader("Upload-Offset")));
    if (request.getMethod() === "POST") created += 1;
    mediaId = response.getHeader("Upload-Media-Id") ?? mediaId;
  },
  onError(error) {
    console.error(error);
    process.exit(1);
  },
  onSuccess() {
    const sha256 = createHash("sha256").update(readFileSync(path)).digest("hex");
    console.log(JSON.stringify({ created, offsets, mediaId, sha256 }));
  },
});

const previous = await upload.findPreviousUploads();
if (previous.length > 0) upload.resumeFromPreviousUpload(previous[0]);
upload.start();
