// @ts-check
// Downloading a file.
/** @import {Attachment} from "../../types/protocol.d.ts" */
/** @import {Client} from "../actions/client.js" */

/**
 * Saves a file to the reader's device, under its own name.
 * @param {Client} client
 * @param {Pick<Attachment, "id" | "file_name">} file
 */
export async function save(client, { id, file_name }) {
  const link = document.createElement("a");
  link.href = await client.files.link(id, "original");
  link.download = file_name;
  link.rel = "noopener";
  // Only of this server's own files a browser takes the name from here. One of a bucket may be shown instead: not in place of the page.
  if (link.origin !== window.location.origin) link.target = "_blank";
  link.click();
}
